from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqbench.protocol.batches import EvaluationLoader, Keys, Shard, TrainingLoader, check_scored
from seqbench.protocol.specs import Batch
from tests.protocol.test_specs import batch


def stream(split: str, step: int) -> Batch:
    made = batch(5)
    made.inputs = torch.full((5, 3), step)
    return made


def draw(keys: Keys, split: str, step: int) -> list[int]:
    return [int(x) for x in keys.generator(split, step).integers(0, 2**31, size=4)]


def test_random_draws_depend_on_their_keys_alone() -> None:
    keys = Keys(seed=1, task="copy", version=1)
    first = draw(keys, "train", 7)
    draw(keys, "train", 8)
    assert draw(Keys(1, "copy", 1), "train", 7) == first


def test_training_is_keyed_by_the_seed_and_evaluation_by_the_card() -> None:
    one, other, newer = Keys(1, "copy", 1), Keys(2, "copy", 1), Keys(1, "copy", 2)
    assert draw(one, "train", 0) != draw(other, "train", 0)
    assert draw(one, "train", 0) == draw(newer, "train", 0)
    for split in ("validation", "test"):
        assert draw(one, split, 0) == draw(other, split, 0)
        assert draw(one, split, 0) != draw(newer, split, 0)
    assert draw(one, "validation", 0) != draw(one, "test", 0)
    assert draw(one, "test", 0) != draw(Keys(1, "parity", 1), "test", 0)


def test_random_draws_equal_those_of_earlier_versions() -> None:
    """If another version of a library drew other batches, every score would change without notice."""
    assert draw(Keys(0, "copy", 1), "train", 0) == PINNED


PINNED = [730124696, 1998219748, 339944153, 235774811]


@given(st.integers(0, 40), st.integers(1, 9))
def test_ranks_share_the_rows_of_a_batch_without_loss_or_repetition(rows: int, world: int) -> None:
    whole = batch(max(rows, 1)).rows(slice(rows))
    parts = [Shard(rank, world).evaluation_batch(whole) for rank in range(world)]
    assert torch.cat([part.index for part in parts]).tolist() == whole.index.tolist()
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@given(st.integers(1, 40), st.integers(1, 9))
def test_every_rank_has_training_rows_and_their_weights_sum_to_those_of_the_batch(rows: int, world: int) -> None:
    """A rank without rows of its own repeats the first row with weight 0."""
    whole = batch(rows)
    whole.weights = torch.rand(rows, 3)
    parts = [Shard(rank, world).training_batch(whole) for rank in range(world)]
    assert min(map(len, parts)) > 0
    counted = torch.zeros_like(whole.weights)
    for part in parts:
        counted.index_add_(0, part.index, part.weights)
    assert torch.equal(counted, whole.weights)
    assert sum(bool(part.weights.any()) for part in parts) == min(rows, world)


def test_a_rank_without_rows_does_not_change_the_global_batch() -> None:
    whole = batch(1)
    assert not Shard(0, 2).training_batch(whole).weights.any()
    assert whole.weights.all()


def test_the_training_loader_starts_at_the_current_step() -> None:
    position = 3
    loader = TrainingLoader(stream, lambda: position, Shard())
    assert [int(b.inputs[0, 0]) for b in islice(loader, 3)] == [3, 4, 5]
    position = 10
    assert int(next(iter(loader)).inputs[0, 0]) == 10
    with pytest.raises(TypeError):
        len(loader)  # type: ignore[arg-type]


def test_the_evaluation_loader_yields_each_batch_once() -> None:
    loader = EvaluationLoader(stream, "test", 4, Shard(1, 2))
    assert len(loader) == 4
    assert [int(b.inputs[0, 0]) for b in loader] == [0, 1, 2, 3]
    assert {len(b) for b in loader} == {3}


SAMPLES, BATCH = 63, 8


def samples(split: str, step: int) -> Batch:
    """Batch ``step`` of whole sequences, the last one short."""
    index = torch.arange(step * BATCH, min((step + 1) * BATCH, SAMPLES))
    return replace(batch(len(index)), index=index)


def scored_by(
    world: int, stream: Callable[[str, int], Batch], shard: type[Shard] = Shard, chunks: bool = False
) -> None:
    """Score a split as a run does: each rank hashes the rows that it scores, and the hashes are summed over ranks."""
    loaders = [EvaluationLoader(stream, "test", 8, shard(rank, world), chunks) for rank in range(world)]
    sums = torch.zeros(1, 2, 2, dtype=torch.int64)
    marks = []
    for loader in loaders:
        marks.append(torch.zeros(2, dtype=torch.int64))
        for step, part in enumerate(loader):
            marks[-1] += loader.count_and_hash(step, part.index)
        sums += torch.stack([marks[-1], loader.expected()])
    for loader, mark in zip(loaders, marks, strict=True):
        check_scored([(loader, mark)], world, lambda tensor, reduce_op: sums)


@pytest.mark.parametrize("world", [1, 2, 3, 11])
@pytest.mark.parametrize("chunks", [False, True])
def test_samples_that_are_scored_once_pass_the_check(world: int, chunks: bool) -> None:
    """Streams have the same rows in each chunk. Eleven ranks are more than a batch has rows."""
    scored_by(world, stream if chunks else samples, chunks=chunks)


class Padded(Shard):
    """Gives every rank the same number of rows by repeating some, as a DistributedSampler does."""

    def evaluation_batch(self, batch: Batch) -> Batch:
        share = -(-len(batch) // self.world)
        return batch.rows(torch.arange(self.rank * share, (self.rank + 1) * share) % len(batch))


class Cut(Shard):
    """Gives every rank the same number of rows by dropping the rest."""

    def evaluation_batch(self, batch: Batch) -> Batch:
        share = len(batch) // self.world
        return batch.rows(slice(self.rank * share, (self.rank + 1) * share))


class Shifted(Shard):
    """Gives the right number of rows, but one of them twice and another one never."""

    def evaluation_batch(self, batch: Batch) -> Batch:
        own = super().evaluation_batch(batch)
        return batch.rows(slice(1, 1 + len(own))) if self.rank == 0 else own


@pytest.mark.parametrize("chunks", [False, True])
@pytest.mark.parametrize(("shard", "scored"), [(Padded, 64), (Cut, 62), (Shifted, 63)])
def test_repeated_or_dropped_rows_are_detected(shard: type[Shard], scored: int, chunks: bool) -> None:
    message = f"the test split's 63 {'rows' if chunks else 'samples'}, {scored} were scored by 2 processes"
    with pytest.raises(RuntimeError, match=message):
        scored_by(2, samples, shard, chunks)


def test_a_split_that_repeats_a_sample_is_detected_in_one_process() -> None:
    """The last batch is filled up with the first samples."""

    def wrapped(split: str, step: int) -> Batch:
        return replace(batch(BATCH), index=torch.arange(step * BATCH, (step + 1) * BATCH) % SAMPLES)

    with pytest.raises(RuntimeError, match="64 samples, 64 were scored by 1 process, and not each once"):
        scored_by(1, wrapped)


def test_a_rank_that_draws_other_batches_is_detected_on_every_rank() -> None:
    loaders = [EvaluationLoader(samples, "test", steps, Shard()) for steps in (8, 7)]
    hashes = [
        torch.stack([loader.count_and_hash(step, part.index) for step, part in enumerate(loader)]).sum(0)
        for loader in loaders
    ]
    pairs = [torch.stack([scored, loader.expected()]) for scored, loader in zip(hashes, loaders, strict=True)]
    both = torch.stack(pairs).sum(0)
    for loader, scored in zip(loaders, hashes, strict=True):
        with pytest.raises(RuntimeError, match="not each once"):
            check_scored([(loader, scored)], 2, lambda tensor, reduce_op: both[None])


def test_hashes_distinguish_rows_and_do_not_depend_on_their_order() -> None:
    loader = EvaluationLoader(samples, "test", 8, Shard(), chunks=True)
    hashes = {int(loader.count_and_hash(step, torch.tensor([row]))[1]) for step in range(50) for row in range(200)}
    assert len(hashes) == 50 * 200
    index = torch.randperm(100)
    assert torch.equal(loader.count_and_hash(3, index), loader.count_and_hash(3, index.sort().values))
    # Sets of rows with equal sums, of the numbers and of their squares.
    one, other = (loader.count_and_hash(0, torch.tensor(rows)) for rows in ([0, 4, 5], [1, 2, 6]))
    assert not torch.equal(one, other)
