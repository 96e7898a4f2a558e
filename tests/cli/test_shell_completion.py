from __future__ import annotations

import argparse

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
