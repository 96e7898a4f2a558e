"""Checks of what batches depend on, each on a task that it must refuse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from seqbench.protocol.batches import Keys
from seqbench.testing import Failure, seed_checks
from seqbench.testing.task_subject import TaskSubject
from tests.testing import broken_tasks as broken
from tests.testing.tasks import PreviousToken, card


def subject(cls: type = PreviousToken) -> TaskSubject:
    return TaskSubject(card(cls), "smoke", {})


@pytest.mark.parametrize(
    ("check", "cls", "sentence"),
    [
        (seed_checks.check_batches_repeatable, broken.StatefulTraining, r"train batch \d+ has other inputs|lengths"),
        (seed_checks.check_training_steps_differ, broken.OneTrainingBatch, "training batches 0 and 1 are equal"),
        (seed_checks.check_seed_changes_training, broken.SeedIgnored, r"seeds 0 and \(1, 2, 3\) give the same"),
        (seed_checks.check_seed_keeps_evaluation, broken.SeededEvaluation, "validation batch 0 has other"),
    ],
)
def test_a_check_passes_a_conforming_task_and_refuses_a_broken_one(
    check: Callable[[TaskSubject], None], cls: type, sentence: str
) -> None:
    check(subject())
    with pytest.raises(Failure, match=sentence):
        check(subject(cls))


def test_a_batch_that_changes_when_it_is_drawn_again_is_found() -> None:
    class ChangesOnRepetition(PreviousToken):
        def __init__(self, batch_size: int, keys: Keys) -> None:
            super().__init__(batch_size, keys)
            self.drawn: Counter[tuple[str, int]] = Counter()

        def generator(self, split: str, step: int) -> np.random.Generator:
            self.drawn[split, step] += 1
            return super().generator(split, step + 1000 * self.drawn[split, step])

    task = subject()
    task.data = ChangesOnRepetition(64, task.data.keys)
    task.build_datamodule = lambda seed=0: ChangesOnRepetition(64, task.data.keys)  # type: ignore[method-assign]
    with pytest.raises(Failure, match="when it is drawn again"):
        seed_checks.check_batches_repeatable(task)


def test_the_first_different_field_of_two_batches_is_named() -> None:
    batch = subject().batches("train")[0]
    assert seed_checks.first_different_field(batch, replace(batch)) is None
    assert seed_checks.first_different_field(batch, replace(batch, total=0.0)) == "total"
    assert seed_checks.first_different_field(batch, replace(batch, targets=batch.targets + 1, total=0.0)) == "targets"
    assert seed_checks.first_different_field(batch, replace(batch, scored=batch.weights)) == "scored"
