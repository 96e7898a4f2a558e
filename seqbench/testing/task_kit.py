"""The checks that every task passes, and the ways to ask them: all at once, or one by one under pytest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seqbench.protocol.cards import Card
from seqbench.testing import batch_checks, chance_checks, split_checks
from seqbench.testing.report import Check, Report, build_checks
from seqbench.testing.task_subject import Oracle, TaskSubject, task_card

TASK_CHECKS: tuple[Callable[[TaskSubject], None], ...] = (
    chance_checks.card_complete,
    chance_checks.tiers_fit,
    batch_checks.batch_shapes,
    batch_checks.batch_values,
    batch_checks.batch_weights,
    chance_checks.objective_scores,
    batch_checks.repeats,
    batch_checks.steps_differ,
    batch_checks.seed_draws_training,
    batch_checks.seed_leaves_evaluation,
    batch_checks.stream_chunks,
    split_checks.samples_once,
    split_checks.splits_disjoint,
    split_checks.probe_lengths,
    chance_checks.lines_named,
    chance_checks.best_beats_chance,
    chance_checks.chance_matches,
    chance_checks.oracle_solves,
    chance_checks.facts_plain,
)
"""All of them, in the order in which they are asked; each is named and described by its function."""


def task_checks(
    task: Card | Path | str,
    tier: str = "smoke",
    *,
    options: Mapping[str, Any] | None = None,
    oracle: Oracle | None = None,
) -> list[Check]:
    """The checks of a task one by one, for a test of one's own.

    ::

        @pytest.mark.parametrize("check", task_checks("my_task.yaml"), ids=str)
        def test_my_task(check):
            check()

    Args:
        task: a registered name, the path of a card (``*.yaml``), or a card.
        tier: which of the card's tiers.
        options: of the datamodule; they win over the card's.
        oracle: what solves the task, if its datamodule has no ``oracle``; see ``SequenceDataModule.oracle``.

    Raises:
        SeqbenchError: there is no such card or tier, or the card cannot be used.
    """
    subject = TaskSubject(task_card(task), tier, options or {}, oracle)
    return build_checks(TASK_CHECKS, lambda: subject)


def check_task(
    task: Card | Path | str,
    tier: str = "smoke",
    *,
    options: Mapping[str, Any] | None = None,
    oracle: Oracle | None = None,
    strict: bool = True,
) -> Report:
    """Ask all checks of a task.

    Args:
        task: a registered name, the path of a card (``*.yaml``), or a card.
        tier: which of the card's tiers.
        options: of the datamodule; they win over the card's.
        oracle: what solves the task, if its datamodule has no ``oracle``; see ``SequenceDataModule.oracle``.
        strict: whether to raise if one fails; else the report alone tells.

    Returns:
        What came of each.

    Raises:
        SeqbenchError: there is no such card or tier, the datamodule cannot be made, or its data is not at hand.
        Failure: checks failed; it names them all.
    """
    subject = TaskSubject(task_card(task), tier, options or {}, oracle)
    _ = subject.data  # What cannot even be made is one error, not nineteen.
    report = Report(subject.card.name, tuple(check.outcome() for check in build_checks(TASK_CHECKS, lambda: subject)))
    return report.require() if strict else report
