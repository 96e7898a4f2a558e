"""``seqbench leaderboard``: pages built from runs, checks of committed boards, and submissions."""

from __future__ import annotations

import html
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from seqbench.cli.main import main
from seqbench.verification.verify import CheckState
from tests.leaderboard.kit import example_record, write_records

CARD = "{name: mine, version: 1, title: t, summary: s, tier: small, seeds: 2, tasks: {copy: , parity: }}"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with a board's card and three runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(CARD)
    write_records(
        tmp_path / "runs",
        *(example_record(seed=seed) for seed in range(2)),
        example_record(seed=0, value=0.8, arch="rnn"),
    )
    return tmp_path


def test_a_board_is_built_from_runs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_records(place / "runs", example_record(task="adding"), example_record(seed=7))
    assert main(["leaderboard", "build", "mine.yaml"]) == 0
    out, err = capsys.readouterr()
    assert [line.split() for line in out.splitlines()[:3]] == [
        ["task", "records", "ranked", "rows", "first"],
        ["copy", "3", "1", "gru"],
        ["parity", "0", "0", "-"],
    ]
    assert "its seed is 7" in err
    assert "1 record is of other tasks" in err
    assert sorted(path.name for path in Path("boards/mine").iterdir()) == [
        "README.md",
        "board.csv",
        "board.json",
        "board.tex",
        "index.html",
    ]


@pytest.mark.parametrize(
    ("card", "message"),
    [
        (CARD.replace("copy: ", "cpy: "), "tasks: unknown task 'cpy'. Did you mean 'copy' or 'copy-10'?"),
        (CARD.replace("tier: small", "tier: paper"), "no tier 'paper'"),
        (CARD.replace("tasks:", "task:"), "unknown key 'task'. Did you mean 'tasks'?"),
        (CARD.replace("}}", "}, architectures: {gruu: {title: x}}}"), "unknown architecture 'gruu'"),
        (CARD, "no record counts: 3 records of other tiers; the pages in boards/mine, with 3 records, were left"),
    ],
)
def test_a_mistake_leaves_the_good_pages_alone(
    card: str, message: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["leaderboard", "build", "mine.yaml"]) == 0
    pages = {path: path.read_bytes() for path in Path("boards/mine").iterdir()}
    Path("mine.yaml").write_text(card)
    write_records(place / "other", *(example_record(seed=seed, tier="smoke") for seed in range(3)))
    others = ["other"] if card == CARD else ["runs"]
    capsys.readouterr()
    assert main(["leaderboard", "build", "mine.yaml", "--from", *others]) == 2
    assert message in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path("boards/mine").iterdir()} == pages


def test_the_first_rows_are_shown_on_request(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leaderboard", "build", "mine.yaml", "--top", "1"]) == 0
    page = Path("boards/mine/index.html").read_text()
    assert page.count('class="beyond"') == 2
    assert "--top 1" in page
    assert main(["leaderboard", "build", "mine.yaml", "--top", "0"]) == 2
    assert "--top must be a number of rows from 1, got 0." in capsys.readouterr().err


def test_every_reader_of_a_card_refuses_an_unknown_task(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("roots").mkdir()
    Path("roots/mine.yaml").write_text(CARD.replace("copy: ", "cpy: "))
    Path("mine.yaml").write_text(CARD.replace("copy: ", "cpy: "))
    message = "tasks: unknown task 'cpy'. Did you mean 'copy' or 'copy-10'?"
    for words in (["leaderboard", "build", "mine.yaml"], ["leaderboard", "submit", "mine", "--root", "roots"]):
        assert main(words) == 2
        assert message in capsys.readouterr().err
    assert main(["reproduce", "mine.yaml"]) == 2
    assert message in capsys.readouterr().err
    assert main(["leaderboard", "check", "--root", "roots"]) == 1
    assert message in capsys.readouterr().out


def test_an_empty_board_shows_the_sweep_that_fills_it(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    assert main(["leaderboard", "build", "mine.yaml", "--from", "empty"]) == 0
    err = capsys.readouterr().err
    assert "  seqbench sweep --arch gru,lstm --task copy,parity --tier small --seeds 2" in err


def test_the_commands_on_own_pages_build_the_same_pages(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leaderboard", "build", "mine.yaml", "--from", "runs"]) == 0
    pages = {path: path.read_bytes() for path in Path("boards/mine").iterdir()}
    text = Path("boards/mine/README.md").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("seqbench leaderboard")]
    assert line in html.unescape(Path("boards/mine/index.html").read_text())
    for path in pages:
        path.unlink()
    assert main(shlex.split(line)[1:]) == 0
    assert {path: path.read_bytes() for path in Path("boards/mine").iterdir()} == pages


def test_a_card_in_the_folder_of_boards_is_found_by_its_name(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leaderboard", "build", "mine"]) == 2
    assert "To use the card in this folder, give its path: mine.yaml." in capsys.readouterr().err
    Path("leaderboards").mkdir()
    Path("mine.yaml").rename("leaderboards/mine.yaml")
    assert main(["leaderboard", "build", "mine"]) == 0


def test_another_process_writes_the_same_bytes(place: Path) -> None:
    assert main(["leaderboard", "build", "mine.yaml", "--out", "a"]) == 0
    Path("a").rename("b")
    words = ["leaderboard", "build", "mine.yaml", "--out", "a"]
    environment = {**os.environ, "PYTHONHASHSEED": "7", "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    code = (  # With MANY = 1, several processes read the records, however few there are.
        "import sys; from seqbench.leaderboard.data import record_collection; record_collection.MANY = 1;"
        "from seqbench.cli.main import main; status = main(sys.argv[1:]);"
        "assert not {'torch', 'lightning', 'wandb', 'matplotlib'} & set(sys.modules); sys.exit(status)"
    )
    subprocess.run([sys.executable, "-c", code, *words], check=True, capture_output=True, env=environment)
    for page in Path("a").iterdir():
        assert page.read_bytes() == (Path("b") / page.name).read_bytes(), page.name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build", "no-board"], "unknown board 'no-board'"),
        (["build", "mine.yaml", "--from", "no-runs"], "there is no no-runs; give a folder of runs"),
        (["build", "mine.yaml", "--from", "wandb:a/b/c"], "expected wandb:entity/project"),
        (["check", "--root", "runs"], "runs holds no board"),
        (["check", "min", "--root", "."], "has no board 'min'. Did you mean 'mine'"),
        (["bild", "mine.yaml"], "invalid choice: 'bild'"),
        (["submit", "no-board", "--root", "."], "unknown board 'no-board'"),
        (["submit", "small"], "there is no folder leaderboards"),
    ],
)
def test_a_user_error_ends_with_status_2_and_a_message(
    place: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["leaderboard", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not Path("boards").exists()


@pytest.mark.parametrize(
    ("states", "retrain", "submitted"),
    [
        ({"record": "ok", "scores": "ok"}, False, True),
        ({"record": "ok", "scores": "skipped"}, False, False),
        ({"record": "ok", "scores": "skipped", "retrain": "ok"}, True, True),
        ({"record": "ok", "configuration": "skipped", "retrain": "skipped"}, True, False),
        ({"record": "ok", "scores": "wrong"}, False, False),
    ],
)
def test_a_run_with_a_skipped_check_is_not_submitted(
    place: Path, monkeypatch: pytest.MonkeyPatch, states: dict[str, CheckState], retrain: bool, submitted: bool
) -> None:
    from seqbench.verification import stamps as proofs
    from seqbench.verification import verify

    monkeypatch.setattr(proofs, "find_missing_proofs", lambda record: "")
    checks = tuple(verify.Check(name, state, "so") for name, state in states.items())
    monkeypatch.setattr(verify, "verify_record", lambda path, **options: verify.Report(str(path), checks))
    Path("roots").mkdir()
    Path("roots/mine.yaml").write_text(CARD)
    words = ["leaderboard", "submit", "mine", "--root", "roots", *(["--retrain"] if retrain else [])]
    assert main(words) == (0 if submitted else 1)
    stamps = [json.loads(path.read_text())["verified"]["how"] for path in Path("roots/mine/results").rglob("*.json")]
    assert set(stamps) == ({"trained again" if retrain else "checkpoint scored again"} if submitted else set())


def test_a_run_of_an_older_seqbench_is_not_submitted(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    Path("roots").mkdir()
    Path("roots/mine.yaml").write_text(CARD)
    with caplog.at_level("INFO"):
        assert main(["leaderboard", "submit", "mine", "--root", "roots"]) == 1
    assert "it was written by an older seqbench" in caplog.text
    assert not list(Path("roots/mine").rglob("results/**/*.json"))


def test_a_file_in_place_of_the_folder_is_not_overwritten(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").write_text("a file")
    assert main(["leaderboard", "build", "mine.yaml", "--out", "out"]) == 2
    assert Path("out").read_text() == "a file"


def test_a_check_lists_problems_and_returns_1(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("roots").mkdir()
    Path("roots/mine.yaml").write_text(CARD)
    assert main(["leaderboard", "check", "--root", "roots"]) == 1
    assert "mine: 0 records, 5 wrong" in capsys.readouterr().out
    Path("roots/mine/results").mkdir(parents=True)
    words = ["leaderboard", "build", "roots/mine.yaml", "--from", "roots/mine/results", "--out", "roots/mine"]
    assert main(words) == 0
    capsys.readouterr()
    assert main(["leaderboard", "check", "--root", "roots"]) == 0
    assert capsys.readouterr().out == "mine: 0 records, ok\n"


@pytest.mark.slow
def test_the_way_from_a_new_board_to_its_page_works_in_an_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "board", "mine"]) == 0
    _, sweep, build, see = (line.strip() for line in capsys.readouterr().out.splitlines())
    net = "my_net:Net"
    Path("my_net.py").write_text("from seqbench.architectures.recurrent import GRU\n\nclass Net(GRU):\n    pass\n")
    card = Path("mine.yaml")
    card.write_text(
        card.read_text().replace("seeds: 3", "seeds: 1").replace("  parity:\n    secondary: [accuracy_longer]", "")
        + f"\narchitectures: {{'{net}': {{title: MyNet (ours)}}}}\n"
    )
    words = sweep.replace("gru,lstm", f"gru,{net}").replace("copy,parity", "copy").replace("--seeds 3", "--seeds 1")
    assert main([*shlex.split(words)[1:], "--logger", "none", "--no-probe"]) == 0
    assert main(shlex.split(build)[1:]) == 0
    page = Path(see.split()[1]).read_text()
    assert "MyNet (ours)" in page
    (line,) = [line for line in Path("boards/mine/README.md").read_text().splitlines() if "seqbench verify" in line]
    record = next(path for path in Path("runs").rglob("result.json") if "my_net" in str(path))
    assert main([*shlex.split(line.replace("runs/RECORD", str(record)))[1:]]) == 0
