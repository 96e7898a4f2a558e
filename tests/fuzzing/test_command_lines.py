"""Broken command lines of every command, in this process.

Real work (training, the conformance kits, measuring a model, searching a width, fetching data) is replaced by a
SeqbenchError; everything before it is executed.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqbench.cli.main import COMMANDS, main
from seqbench.sweep.engines import local_engine
from seqbench.utils.errors import SeqbenchError
from tests.fuzzing import hostile, strategies
from tests.fuzzing.guard import only_within
from tests.record_data import complete_record

RUN = ["run", "--arch", "gru", "--task", "copy", "--tier", "smoke", "--logger", "none"]
REAL: Mapping[str, list[list[str]]] = {
    "run": [
        [*RUN, "--task.delay", "2", "--optim.steps", "40", "--optim.validate_every", "20"],
        [*RUN, "--seed", "3", "--runs", "elsewhere", "--resume"],
        [*RUN, "--match-params", "100k", "--overwrite", "--trainer.devices=2"],
        ["run", "--config", "config.yaml", "--arch.num_layers", "2"],
        ["run", "--arch", "lstm", "--encoder", "gru", "--task", "translation", "--task.data_dir", "pairs", "--help"],
        ["run", "--arch=transformer", "--task=char-lm", "--task.data_dir=texts", "--arch.dropout=0.1"],
        ["run", "--arch", "tests.backbones:CausalMean", "--task", "sentiment", "--task.data_dir", "sentences"],
    ],
    "sweep": [
        ["sweep", "--arch", "gru,lstm", "--task", "copy,adding", "--tier", "smoke", "--seeds", "2", "--dry-run"],
        ["sweep", "--arch=gru", "--task=copy", "--grid", "optim.lr=1e-3,2e-3", "--limit", "90s", "--memory", "4G"],
        ["sweep", "--arch", "gru", "--task", "parity", "--tune", "--workers", "1", "--retries=1", "--optim.clip", "1"],
        ["sweep", "--arch", "gru", "--task", "copy", "--engine", "slurm", "--engine-option", "slurm_partition=x"],
    ],
    "leaderboard": [
        ["leaderboard", "build", "small", "--from", "run", "--out", "pages"],
        ["leaderboard", "build", "card.yaml", "--from", "wandb:a/b", "--publish", "a/b"],
        ["leaderboard", "check", "small", "--root", "boards"],
        ["leaderboard", "submit", "small", "--from", "run", "--root", "boards", "--retrain"],
    ],
    "list": [
        *(["list"], ["list", "tasks"], ["list", "architectures"], ["list", "boards"]),
        ["list", "runs", "run", "--arch", "gru", "--status", "ok", "--format", "csv"],
    ],
    "plot": [
        ["plot", "run", "--out", "curves.svg", "--x", "steps", "--log-y"],
        ["plot", "run", "--kind", "bars", "--label", "gru=GRU", "--out", "bars.pdf", "--width", "3"],
    ],
    "clean": [
        ["clean", "run", "--dry-run"],
        ["clean", "run", "--failed", "--checkpoints", "--yes"],
        ["clean", "run", "--finished", "--older-than", "30d", "--task", "copy"],
    ],
    "show": [["show", "gru"], ["show", "copy"], ["show", "tests.backbones:CausalMean"], ["show", "--help"]],
    "check": [
        ["check", "gru", "--option", "d_model=8", "--option", "num_layers=2", "--parameters", "100"],
        ["check", "copy", "--tier", "smoke", "--option", "delay=3"],
        ["check", "card.yaml"],
    ],
    "new": [
        ["new", "architecture", "my-net"],
        ["new", "board", "mine"],
        ["new", "module", "my-module"],
        ["new", "task", "my-task", "--folder", "there"],
    ],
    "data": [
        ["data", "list"],
        ["data", "list", "ptb", "jsb"],
        ["data", "verify", "tinyshakespeare"],
        ["data", "path", "ptb"],
        ["data", "fetch", "multi30k"],
    ],
    "generate": [
        ["generate", "run", "--prompt", "to be", "--length", "3", "--temperature", "0", "--seed", "1"],
        ["generate", "run/result.json", "--out", "tune.mid"],
    ],
    "evaluate": [
        ["evaluate", "run", "--task.length", "16", "--task.data_dir", "texts", "--split", "validation"],
        ["evaluate", "run/result.json", "--out", "scores.json", "--trainer.threads=1"],
    ],
    "verify": [
        ["verify", "run", "--tolerance", "1e-3", "--json", "report.json"],
        ["verify", "run/result.json", "--retrain"],
    ],
    "compare": [["compare", "run", "run/result.json", "--json", "found.json"], ["compare", "run", "run"]],
    "reproduce": [
        ["reproduce", "tcn-table1", "--from", "run", "--json", "found.json"],
        ["reproduce", "chomsky-parity", "--run", "rnn:parity-last", "--runs", "elsewhere"],
        ["reproduce", "tcn-table1", "--run"],
    ],
    "completion": [["completion", "bash"], ["completion", "fish"]],
}
WORK = (
    *(
        "seqbench.running.runner:run",
        "seqbench.cli.dry_run:describe_dry_run",
        "seqbench.sweep.engines.engine_choice:build_engine",
        "seqbench.running.parameter_matching:match_parameters",
        "seqbench.testing:check_architecture",
    ),
    *(
        "seqbench.testing:check_task",
        "seqbench.cli.commands.show:measure_size",
        "seqbench.cli.child_process:run_child",
        "seqbench.cli.commands.show:describe_baselines",
        "seqbench.datamodules.sources.hub_download:fetch_dataset",
    ),
)
"""Functions that do the real work."""


def stopped(*arguments: Any, **options: Any) -> Any:
    raise SeqbenchError("stopped: the work would begin here")


@pytest.fixture
def folder(small_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with small data, a card, a configuration, and a record without a checkpoint."""
    for name in ("texts", "run", "tinyshakespeare"):
        (small_data / name).mkdir()
    for name in ("texts/play.txt", "tinyshakespeare/input.txt"):
        (small_data / name).write_text("to be, or not to be\n" * 50)
    os.mkfifo(small_data / "pipe")
    card = Path(__file__).parents[2] / "tasks" / "copy.yaml"
    (small_data / "card.yaml").write_bytes(card.read_bytes())
    (small_data / "config.yaml").write_text("{arch: gru, task: copy, tier: smoke}")
    task = {"name": "char-lm", "data_dir": "texts"}
    complete_record(config={"card": {"name": "char-lm"}, "options": {"task": task}}).write(small_data / "run")
    monkeypatch.chdir(small_data)
    monkeypatch.setenv("SEQBENCH_DATA", str(small_data))
    monkeypatch.setenv("SEQBENCH_CACHE", str(small_data / "cache"))
    for place in WORK:
        module, _, name = place.partition(":")
        monkeypatch.setattr(importlib.import_module(module), name, stopped)
    # A sweep builds its plan in a worker process; here it does so in this process, which is guarded.
    monkeypatch.setattr(local_engine, "start_fork_server", lambda: None)
    monkeypatch.setattr(local_engine, "call_in_worker", lambda function, *arguments: function(*arguments))
    return small_data


def unexpected_words() -> list[str]:
    """Return words that no command expects, and some that it does."""
    plain = list(map(strategies.as_text, hostile.SIMPLE))
    dotted = [
        "--arch.x",
        "--task.data_dir",
        "--optim.lr=nan",
        "--optim.steps",
        "--body.dropout=2",
        "--trainer.threads=-1",
    ]
    files = [
        "run",
        "run/result.json",
        "card.yaml",
        "texts",
        "pairs",
        "/dev/null",
        "/dev/zero",
        "/proc/self/mem",
        "fifo",
    ]
    flags = [
        "--help",
        "-h",
        "--version",
        "--",
        "-",
        "--seed",
        "--tier",
        "--config",
        "--runs",
        "--folder",
        "--out",
        "--x=1",
    ]
    return [*plain, *dotted, *files, *flags, *hostile.NAMES, *COMMANDS, "9" * 5000]


@st.composite
def command_line(draw: st.DrawFn, command: str, unexpected: list[str]) -> list[str]:
    """Draw a valid command line with some words changed, removed, repeated, exchanged or added."""
    lines = REAL[command]
    words = list(lines[draw(st.integers(0, len(lines) - 1))])
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(words)))
        word = draw(st.sampled_from(unexpected))
        match draw(st.sampled_from(["replace", "replace", "value", "insert", "delete", "double", "exchange", "text"])):
            case "replace":
                # The command itself is rarely replaced.
                words[max(place, 1) : place + 1] = [word]
            case "value" if words[place:] and words[place].startswith("--"):
                words[place] = f"{words[place].partition('=')[0]}={word}"
            case "insert" | "value":
                words.insert(place or (draw(st.integers(0, 9)) > 0), word)
            case "delete":
                del words[place : place + 1]
            case "double":
                words += words[place:]
            case "exchange" if len(words) > 1:
                other = draw(st.integers(1, len(words) - 1))
                place = min(max(place, 1), len(words) - 1)
                words[place], words[other] = words[other], words[place]
            case _:
                words.insert(max(place, 1), draw(st.text(max_size=8)))
    return words


def fuzz(command: str, examples: int, folder: Path, capsys: pytest.CaptureFixture[str], random: bool = False) -> int:
    """Execute broken command lines; return the number of cases."""
    count = 0
    unexpected = unexpected_words()

    @strategies.tried(examples, random)
    @given(command_line(command, unexpected))
    def each(words: list[str]) -> None:
        nonlocal count
        count += 1
        with only_within(folder):
            try:
                status = main(words)
            except SystemExit as end:  # Of --help and --version.
                status = int(str(end.code or 0))
                assert status == 0
        output = capsys.readouterr()
        assert status in (0, 1, 2, 75, 130, 141)
        assert "Traceback" not in output.out + output.err
        if status == 2:
            assert "seqbench: " in output.err

    each()
    return count


def test_every_command_has_command_lines_to_break() -> None:
    assert set(REAL) == set(COMMANDS), "give a new command its real command lines above, and its work a stop"


@pytest.mark.parametrize("command", REAL)
def test_a_broken_command_line_is_executed_or_refused(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fuzz(command, strategies.FAST // 2, folder, capsys) >= strategies.FAST // 4


@pytest.mark.slow
@pytest.mark.exhaustive
def test_thousands_of_broken_command_lines_are_executed_or_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = {
        command: fuzz(command, 700 if command in ("run", "sweep") else 200, folder, capsys, True) for command in REAL
    }
    with capsys.disabled():
        print(counts)
    assert sum(counts.values()) >= 2500
