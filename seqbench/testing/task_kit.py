"""The conformance kit of tasks: all checks at once, or one by one under pytest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from seqbench.protocol.cards import Card
from seqbench.testing import batch_checks, card_checks, score_checks, seed_checks, split_checks
from seqbench.testing.report import Check, Report, build_checks
from seqbench.testing.task_subject import Oracle, TaskSubject, find_card

TASK_CHECKS: tuple[Callable[[TaskSubject], None], ...] = (
    card_checks.check_card_complete,
    card_checks.check_tier_options,
    batch_checks.check_batch_shapes,
    batch_checks.check_batch_values,
    batch_checks.check_batch_weights,
    score_checks.check_objective_finite,
    seed_checks.check_batches_repeatable,
    seed_checks.check_training_steps_differ,
    seed_checks.check_seed_changes_training,
    seed_checks.check_seed_keeps_evaluation,
    batch_checks.check_stream_chunks,
    split_checks.check_samples_once,
    split_checks.check_splits_disjoint,
    split_checks.check_probe_lengths,
    score_checks.check_chance_and_best_defined,
    score_checks.check_best_beats_chance,
    score_checks.check_chance_matches_frequencies,
    score_checks.check_oracle_reaches_best,
    card_checks.check_facts_serializable,
)
"""The functions of all checks, in the order in which they run."""


def task_checks(
    task: Card | Path | str,
    tier: str = "smoke",
    *,
    options: Mapping[str, object] | None = None,
    oracle: Oracle | None = None,
) -> list[Check]:
    """Return the checks of a task one by one, for tests of your own.

    ::

        @pytest.mark.parametrize("check", task_checks("my_task.yaml"), ids=str)
        def test_my_task(check):
            check()

    Args:
        task: a registered name, the path of a card (``*.yaml``), or a card.
        tier: name of one of the card's tiers.
        options: options of the datamodule; they replace the card's.
        oracle: solves a batch, for a datamodule without ``oracle``; see ``SequenceDataModule.oracle``.

    Raises:
        SeqbenchError: the card or the tier does not exist, or the card is invalid.

    >>> checks = {check.name: check for check in task_checks("parity")}
    >>> checks["batch_shapes"].run().status
    'passed'
    """
    return build_checks(TASK_CHECKS, TaskSubject(find_card(task), tier, options or {}, oracle))


def check_task(
    task: Card | Path | str,
    tier: str = "smoke",
    *,
    options: Mapping[str, object] | None = None,
    oracle: Oracle | None = None,
    strict: bool = True,
) -> Report:
    """Run all checks of a task and return their report.

    Args:
        task: a registered name, the path of a card (``*.yaml``), or a card.
        tier: name of one of the card's tiers.
        options: options of the datamodule; they replace the card's.
        oracle: solves a batch, for a datamodule without ``oracle``; see ``SequenceDataModule.oracle``.
        strict: whether to raise if a check fails; if not, only the report names the failed checks.

    Raises:
        SeqbenchError: the card or the tier does not exist, the datamodule cannot be built, or its data is not here.
        Failure: checks failed; the text names each of them with its reason.
    """
    subject = TaskSubject(find_card(task), tier, options or {}, oracle)
    _ = subject.data  # A datamodule that cannot be built gives one error here, not one for each check.
    report = Report(subject.card.name, tuple(check.run() for check in build_checks(TASK_CHECKS, subject)))
    return report.raise_if_failed() if strict else report
