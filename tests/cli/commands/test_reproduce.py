"""``seqbench reproduce``: a published table beside our records, and runs of the cells without one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from seqbench.cli import child_process
from seqbench.cli.main import main
from seqbench.leaderboard import verdicts
from seqbench.protocol import cards
from seqbench.protocol.records import Record
from tests.leaderboard.kit import example_record, write_records

BOARD: dict[str, Any] = {
    "name": "mine",
    "version": 1,
    "title": "Mine",
    "summary": "A table.",
    "source": "Somebody 2020",
    "tier": "paper",
    "seeds": 2,
    "tasks": {"music-jsb": None, "copy": None},
    "published": [
        {
            "name": "JSB",
            "task": "music-jsb",
            "metric": "nll_per_frame",
            "direction": "min",
            "setting": "300K",
            "values": {"gru": 8.43, "tcn": 8.1},
            "needs": "ten minutes",
        },
        {
            "name": "copy memory",
            "task": "copy",
            "metric": "accuracy",
            "direction": "max",
            "setting": "16K",
            "values": {"gru": 0.125},
        },
        {"name": "text8", "metric": "x", "direction": "min", "setting": "", "values": {"gru": 1.5}},
    ],
}


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the card of a board in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(BOARD, sort_keys=False))
    return tmp_path / "mine.yaml"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the list of commands that would run; each ends with status 0."""
    lines: list[list[str]] = []

    def run(words: list[str]) -> int:
        lines.append(words)
        return 0

    monkeypatch.setattr(child_process, "run_child", run)
    return lines


def recipe_record(task: str, arch: str, seed: int, value: float, **changes: Any) -> Record:
    """Return a record that follows the recipe of the tier ``paper``."""
    tier = cards.load_card(task).tier("paper")
    options = {**tier.arch, **tier.architectures.get(arch, {})}
    return example_record(task, arch, seed, value, "paper", arch_options=options, matched=None, **changes)


def run_reproduce(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    """Run the command and return what it prints."""
    assert main(["reproduce", *arguments]) == status
    return capsys.readouterr().out


def rows(out: str) -> dict[str, list[str]]:
    """Return the cells of each architecture's line, by row and architecture."""
    table, row = {}, ""
    for line in out.splitlines():
        if not line.startswith(" "):
            row = line.partition(":")[0]
        elif line.startswith("  ") and not line.startswith("  -"):
            name, *cells = [cell.strip() for cell in line.split("  ") if cell]
            table[f"{row} {name}"] = cells
    return table


def test_published_figures_are_beside_ours(card: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [recipe_record("music-jsb", "gru", seed, 8.4 + seed / 10) for seed in range(2)]
    write_records(card.parent / "mine" / "results", *runs, recipe_record("copy", "gru", 0, 0.126))
    out = run_reproduce(capsys, "./mine.yaml")
    table = rows(out)
    assert "JSB: nll_per_frame, lower is better, 300K\n" in out
    assert table["JSB gru"] == ["8.43", "8.450 ± 0.64", "2/2", "100,000", "11.09", "+0.02", verdicts.WIDE]
    assert table["JSB tcn"] == ["8.1", "-", "-", "-", "-", "-", "not run: needs ten minutes"]
    assert table["copy memory gru"] == [
        "0.125",
        "0.1260",
        "1/2",
        "100,000",
        "0.1250",
        "+0.001",
        "agrees: both are chance",
    ]
    assert table["text8 gru"][-1] == "no such task yet"
    command = "seqbench sweep --arch tcn --task music-jsb --tier paper --seeds 2"
    assert f"cells without a record:\n  {command}\n\n" in out
    assert f"4 cells: 1 {verdicts.WIDE}, 1 not run, 1 agrees: both are chance, 1 no such task yet\n" in out
    assert "\nmusic-jsb at tier paper deviates from the published recipe:\n  - " in out


def test_the_statistic_of_the_table_is_said_once(
    card: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = {**BOARD["published"][0], "setting": "minimum of 10 seeds"}
    card.write_text(yaml.safe_dump({**BOARD, "statistic": "best", "published": [first]}))
    write_records(
        tmp_path / "mine" / "results", *(recipe_record("music-jsb", "gru", seed, 8.4 + seed) for seed in range(2))
    )
    out = run_reproduce(capsys, "./mine.yaml")
    assert "JSB: nll_per_frame, lower is better, minimum of 10 seeds\n" in out
    assert out.count("best of the seeds") == 1
    assert rows(out)["JSB gru"][1:3] == ["8.400", "2/2"]


def test_records_come_from_runs_or_from_the_given_folders(card: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_records(card.parent / "runs", recipe_record("music-jsb", "gru", 0, 8.5))
    write_records(card.parent / "other", recipe_record("music-jsb", "gru", 0, 8.3))
    assert rows(run_reproduce(capsys, "./mine.yaml"))["JSB gru"][1] == "8.500"
    other = run_reproduce(capsys, "./mine.yaml", "--from", "other")
    assert rows(other)["JSB gru"][1] == "8.300"
    assert "second record" not in other
    both = run_reproduce(capsys, "./mine.yaml", "--from", "other", "--from", "runs", "--from", "other")
    assert rows(both)["JSB gru"][1:3] == ["8.300", "1/2"]
    assert "it is a second record of one cell: its result is 8.5, that of other/" in both
    assert main(["reproduce", "./mine.yaml", "--from", "nowhere"]) == 2
    assert "there is no nowhere" in capsys.readouterr().err


def test_committed_records_come_first_and_copies_of_them_are_not_named(
    card: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same = recipe_record("music-jsb", "gru", 0, 8.4)
    for folder in ("mine/results", "runs"):
        write_records(card.parent / folder, same)
    out = run_reproduce(capsys, "./mine.yaml")
    assert rows(out)["JSB gru"][1:3] == ["8.400", "1/2"]
    assert "not counted" not in out
    write_records(card.parent / "aruns", recipe_record("music-jsb", "gru", 0, 8.6))
    assert rows(run_reproduce(capsys, "./mine.yaml", "--from", "aruns"))["JSB gru"][1] == "8.400"


def test_records_that_do_not_count_are_named(card: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = recipe_record("music-jsb", "gru", 0, 8.4, modified=("optim.steps",))
    wide = example_record("music-jsb", "tcn", 0, 7.0, "paper", arch_options={"d_model": 999})
    write_records(card.parent / "runs", changed, wide)
    out = run_reproduce(capsys, "./mine.yaml")
    assert "it departs from the card in optim.steps" in out
    assert "it is not of the recipe: arch.d_model is 999, the recipe's 150" in out
    assert rows(out)["JSB tcn"][1] == "-"


def test_missing_seeds_are_run_one_by_one(
    card: Path, started: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    write_records(card.parent / "kept", recipe_record("music-jsb", "gru", 0, 8.4))
    write_records(card.parent / "here", recipe_record("copy", "gru", 0, 0.5))
    assert main(["reproduce", "./mine.yaml", "--from", "kept", "--run", "--runs", "here"]) == 0
    end = ["--resume", "--runs", "here"]
    expected = ["gru music-jsb 1", "tcn music-jsb 0", "tcn music-jsb 1", "gru copy 1"]
    assert started == [
        ["run", "--arch", arch, "--task", task, "--tier", "paper", "--seed", seed, *end]
        for arch, task, seed in map(str.split, expected)
    ]
    captured = capsys.readouterr()
    assert "gru on music-jsb, seed 1 (needs ten minutes)\n" in captured.err
    assert "gru on copy, seed 1\n" in captured.err
    assert captured.out.count("JSB: nll_per_frame") == 2


def test_only_the_given_cells_are_run(card: Path, started: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    write_records(card.parent / "runs", *(recipe_record("music-jsb", "gru", seed, 8.4) for seed in range(2)))
    assert main(["reproduce", "./mine.yaml", "--run", "gru:copy", "gru:music-jsb"]) == 0
    assert {line[4] for line in started} == {"copy"}
    assert "gru:music-jsb has all its records" in capsys.readouterr().err
    assert main(["reproduce", "./mine.yaml", "--run", "gru:copi"]) == 2
    assert "no cell 'gru:copi' that can be run. Did you mean 'gru:copy'?" in capsys.readouterr().err


def test_the_table_after_the_runs_has_their_figures(
    card: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(words: list[str]) -> int:
        seed = int(words[words.index("--seed") + 1])
        write_records(Path(words[-1]), recipe_record("copy", "gru", seed, 0.9))
        return 0

    monkeypatch.setattr(child_process, "run_child", run)
    out = run_reproduce(capsys, "./mine.yaml", "--run", "gru:copy", "--runs", "here", "--json", "board.json")
    assert rows(out)["copy memory gru"][1:] == [
        "0.9000, all seeds",
        "2/2",
        "100,000",
        "0.1250",
        "+0.78",
        "better than published",
    ]
    board = json.loads((card.parent / "board.json").read_text())
    assert [cell["ours"] for cell in board["published"]] == [None, None, 0.9, None]


@pytest.mark.parametrize(
    ("statuses", "status", "count"),
    [([0, 0, 0], 0, 4), ([1, 0, 2], 1, 4), ([137], 1, 4), ([0, 130], 130, 2), ([75], 75, 1), ([1, 130], 130, 2)],
)
def test_a_failed_run_does_not_stop_the_others_but_a_signal_does(
    statuses: list[int],
    status: int,
    count: int,
    card: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ends = iter(statuses)
    runs: list[list[str]] = []

    def run(words: list[str]) -> int:
        runs.append(words)
        return next(ends, 0)

    monkeypatch.setattr(child_process, "run_child", run)
    out = run_reproduce(capsys, "./mine.yaml", "--run", "gru:copy", "tcn:music-jsb", status=status)
    assert len(runs) == count
    assert out.count("JSB: nll_per_frame") == 2


@pytest.mark.parametrize("name", ["tcn-table1", "chomsky-parity"])
def test_the_boards_of_seqbench_can_be_printed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    out = run_reproduce(capsys, name)
    assert "no such task yet" in out
    assert "deviates from the published recipe:" in out


def test_a_user_error_is_a_message_of_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        (["small"], "'small' has no published figures; boards that have some: chomsky-parity, tcn-table1."),
        (["tcn-table"], "unknown board 'tcn-table'. Did you mean 'tcn-table1'?"),
        (["tcn-table1", "--run", "gru:sequential"], "the board has no cell 'gru:sequential'"),
        (["tcn-table1", "x"], "unexpected argument 'x'"),
    ):
        assert main(["reproduce", *arguments]) == 2
        err = capsys.readouterr().err
        assert message in err
        assert err.count("\n") == 1
