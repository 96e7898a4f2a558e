from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from seqbench.cli import shell_completion
from seqbench.protocol import registry


def test_the_values_are_listed_when_the_shell_asks() -> None:
    action = argparse.ArgumentParser().add_argument("--colour")
    calls: list[int] = []

    def list_colours() -> list[str]:
        calls.append(1)
        return ["red", "green"]

    shell_completion.complete_with(action, list_colours)
    assert calls == []
    assert action.completer(prefix="r", parser=None) == ["red", "green"]  # type: ignore[attr-defined]


def test_names_come_from_the_registry() -> None:
    assert shell_completion.list_architectures() == list(registry.list_entries(registry.ARCHITECTURES))
    assert shell_completion.list_tasks() == list(registry.list_entries(registry.TASKS))
    both = shell_completion.list_architectures_and_tasks()
    assert {"gru", "copy"} <= set(both)
    assert len(both) == len(shell_completion.list_architectures()) + len(shell_completion.list_tasks())


def complete(line: str, tmp_path: Path) -> list[str]:
    """The completions that a shell is given for a command line."""
    out = tmp_path / "completions"
    environment = {
        **os.environ,
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(out),
    }
    subprocess.run([sys.executable, "-m", "seqbench"], env=environment, timeout=60)
    return out.read_text().splitlines()


def test_a_name_after_a_comma_is_completed(tmp_path: Path) -> None:
    completions = complete("seqbench sweep --arch gru,ls", tmp_path)
    assert completions == ["gru,lstm"]
    assert "copy,parity" in complete("seqbench sweep --task copy,", tmp_path)
    assert "copy,copy" not in complete("seqbench sweep --task copy,", tmp_path)


def test_options_with_a_dot_are_completed(tmp_path: Path) -> None:
    assert complete("seqbench run --arch tcn --task copy --arch.k", tmp_path) == ["--arch.kernel_size"]
    assert "--task.delay" in complete("seqbench sweep --task copy --task.", tmp_path)
    assert "--optim.lr" in complete("seqbench run --optim.l", tmp_path)
