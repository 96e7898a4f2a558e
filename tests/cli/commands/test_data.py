from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from seqbench.cli import main as cli
from seqbench.datamodules.sources import published_datasets
from seqbench.utils.errors import SeqbenchError


def run_data(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Return the exit status of ``seqbench data`` and its standard output."""
    parser = cli.build_parser(["data"])
    options = parser.parse_args(["data", *words])
    status = options.main(options)
    return status, capsys.readouterr().out


def test_list_shows_which_data_sets_are_on_this_machine(capsys: pytest.CaptureFixture[str], no_data: None) -> None:
    status, out = run_data(capsys, "list")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == list(published_datasets.DATASETS)
    assert "not here; on the hub" in out


def test_verify_compares_checksums_and_counts_rows(capsys: pytest.CaptureFixture[str], real_data: Path) -> None:
    status, out = run_data(capsys, "verify")
    assert status == 0
    assert [line for line in out.splitlines() if ": ok, " not in line] == []
    assert "multi30k: ok, 29,000 train, 1,014 validation, 1,000 test" in out


def test_verify_finds_a_changed_file(
    capsys: pytest.CaptureFixture[str], real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in published_datasets.find_dataset("multi30k").files.values():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((real_data / name).read_bytes())
    changed = tmp_path / "multi30k-en-de/val.de.gz"
    changed.write_bytes(gzip.compress(gzip.decompress(changed.read_bytes()).replace(b"Frau", b"Mann", 1)))
    monkeypatch.setenv("SEQBENCH_DATA", str(tmp_path))
    status, out = run_data(capsys, "verify", "multi30k")
    assert status == 1
    assert "multi30k: WRONG: val.de.gz of 'multi30k'" in out


def test_a_data_set_that_is_missing_or_unknown_is_reported(capsys: pytest.CaptureFixture[str], no_data: None) -> None:
    assert run_data(capsys, "verify", "jsb") == (1, "jsb: not found\n")
    assert run_data(capsys, "verify")[0] == 0
    for action in ("path", "fetch"):
        with pytest.raises(SeqbenchError, match=r"'sst2' .* was not found"):
            run_data(capsys, action, "sst2")
        with pytest.raises(SeqbenchError, match="name at least one data set"):
            run_data(capsys, action)
    with pytest.raises(SeqbenchError, match="'jsb' is not on a hub"):
        run_data(capsys, "fetch", "jsb")
    with pytest.raises(SeqbenchError, match="Did you mean 'jsb'"):
        run_data(capsys, "path", "jbs")


def test_path_prints_the_folder_of_each_data_set(capsys: pytest.CaptureFixture[str], real_data: Path) -> None:
    assert run_data(capsys, "path", "jsb", "sst2-phrases") == (0, f"{real_data / 'jsb-chorales'}\n{real_data}\n")


def test_a_task_stands_for_its_data_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", "list", "sentiment", "music-jsb"]) == 0
    by_task = capsys.readouterr().out
    assert cli.main(["data", "list", "sst2", "jsb"]) == 0
    assert capsys.readouterr().out == by_task


def test_a_generated_task_has_no_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", "path", "copy"]) == 2
    assert "task 'copy' is generated and needs no data" in capsys.readouterr().err
