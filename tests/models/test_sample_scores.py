"""Scores and predictions by sample: the same for every order and division of the samples."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import seqbench
from seqbench.models.objectives.step_classes import StepClassesObjective
from seqbench.models.sample_scores import SampleScores, join_samples, score_samples
from seqbench.protocol.specs import Batch, StepClasses
from tests.models.modules import build_trainer
from tests.optional import not_none

ROWS, TIME, CLASSES = 12, 5, 3


def objective() -> StepClassesObjective:
    one = StepClassesObjective(StepClasses(CLASSES), d_model=CLASSES)
    one.head = torch.nn.Identity()
    return one


def batch_of(index: torch.Tensor, padding: int = 0) -> tuple[torch.Tensor, Batch]:
    """Return logits and a batch of some of twelve samples of different lengths, with steps of padding after them."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(ROWS, TIME, CLASSES, generator=generator)
    targets = torch.randint(CLASSES, (ROWS, TIME), generator=generator)
    lengths = 1 + torch.arange(ROWS) % TIME
    weights = (torch.arange(TIME)[None] < lengths[:, None]).float()
    logits = torch.nn.functional.pad(logits, (0, 0, 0, padding), value=9.0)
    targets, weights = (torch.nn.functional.pad(part, (0, padding)) for part in (targets, weights))
    return logits[index], Batch(targets[index], targets[index], lengths[index], weights[index], 1.0, index)


def scored(index: torch.Tensor, padding: int = 0) -> SampleScores:
    logits, batch = batch_of(index, padding)
    return score_samples(batch, objective().score_batch(logits, batch))


def test_digest_and_errors_do_not_depend_on_order_batches_or_padding() -> None:
    whole = not_none(join_samples([scored(torch.arange(ROWS))]))
    parts = [scored(part, padding) for padding, part in enumerate(torch.randperm(ROWS).split(5))]
    regrouped = not_none(join_samples(parts))
    assert regrouped.digest() == whole.digest()
    assert regrouped.standard_errors() == whole.standard_errors()
    assert whole.group_influences("accuracy") is None  # Twelve samples cannot fill twenty groups.
    assert {name: array.tolist() for name, array in regrouped.arrays().items()} == {
        name: array.tolist() for name, array in whole.arrays().items()
    }


def test_the_sums_of_the_samples_add_up_to_those_of_the_batch() -> None:
    logits, batch = batch_of(torch.arange(ROWS))
    one = objective().score_batch(logits, batch)
    for name, (above, below) in one.sample_sums().items():
        torch.testing.assert_close(above.sum(), one.sums()[name][0].double())
        torch.testing.assert_close(below.sum(), one.sums()[name][1].double())


def test_a_changed_prediction_changes_the_digest_and_one_that_does_not_count_does_not() -> None:
    logits, batch = batch_of(torch.arange(ROWS))
    samples = score_samples(batch, objective().score_batch(logits, batch))
    padded, counted = logits.clone(), logits.clone()
    padded[0, 4] = torch.tensor([0.0, 0.0, 99.0]) - padded[0, 4]
    counted[0, 0] = -counted[0, 0]
    assert score_samples(batch, objective().score_batch(padded, batch)).digest() == samples.digest()
    changed = score_samples(batch, objective().score_batch(counted, batch))
    assert changed.digest() != samples.digest()
    assert (changed.digests != samples.digests).any(1).tolist() == [True] + [False] * (ROWS - 1)


def test_predictions_of_other_samples_are_not_exchangeable() -> None:
    logits, batch = batch_of(torch.arange(ROWS))
    samples = score_samples(batch, objective().score_batch(logits, batch))
    batch.index = batch.index.flip(0)
    assert not_none(join_samples([score_samples(batch, objective().score_batch(logits, batch))])).digest() != (
        samples.digest()
    )


def test_decoded_tokens_are_part_of_the_digest() -> None:
    logits, batch = batch_of(torch.arange(2))
    one = objective().score_batch(logits, batch)
    digests = {score_samples(batch, one, decoded=tokens).digest() for tokens in ([[1], [2, 3]], [[1, 2], [3]], None)}
    assert len(digests) == 3


def test_chunks_of_streams_are_told_apart_by_their_number() -> None:
    logits, batch = batch_of(torch.arange(3))
    one = objective().score_batch(logits, batch)
    parts = [score_samples(batch, one, chunk) for chunk in (1, 0)]
    joined = not_none(join_samples(parts))
    assert (joined.chunks.tolist(), joined.index.tolist()) == ([0, 0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2])
    assert joined.streaming
    assert join_samples([]) is None


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("task", ["copy", "parity", "adding"])
def test_the_scores_of_a_test_follow_from_those_of_its_samples(task: str) -> None:
    module = seqbench.build({"name": "gru", "d_model": 8}, task, tier="smoke")
    build_trainer().test(module, verbose=False)
    assert set(module.samples) == set(not_none(module.data).splits("test"))
    for split, samples in module.samples.items():
        for name, (above, below) in samples.sums.items():
            assert module.evaluated[split][name] == pytest.approx(float(above.sum() / below.sum()), rel=1e-12)
        assert np.array_equal(samples.index, np.arange(len(samples)))
    build_trainer().validate(module, verbose=False)
    assert "validation" not in module.samples


def test_groups_are_those_of_the_numbers_of_samples_or_of_the_time_of_streams() -> None:
    def with_one_error(streaming: bool, chunk: int, row: int) -> list[float]:
        chunks, rows = (grid.ravel() for grid in np.meshgrid(np.arange(40), np.arange(3), indexing="ij"))
        above = np.ones((120, 1))
        above[(chunks == chunk) & (rows == row)] = 0.0
        index = rows if streaming else np.arange(120)
        sums = {"accuracy": (above, np.ones((120, 1)))}
        samples = SampleScores(
            chunks if streaming else 0 * chunks, index, sums, np.zeros((120, 32), np.uint8), streaming
        )
        assert samples.group_influences("unknown") is None
        return not_none(samples.group_influences("accuracy"))

    assert int(np.argmin(with_one_error(True, chunk=7, row=2))) == 3  # 7 of 40 chunks is in part 3 of 20.
    assert int(np.argmin(with_one_error(False, chunk=7, row=2))) == (7 * 3 + 2) % 20
