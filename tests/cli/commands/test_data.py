from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from seqbench.cli import main as cli
from seqbench.datamodules.sources import published_datasets
from seqbench.utils.errors import SeqbenchError


def seqbench(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    parser = cli.build_parser(["data"])
    options = parser.parse_args(["data", *words])
    status = options.main(options)
    return status, capsys.readouterr().out


def test_list_says_what_is_at_hand(capsys: pytest.CaptureFixture[str], no_data: None) -> None:
    status, out = seqbench(capsys, "list")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == list(published_datasets.DATASETS)
    assert "no; on the hub" in out


def test_verify_reads_checksums_and_rows(capsys: pytest.CaptureFixture[str], real_data: Path) -> None:
    status, out = seqbench(capsys, "verify")
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
    status, out = seqbench(capsys, "verify", "multi30k")
    assert status == 1
    assert "multi30k: WRONG: val.de.gz of 'multi30k'" in out


def test_what_is_not_at_hand_is_said(capsys: pytest.CaptureFixture[str], no_data: None) -> None:
    assert seqbench(capsys, "verify", "jsb") == (1, "jsb: not at hand\n")
    assert seqbench(capsys, "verify")[0] == 0
    for action in ("path", "fetch"):
        with pytest.raises(SeqbenchError, match=r"'sst2' .* is not at hand"):
            seqbench(capsys, action, "sst2")
        with pytest.raises(SeqbenchError, match="name at least one data set"):
            seqbench(capsys, action)
    with pytest.raises(SeqbenchError, match="no hub has 'jsb'"):
        seqbench(capsys, "fetch", "jsb")
    with pytest.raises(SeqbenchError, match="Did you mean 'jsb'"):
        seqbench(capsys, "path", "jbs")


def test_path_is_the_folder(capsys: pytest.CaptureFixture[str], real_data: Path) -> None:
    assert seqbench(capsys, "path", "jsb", "sst2-phrases") == (0, f"{real_data / 'jsb-chorales'}\n{real_data}\n")
