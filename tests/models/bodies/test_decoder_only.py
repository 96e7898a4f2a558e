"""One backbone that reads source, separator and target as one stream."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from seqbench.architectures.recurrent import GRU, LSTM
from seqbench.models.bodies import DecoderOnly
from seqbench.protocol.specs import SequenceSpec, Tokens
from seqbench.utils.errors import SeqbenchError
from tests.models.bodies.sequence_pairs import SPEC, START, WIDTH, CausalMean, LooksAhead, build_body, random_pairs


def test_each_hidden_vector_is_that_of_the_stream_without_padding() -> None:
    body, batch = build_body("decoder-only"), random_pairs(padding=3)
    assert isinstance(body, DecoderOnly)
    hidden = body(batch)
    for row, (length, target_length) in enumerate(zip((5, 2, 5, 3), (2, 6, 4, 1), strict=True)):
        source, target = batch.inputs[row, :length], batch.targets[row, : target_length - 1]
        stream = torch.cat([source, torch.tensor([START]), target])[None]
        alone = body.backbone(body.embedding(stream))
        torch.testing.assert_close(hidden[row, :target_length], alone[0, length:])


def test_a_hidden_vector_depends_on_no_present_or_later_target() -> None:
    body, changed = build_body("decoder-only"), random_pairs()
    before = body(random_pairs())
    changed.targets[1, 3] = 8 if changed.targets[1, 3] != 8 else 7
    after = body(changed)
    torch.testing.assert_close(after[1, :4], before[1, :4])
    assert not torch.allclose(after[1, 4], before[1, 4])


@pytest.mark.parametrize("backbone", [GRU, LSTM, CausalMean])
def test_decoding_step_by_step_equals_teacher_forcing(backbone: type[nn.Module]) -> None:
    body = build_body("decoder-only", backbone(WIDTH))
    for row, target_length in enumerate((2, 6, 4, 1)):
        batch = random_pairs().rows(slice(row, row + 1))
        whole = body(batch)
        memory, state = body.begin(batch)
        assert memory == {}
        token = torch.tensor([[START]])
        for step in range(target_length):
            hidden, state = body.step(token, memory, state)
            torch.testing.assert_close(hidden, whole[:, step])
            token = batch.targets[:, step : step + 1]


def test_every_parameter_gets_a_gradient() -> None:
    body = build_body("decoder-only")
    body(random_pairs()).square().sum().backward()
    assert [name for name, p in body.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_sources_of_different_lengths_cannot_be_decoded_together() -> None:
    body = build_body("decoder-only")
    for batch in (None, random_pairs()):
        with pytest.raises(ValueError, match="sources of one length"):
            body.begin(batch)


def test_a_batch_without_target_lengths_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a batch with target_lengths"):
        build_body("decoder-only")(replace(random_pairs(), target_lengths=None))


def test_two_vocabularies_or_a_backbone_that_looks_ahead_are_refused() -> None:
    with pytest.raises(SeqbenchError, match="one vocabulary"):
        DecoderOnly(SequenceSpec(Tokens(4), SPEC.output, 7, True), GRU(WIDTH), WIDTH)
    with pytest.raises(SeqbenchError, match="needs a causal architecture"):
        build_body("decoder-only", LooksAhead())
