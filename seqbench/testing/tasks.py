"""The checks that every task passes, and the ways to ask them: all at once, or one by one under pytest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seqbench.cards import Card
from seqbench.testing import batches, lines, splits
from seqbench.testing.report import Check, Report, checks_of
from seqbench.testing.task_subject import Oracle, TaskSubject, card_of

TASK_CHECKS: tuple[Callable[[TaskSubject], None], ...] = (
    lines.card_complete,
    lines.tiers_fit,
    batches.batch_shapes,
    batches.batch_values,
    batches.batch_weights,
    lines.objective_scores,
    batches.repeats,
    batches.steps_differ,
    batches.seed_draws_training,
    batches.seed_leaves_evaluation,
    batches.stream_chunks,
    splits.samples_once,
    splits.splits_disjoint,
    splits.probe_lengths,
    lines.lines_named,
    lines.best_beats_chance,
    lines.chance_matches,
    lines.oracle_solves,
    lines.facts_plain,
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
    subject = TaskSubject(card_of(task), tier, options or {}, oracle)
    return checks_of(TASK_CHECKS, lambda: subject)


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
    subject = TaskSubject(card_of(task), tier, options or {}, oracle)
    _ = subject.data  # What cannot even be made is one error, not nineteen.
    report = Report(subject.card.name, tuple(check.outcome() for check in checks_of(TASK_CHECKS, lambda: subject)))
    return report.require() if strict else report
