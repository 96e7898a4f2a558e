from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.protocol import records
from seqbench.utils.errors import SeqbenchError
from seqbench.verification.requests import offered_checkpoints
from seqbench.verification.requests.offered_checkpoints import build_run_folder, find_checkpoints
from tests.leaderboard.kit import example_record
from tests.verification.requests.kit import offer_run


def test_checkpoints_are_found_by_the_record_of_their_run(tmp_path: Path) -> None:
    first, second = (offer_run(tmp_path / "deep" / "down", example_record(seed=seed)) for seed in (0, 1))
    (second / "checkpoints" / "best.ckpt").unlink()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "result.json").write_text("{")
    assert find_checkpoints(tmp_path) == {example_record().digest(): first / "checkpoints" / "best.ckpt"}


def test_a_run_folder_holds_the_record_of_the_request_and_the_checkpoint(tmp_path: Path) -> None:
    record = example_record()
    checkpoint = offer_run(tmp_path / "offered", record) / "checkpoints" / "best.ckpt"
    run = build_run_folder(record, checkpoint, tmp_path / "work" / "0")
    assert records.read_record(run).digest() == record.digest()
    assert sorted(path.relative_to(run).as_posix() for path in run.rglob("*")) == [
        "checkpoints",
        "checkpoints/best.ckpt",
        "result.json",
    ]
    with pytest.raises(SeqbenchError, match="cannot be read"):
        build_run_folder(record, tmp_path / "nothing", tmp_path / "work" / "1")


def test_links_and_large_files_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = offer_run(tmp_path / "offered", example_record())
    checkpoint = run / "checkpoints" / "best.ckpt"
    checkpoint.rename(tmp_path / "secret")
    checkpoint.symlink_to(tmp_path / "secret")
    assert find_checkpoints(tmp_path / "offered") == {}
    checkpoint.unlink()
    checkpoint.parent.rmdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "best.ckpt").write_bytes(b"weights")
    checkpoint.parent.symlink_to(tmp_path / "folder")
    assert find_checkpoints(tmp_path / "offered") == {}
    checkpoint.parent.unlink()
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b"weights")
    monkeypatch.setattr(offered_checkpoints, "LARGEST_CHECKPOINT", 3)
    assert find_checkpoints(tmp_path / "offered") == {}


def test_a_missing_folder_and_one_with_too_many_runs_are_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SeqbenchError, match="there is no folder"):
        find_checkpoints(tmp_path / "nothing")
    offer_run(tmp_path, example_record())
    monkeypatch.setattr(offered_checkpoints, "MOST_RUNS", 0)
    with pytest.raises(SeqbenchError, match="more than 0 runs"):
        find_checkpoints(tmp_path)
