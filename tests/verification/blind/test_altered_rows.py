from __future__ import annotations

import random

import pytest
import torch

from seqbench.protocol.specs import SequenceSpec
from seqbench.verification.blind.altered_rows import KeptRow, alter_row, can_be_cut, draw_groups, join_rows
from seqbench.verification.blind.blind_batches import hide_targets
from seqbench.verification.blind.consistency import trim_row
from tests.verification.blind.random_batches import INPUTS, OUTPUTS, ROWS, random_batch


def spec_of(inputs: str, outputs: str, look_ahead: bool = False) -> SequenceSpec:
    return SequenceSpec(INPUTS[inputs], OUTPUTS[outputs], max_length=14, look_ahead=look_ahead)


def kept_rows(spec: SequenceSpec) -> list[KeptRow]:
    batch = random_batch(spec)
    blind = hide_targets(batch, spec, feeds_back_output=True)
    hidden = torch.zeros(ROWS, batch.inputs.shape[1], 2)
    return [KeptRow("test", 0, row, *trim_row(blind, batch, hidden, row, spec)) for row in range(ROWS)]


def test_outputs_of_steps_are_cut_unless_the_task_may_look_ahead() -> None:
    assert can_be_cut(spec_of("tokens", "step labels"))
    assert can_be_cut(spec_of("tokens", "class at every step"))
    assert can_be_cut(spec_of("tokens", "tokens", look_ahead=True))
    assert not can_be_cut(spec_of("tokens", "step classes", look_ahead=True))
    assert not can_be_cut(spec_of("tokens", "class at the last step"))
    assert not can_be_cut(spec_of("context", "step values"))


@pytest.mark.parametrize("inputs", ["tokens", "features"])
def test_inputs_before_the_cut_stay_and_the_first_one_after_it_is_another(inputs: str) -> None:
    spec, rng, lengths, cuts, others = spec_of(inputs, "step classes"), random.Random(0), set(), set(), 0
    rows = kept_rows(spec)
    for _ in range(300):
        kept = rng.choice(rows)
        altered, cut = alter_row(kept, rows, spec, rng)
        length = altered.inputs.shape[1]
        assert torch.equal(altered.inputs[:, :cut], kept.row.inputs[:, :cut])
        assert altered.asked is not None
        assert altered.lengths.tolist() == [length] == [altered.out_time] == [altered.asked.shape[1]]
        assert 1 <= cut <= length <= 14
        if cut < min(length, kept.row.inputs.shape[1]):
            others += not torch.equal(altered.inputs[:, cut], kept.row.inputs[:, cut])
            cuts.add(cut)
        lengths.add(length)
    assert others > 150
    assert min(cuts) == 1
    assert {3, 14} <= lengths


def test_of_a_pair_the_tokens_that_the_decoder_reads_are_altered_and_not_the_source() -> None:
    spec, rng = spec_of("tokens", "tokens", look_ahead=True), random.Random(0)
    rows = kept_rows(spec)
    for _ in range(50):
        kept = rng.choice(rows)
        altered, cut = alter_row(kept, rows, spec, rng)
        assert altered.decoder_inputs is not None
        assert kept.row.decoder_inputs is not None
        assert torch.equal(altered.inputs, kept.row.inputs)
        assert torch.equal(altered.decoder_inputs[:, :cut], kept.row.decoder_inputs[:, :cut])


def test_joined_rows_are_padded_to_the_longest() -> None:
    rows = [kept.row for kept in kept_rows(spec_of("features", "step values"))]
    joined = join_rows(rows)
    longest = max(row.inputs.shape[1] for row in rows)
    assert joined.inputs.shape == (ROWS, longest, 3)
    assert joined.out_time == longest
    for number, row in enumerate(rows):
        time = row.inputs.shape[1]
        assert torch.equal(joined.inputs[number, :time], row.inputs[0])
        assert not joined.inputs[number, time:].any()
    assert join_rows([kept.row for kept in kept_rows(spec_of("context", "step values"))]).inputs.shape == (ROWS, 3)


def test_groups_hold_each_row_once_in_another_order_and_of_several_sizes() -> None:
    groups = draw_groups(200, 32, random.Random(0))
    assert sorted(number for group in groups for number in group) == list(range(200))
    assert [number for group in groups for number in group] != list(range(200))
    assert len({len(group) for group in groups}) > 5
    assert max(map(len, groups)) <= 32
