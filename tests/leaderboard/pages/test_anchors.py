"""Anchors of the sections of tasks: named after the task, unique, and safe in a page."""

from __future__ import annotations

import re

import pytest

from seqbench.leaderboard.pages import anchors
from tests.leaderboard.hostile import MARKDOWN_TEXTS


def test_an_anchor_is_the_name_of_the_task_and_does_not_depend_on_the_others() -> None:
    assert anchors.task_anchors(["copy", "parity"])["parity"] == anchors.task_anchors(["parity"])["parity"] == "parity"


def test_equal_anchors_get_numbers_in_the_order_of_the_page() -> None:
    found = anchors.task_anchors(["a b", "a-b", "A.B", "a-b-2"])
    assert list(found.values()) == ["a-b", "a-b-2", "a-b-3", "a-b-2-2"]


@pytest.mark.parametrize("name", anchors.RESERVED)
def test_no_task_takes_the_identifier_of_another_part_of_the_page(name: str) -> None:
    assert anchors.task_anchors([name]) == {name: f"task-{name}"}


def test_hostile_names_give_unique_plain_anchors() -> None:
    found = anchors.task_anchors([*MARKDOWN_TEXTS, "模型", "x" * 500]).values()
    assert len(set(found)) == len(MARKDOWN_TEXTS) + 2
    assert all(re.fullmatch(r"[a-z0-9-]{1,66}", anchor) for anchor in found)
