"""The page that compares what decides the tasks."""

from __future__ import annotations

import pytest

from benchmarks import what_decides
from seqbench.protocol.cards import load_card
from seqbench.protocol.reference import task_reference

AGAIN = "run `python -m benchmarks.what_decides`"
GENERATED = ("adding", "copy", "copy-10", "parity", "parity-last", "plan", "sentiment-order", "sentiment-position")


def test_the_committed_page_has_every_task_and_is_current() -> None:
    page, ends = what_decides.PAGE.read_text(encoding="utf-8"), what_decides.read_ends()
    assert list(ends) == task_reference.task_names(), AGAIN
    assert what_decides.page_text(page, ends) == page, AGAIN
    assert {name: line["version"] for name, line in ends.items()} == {name: load_card(name).version for name in ends}


@pytest.mark.parametrize("name", GENERATED)
def test_chance_and_best_are_those_of_the_data(name: str) -> None:
    assert what_decides.find_ends(load_card(name)) == what_decides.read_ends()[name], AGAIN


def test_a_row_says_what_selects_and_what_a_score_does_not_say() -> None:
    row = what_decides.task_row(load_card("parity"), {"version": 2, "chance": 0.5, "best": None})
    assert row[1:5] == ("`accuracy_longer` ↑", "validation `accuracy_seen_and_longer`", "0.5", "unknown")
    assert row[5].startswith("A score here does not say ")
