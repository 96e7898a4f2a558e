"""Checks of a task's card and facts, each on a card that it must refuse."""

from __future__ import annotations

import pytest

from seqbench.protocol.cards import Card
from seqbench.testing import Failure, card_checks
from seqbench.testing.task_subject import TaskSubject
from tests.testing.broken_tasks import BROKEN, UnserializableFacts
from tests.testing.tasks import PreviousToken, card


def subject(task: Card | None = None) -> TaskSubject:
    return TaskSubject(task or card(), "smoke", {})


def test_a_complete_card_passes() -> None:
    card_checks.check_card_complete(subject())
    card_checks.check_tier_options(subject())
    card_checks.check_facts_serializable(subject())


@pytest.mark.parametrize("key", ["summary", "example", "citation", "licence"])
def test_a_card_with_an_empty_text_is_refused(key: str) -> None:
    with pytest.raises(Failure, match=f"the card's {key} is empty"):
        card_checks.check_card_complete(subject(card(PreviousToken, **{key: " "})))


def test_a_tier_with_an_unknown_option_is_refused() -> None:
    broken = BROKEN["tier_options"]
    with pytest.raises(Failure, match=r"tier small gives sample, which .*PreviousToken does not take"):
        card_checks.check_tier_options(subject(card(broken.cls, **broken.changed)))


def test_facts_that_a_record_cannot_hold_are_refused() -> None:
    with pytest.raises(Failure, match="describe_data cannot be written into a record"):
        card_checks.check_facts_serializable(subject(card(UnserializableFacts)))
