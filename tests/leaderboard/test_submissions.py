from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seqbench.leaderboard import submissions
from seqbench.leaderboard.data import board_paths
from seqbench.leaderboard.submissions import Verification
from seqbench.protocol import records
from seqbench.protocol.record_fields import VerificationStamp
from seqbench.protocol.records import Record
from seqbench.utils.errors import SeqbenchError
from tests.leaderboard.kit import STATED, example_record, write_records
from tests.record_data import changed_record

CARD = "{name: mine, version: 1, title: t, summary: s, tier: small, seeds: 2, tasks: {copy: , parity: }}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "boards").mkdir()
    (tmp_path / "boards" / "mine.yaml").write_text(CARD)
    return tmp_path / "boards"


def accept(path: Path) -> Verification:
    return Verification(STATED, [])


def with_stamp(record: Record, how: str = submissions.SCORED, **stamp: Any) -> Record:
    return replace(record, verified=VerificationStamp(how=how, **stamp))


def write_data(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"sentence": "not ours to publish"}')


def submit(root: Path, runs: Path, verify: submissions.Verify = accept) -> submissions.Submission:
    return submissions.submit_runs(root, "mine", [runs], verify)


def with_sample(record: Record) -> Record:
    private = {"sample": {"prompt": "not ours to publish"}, "sample_error": "could not decode 'not ours to publish'"}
    return replace(record, results=record.results.with_values(**private))


def test_verified_runs_are_written_and_the_board_is_valid(root: Path, tmp_path: Path) -> None:
    runs = write_records(tmp_path / "runs", *(with_sample(example_record(seed=seed)) for seed in (0, 1)))
    verified: list[Path] = []

    def verify(path: Path) -> Verification:
        verified.append(path)
        return accept(path)

    done = submit(root, runs, verify)
    assert done.refused == []
    names = sorted(path.relative_to(root).as_posix() for path in done.written)
    assert [name.rpartition("-")[0] for name in names] == [f"mine/results/copy/gru/small-s{seed}" for seed in (0, 1)]
    assert all((path / "result.json").is_file() for path in verified)
    for path in done.written:
        submitted = records.read_record(path)
        assert submitted.intact()
        assert "not ours" not in path.read_text()
        assert submitted.verified == STATED.with_values(checksum=submitted.checksum)
    assert submissions.check_board(root, "mine") == (2, [])
    # A second submission of the same runs verifies nothing.
    assert submit(root, runs, lambda path: pytest.fail("again")).written == []


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (example_record(distribution=None, version=None), "its architecture was given by its path"),
        (example_record(modified=("optim.steps",)), "departs from the card in optim.steps"),
        (
            changed_record(example_record(), "config.git_commit", "abc+changes"),
            "a checkout of seqbench with uncommitted changes",
        ),
    ],
)
def test_runs_that_others_cannot_repeat_are_refused(root: Path, tmp_path: Path, run: Record, reason: str) -> None:
    done = submit(root, write_records(tmp_path / "runs", run, example_record(seed=1)))
    assert [reason in why for _, why in done.refused] == [True]
    assert len(done.written) == 1


def test_a_run_that_fails_its_verification_is_refused(root: Path, tmp_path: Path) -> None:
    runs = write_records(tmp_path / "runs", example_record(), example_record(seed=1))
    done = submit(root, runs, lambda path: Verification(STATED, ["scores: 0.9 is 0.2"] if "-s1-" in path.name else []))
    assert [why for _, why in done.refused] == ["scores: 0.9 is 0.2"]
    assert len(done.written) == 1
    assert submissions.check_board(root, "mine")[0] == 1


def test_a_committed_result_is_never_replaced(root: Path, tmp_path: Path) -> None:
    submit(root, write_records(tmp_path / "runs", example_record()))
    again = replace(example_record(value=0.95), config=example_record().config)
    done = submit(root, write_records(tmp_path / "again", again))
    assert done.written == []
    assert "the board has another result for this cell" in done.refused[0][1]


def test_records_without_their_runs_can_be_submitted(root: Path, tmp_path: Path) -> None:
    path = example_record().write(tmp_path / "records", "some.json")
    verified: list[Path] = []

    def verify(path: Path) -> Verification:
        verified.append(path)
        return Verification(STATED.with_values(how=submissions.TRAINED), [])

    for place in (tmp_path / "records", path):
        assert submit(root, place, verify).refused == []
    assert verified == [path]


def committed(root: Path, tmp_path: Path) -> Sequence[Path]:
    return submit(root, write_records(tmp_path / "runs", example_record(), example_record(seed=1))).written


def test_an_edited_page_is_a_problem(root: Path, tmp_path: Path) -> None:
    committed(root, tmp_path)
    page = root / "mine" / "index.html"
    page.write_text(page.read_text().replace("0.9", "1.0", 1))
    (root / "mine" / "board.tex").unlink()
    problems = submissions.check_board(root, "mine")[1]
    assert [problem.partition(" ")[0] for problem in problems] == ["board.tex", "index.html"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.write_text(path.read_text().replace("0.9", "0.95")), "it was edited after it was written"),
        (lambda path: path.rename(path.with_name("other.json")), "it belongs at copy/gru/small-s0-"),
        (lambda path: with_sample(records.read_record(path)).write(path.parent, path.name), "it holds a sample"),
        (lambda path: example_record(task="adding").write(path.parent, path.name), "1 record is of other tasks"),
        (
            lambda path: changed_record(example_record(), "config.card.name", "/etc/..").write(path.parent, path.name),
            "it belongs at etc.../gru/small-s0-",
        ),
        (
            lambda path: example_record(verified=None).write(path.parent, path.name),
            "it does not state how it was verified",
        ),
        (
            lambda path: with_stamp(example_record(), checksum="0" * 64).write(path.parent, path.name),
            "its stamp of verification belongs to another record",
        ),
        (
            lambda path: with_stamp(example_record(), by="ci").write(path.parent, path.name),
            "its stamp of verification belongs to another record",
        ),
        (
            lambda path: with_stamp(example_record(), "by a friend").write(path.parent, path.name),
            "it does not state how it was",
        ),
        (
            lambda path: with_stamp(example_record(distribution=None)).write(path.parent, path.name),
            "was given by its path",
        ),
        (lambda path: write_data(path.parent / ".x" / "data.json"), ".x/data.json: it is no record; remove it"),
        (lambda path: write_data(path.parent / "wandb" / "data.json"), "wandb/data.json: it is no record; remove it"),
        (lambda path: (path.parent / "data.npz").write_text("x"), "data.npz: it is no record"),
        (lambda path: (path.parent / "x.json").write_text(json.dumps({"a": 1})), "it is not a record"),
    ],
)
def test_an_invalid_committed_file_is_a_problem(
    root: Path, tmp_path: Path, spoil: Callable[[Path], object], reason: str
) -> None:
    first = next(path for path in committed(root, tmp_path) if "-s0-" in path.name)
    spoil(first)
    assert any(reason in problem for problem in submissions.check_board(root, "mine")[1])


def test_a_board_without_records_is_valid_and_one_with_another_name_is_not(root: Path, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    submit(root, tmp_path / "runs")
    assert submissions.check_board(root, "mine") == (0, [])
    (root / "other.yaml").write_text(CARD)
    assert "its name is 'mine'" in submissions.check_board(root, "other")[1][0]
    with pytest.raises(SeqbenchError, match="unknown board"):
        submissions.submit_runs(root, "no-board", [tmp_path], accept)


@pytest.mark.parametrize("name", board_paths.board_names())
def test_committed_pages_equal_those_generated_from_the_committed_records(name: str) -> None:
    assert submissions.check_board(board_paths.boards_folder(), name)[1] == []
