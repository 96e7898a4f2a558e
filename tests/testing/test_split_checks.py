"""Checks of a task's splits, each on a task that it must refuse."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from seqbench.protocol.specs import Batch
from seqbench.testing import Failure, Skip, split_checks
from seqbench.testing.task_subject import TaskSubject
from tests.testing import broken_tasks as broken
from tests.testing.tasks import FewPossibleSamples, PreviousToken, PreviousTokenStream, card


def subject(cls: type = PreviousToken) -> TaskSubject:
    return TaskSubject(card(cls), "smoke", {})


def test_a_conforming_task_passes() -> None:
    split_checks.check_samples_once(subject())
    split_checks.check_probe_lengths(subject())
    split_checks.check_splits_disjoint(subject())
    split_checks.check_splits_disjoint(subject(PreviousTokenStream))


def test_a_sample_that_occurs_twice_is_found() -> None:
    with pytest.raises(Failure, match=r"validation has sample \[0\] more than once"):
        split_checks.check_samples_once(subject(broken.RenumberedSamples))


def test_a_sample_number_that_is_missing_is_found() -> None:
    class NumberedFromOne(PreviousToken):
        def stream(self, split: str, step: int) -> Batch:
            batch = super().stream(split, step)
            return replace(batch, index=batch.index + 1)

    task = subject()
    task.data = NumberedFromOne(64, task.data.keys)
    with pytest.raises(Failure, match=r"150 samples but none numbered \[0\]"):
        split_checks.check_samples_once(task)


@pytest.mark.parametrize(
    ("cls", "sentence"),
    [
        (broken.TestEqualsValidation, "100% of the samples of test are in validation as well"),
        (broken.TrainsOnTest, "of the samples of test are in train as well"),
        (broken.StreamContainsTest, "of the samples of test are in train as well"),
    ],
)
def test_samples_in_two_splits_are_found(cls: type, sentence: str) -> None:
    with pytest.raises(Failure, match=sentence):
        split_checks.check_splits_disjoint(subject(cls))


def test_samples_that_are_equal_by_chance_are_not_refused() -> None:
    task = TaskSubject(card(FewPossibleSamples), "smoke", {})
    task.data.probes = {}
    with pytest.raises(Skip, match="equal by chance"):
        split_checks.check_splits_disjoint(task)


def test_the_expected_share_of_equal_samples_is_right_where_the_tested_split_has_no_equal_pair() -> None:
    def draw(rng: random.Random, count: int) -> list[bytes]:
        return [rng.randrange(8**5).to_bytes(2, "big") for _ in range(count)]

    rng = random.Random(0)
    samples, tested = draw(rng, 2000), draw(rng, 60)
    assert len(set(tested)) == 60
    assert split_checks._shared_by_chance(samples, tested) == pytest.approx(2000 / 8**5, rel=0.25)


def test_a_probe_of_another_length_is_found() -> None:
    with pytest.raises(Failure, match=r"probe length-20 has sequences of \[9\] steps, expected 20 only"):
        split_checks.check_probe_lengths(subject(broken.WrongProbeLength))


def test_checks_that_do_not_apply_to_streams_are_skipped() -> None:
    with pytest.raises(Skip, match="once in each chunk"):
        split_checks.check_samples_once(subject(PreviousTokenStream))
    with pytest.raises(Skip, match="no probes"):
        split_checks.check_probe_lengths(subject(PreviousTokenStream))
