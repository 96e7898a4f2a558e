from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import seqbench
from seqbench.models.contract import altered_batches
from seqbench.protocol.specs import Batch, SequenceSpec, StepClasses, StepLabels, Tokens
from tests.models.modules import PAIRS, build_small_module


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def classes_batch(lengths: list[int], vocab: int = 3) -> tuple[Batch, SequenceSpec]:
    time = max(lengths)
    ids = torch.randint(vocab, (len(lengths), time), generator=generator())
    ones = torch.ones(len(lengths), time)
    spec = SequenceSpec(Tokens(vocab), StepClasses(vocab), max_length=2 * time + 1)
    return Batch(ids, ids, torch.tensor(lengths), ones, 1.0, torch.arange(len(lengths))), spec


@given(lengths=st.lists(st.integers(1, 300), min_size=1, max_size=40))
def test_cuts_are_inside_of_their_sequences(lengths: list[int]) -> None:
    cuts = altered_batches.draw_cuts(torch.tensor(lengths), generator())
    assert cuts.shape == (len(lengths),)
    assert all(1 <= cut <= length for cut, length in zip(cuts.tolist(), lengths, strict=True))


def test_cuts_are_at_both_ends_at_borders_of_blocks_and_spread() -> None:
    cuts = altered_batches.draw_cuts(torch.full((16,), 300), generator()).tolist()
    assert {1, 299} <= set(cuts)
    for size in altered_batches.BLOCKS:
        assert any(cut % size == 0 for cut in cuts)
    assert len({cut * 4 // 300 for cut in cuts}) == 4
    assert any(cut % 2 for cut in cuts[1:-1])


@pytest.mark.parametrize("vocab", [2, 3, 50])
def test_all_inputs_from_the_cut_on_differ_and_none_before(vocab: int) -> None:
    batch, spec = classes_batch([9, 7, 5], vocab)
    cuts = torch.tensor([4, 7, 1])
    altered = altered_batches.alter_future(batch, spec, cuts, generator())
    later = torch.arange(9) >= cuts[:, None]
    for before, after in ((batch.inputs, altered.inputs), (batch.targets, altered.targets)):
        assert torch.equal(before != after, later)
        assert 0 <= int(after.min()) <= int(after.max()) < vocab
    every = altered_batches.alter_future(batch, spec, cuts, generator(), every_target=True)
    assert bool((every.targets != batch.targets).all())
    assert torch.equal(every.inputs != batch.inputs, later)


def test_padding_alone_is_altered() -> None:
    batch, spec = classes_batch([6, 2])
    altered = altered_batches.alter_padding(batch, spec, generator())
    assert torch.equal(altered.inputs != batch.inputs, torch.arange(6) >= batch.lengths[:, None])
    assert torch.equal(altered.targets, batch.targets)


def test_labels_and_numbers_are_altered() -> None:
    labels = torch.randint(2, (2, 4, 3), generator=generator()).float()
    spec = SequenceSpec(altered_batches.Features(3), StepLabels(3), max_length=4)
    batch = Batch(labels, labels, torch.tensor([4, 4]), torch.ones(2, 4), 1.0, torch.arange(2))
    altered = altered_batches.alter_future(batch, spec, torch.tensor([2, 3]), generator())
    assert torch.equal(altered.targets[0, 2:], 1 - labels[0, 2:])
    assert bool((altered.inputs[1, 3:] != labels[1, 3:]).all())
    assert torch.equal(altered.inputs[1, :3], labels[1, :3])


def test_selected_rows_have_different_lengths_and_are_repeated_if_there_are_few() -> None:
    batch, _ = classes_batch([1, 9, 3, 7, 5, 2])
    assert altered_batches.select_rows(batch, 3).lengths.tolist() == [9, 5, 2]
    assert altered_batches.select_rows(batch, 8).lengths.tolist() == [9, 7, 5, 3, 2, 1, 9, 7]


@pytest.mark.parametrize("task", ["copy", "parity", "parity-last", "plan", "adding"])
def test_batches_of_other_lengths_keep_the_contract(task: str) -> None:
    module = seqbench.build({"name": "gru", "d_model": 8}, task, tier="smoke")
    assert module.data is not None
    batch = module.data.stream("train", 0)
    time = altered_batches.count_steps(batch, module.spec)
    short, long = altered_batches.shorten(batch, module.spec, 5), altered_batches.lengthen(batch, module.spec)
    for other, steps in ((short, 5), (long, module.spec.max_length)):
        assert altered_batches.count_steps(other, module.spec) == steps
        assert int(other.lengths.max()) == steps
        assert module(other).shape[:2] == other.targets.shape[:2]
    if batch.targets.shape[1] == time:
        assert torch.equal(short.targets, batch.targets[:, :5])
        assert torch.equal(long.targets[:, :time], batch.targets)


def test_of_a_translation_only_the_target_changes(small_data: Path, text_folder: Path) -> None:
    module = build_small_module({"name": "gru", "d_model": 8}, PAIRS, text_folder, small_data)
    assert module.data is not None
    batch = module.data.stream("train", 0)
    lengths = altered_batches.step_lengths(batch, module.spec)
    assert lengths is batch.target_lengths
    altered = altered_batches.alter_future(batch, module.spec, torch.ones_like(lengths), generator(), True)
    assert torch.equal(altered.inputs, batch.inputs)
    assert torch.equal(altered.targets[:, 0], batch.targets[:, 0])
    assert bool((altered.targets[:, 1:] != batch.targets[:, 1:]).all())
    short, long = altered_batches.shorten(batch, module.spec, 2), altered_batches.lengthen(batch, module.spec)
    assert module(short).shape[1] == short.targets.shape[1] == 2
    assert torch.equal(short.inputs, batch.inputs)
    assert long.inputs.shape[1] == module.spec.max_length
    assert module(long).shape[1] == long.targets.shape[1]
