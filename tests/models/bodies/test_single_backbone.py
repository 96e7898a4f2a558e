"""One backbone over embedded inputs: whole sequences, chunks of streams, and decoding."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seqbench.architectures.bidirectional import BiGRU
from seqbench.architectures.recurrent import GRU
from seqbench.models.bodies import SingleBackbone
from seqbench.models.bodies.readout import Ends, Every, Last, Mean
from seqbench.protocol.specs import Output, SequenceClass, SequenceSpec, SequenceValue, StepClasses, Tokens
from tests.models.bodies.sequence_pairs import CausalMean
from tests.models.objectives.test_step_classes import random_batch

SPEC = SequenceSpec(Tokens(4), StepClasses(4), max_length=7)


def test_whole_sequences_and_streams_have_one_hidden_vector_for_each_step() -> None:
    body, batch = SingleBackbone(SPEC, GRU(6), 6), random_batch(0)
    assert body(batch).shape == (5, 7, 6)
    hidden, state = body.unroll(batch, None)
    torch.testing.assert_close(hidden, body(batch))
    assert isinstance(state, torch.Tensor)
    assert state.shape == (5, 1, 6)


def test_a_chunk_continues_from_the_state() -> None:
    body, batch = SingleBackbone(SPEC, GRU(6), 6), random_batch(0)
    _, state = body.unroll(batch, None)
    continued, _ = body.unroll(batch, state)
    assert not torch.allclose(continued, body(batch))


@pytest.mark.parametrize(
    ("output", "backbone", "readout"),
    [
        (StepClasses(4), GRU, Every),
        (SequenceClass(4), GRU, Last),
        (SequenceClass(4), BiGRU, Ends),
        (SequenceClass(4, "every"), GRU, Every),
        (SequenceValue(2, "mean"), GRU, Mean),
    ],
)
def test_the_output_and_the_backbone_decide_what_is_read(
    output: Output, backbone: type[nn.Module], readout: type[nn.Module]
) -> None:
    body = SingleBackbone(SequenceSpec(Tokens(4), output, max_length=7), backbone(6), 6)
    assert isinstance(body.readout, readout)


def test_padding_is_not_read() -> None:
    body = SingleBackbone(SequenceSpec(Tokens(4), SequenceClass(4), max_length=7), BiGRU(6), 6)
    batch, changed = random_batch(0), random_batch(0)
    padding = torch.arange(7) >= batch.lengths[:, None]
    changed.inputs = torch.where(padding, 3 - batch.inputs, batch.inputs)
    torch.testing.assert_close(body(changed), body(batch))


def test_options_of_the_embedding_are_passed_on() -> None:
    body = SingleBackbone(SPEC, GRU(6), 6, d_embed=2)
    assert body.embedding.table.get_parameter("weight").shape == (4, 2)


@pytest.mark.parametrize("backbone", [GRU(6), CausalMean(6)])
def test_decoding_step_by_step_equals_the_whole(backbone: nn.Module) -> None:
    body, batch = SingleBackbone(SPEC, backbone, 6), random_batch(1)
    batch.lengths = torch.full((5,), 7)
    whole = body(batch)
    memory, state = body.begin()
    hidden, state = body.step(batch.inputs[:, :3], memory, state)
    torch.testing.assert_close(hidden, whole[:, 2])
    for step in range(3, 7):
        hidden, state = body.step(batch.inputs[:, step : step + 1], memory, state)
        torch.testing.assert_close(hidden, whole[:, step])


def test_a_backbone_without_unroll_does_not_read_streams() -> None:
    with pytest.raises(TypeError, match="CausalMean has no unroll"):
        SingleBackbone(SPEC, CausalMean(6), 6).unroll(random_batch(0), None)
