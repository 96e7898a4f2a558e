"""Encoder and decoder, with each bridge and cross-attending: what an output may depend on, and decoding by steps."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import nn

from seqbench.architectures.recurrent import GRU, LSTM
from seqbench.architectures.transformer import BiTransformer, Transformer
from seqbench.models.bodies import EncoderDecoder
from seqbench.models.bodies.encoder_decoder import require_token_sequence, shift_right
from seqbench.protocol.specs import SequenceSpec, StepClasses, Tokens
from seqbench.utils.errors import SeqbenchError
from tests.models.bodies.sequence_pairs import (
    SPEC,
    START,
    VOCAB,
    WIDTH,
    AcceptsMemory,
    CausalMean,
    LooksAhead,
    RequiresMemory,
    StreamsAndAcceptsMemory,
    build_body,
    random_pairs,
)

BRIDGES = ("vector", "additive", "multihead")
KINDS = (*BRIDGES, "cross-attending")


@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_no_hidden_vector_of_a_target(kind: str) -> None:
    body = build_body(kind)
    short, long = body(random_pairs()), body(random_pairs(padding=3))
    for row, length in enumerate((2, 6, 4, 1)):
        torch.testing.assert_close(short[row, :length], long[row, :length])


@pytest.mark.parametrize("kind", KINDS)
def test_a_hidden_vector_depends_on_no_present_or_later_target(kind: str) -> None:
    body, changed = build_body(kind), random_pairs()
    before = body(random_pairs())
    changed.targets[1, 3] = 8 if changed.targets[1, 3] != 8 else 7
    after = body(changed)
    torch.testing.assert_close(after[1, :4], before[1, :4])
    assert not torch.allclose(after[1, 4], before[1, 4])
    torch.testing.assert_close(after[0], before[0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_hidden_vector_depends_on_every_valid_source_token(kind: str) -> None:
    body = build_body(kind)
    before = body(random_pairs())
    for row, length in enumerate((5, 2, 5, 3)):
        for step in range(length):
            changed = random_pairs()
            changed.inputs[row, step] = 2
            assert not torch.allclose(body(changed)[row, 0], before[row, 0], atol=1e-7)


@pytest.mark.parametrize(
    ("kind", "decoder"),
    [
        *product(BRIDGES, (GRU, LSTM, CausalMean)),
        *product(["cross-attending"], (RequiresMemory, AcceptsMemory, StreamsAndAcceptsMemory, Transformer)),
    ],
)
def test_decoding_step_by_step_equals_teacher_forcing(kind: str, decoder: type[nn.Module]) -> None:
    body = build_body(kind, decoder(WIDTH))
    for row, target_length in enumerate((2, 6, 4, 1)):
        batch = random_pairs().rows(slice(row, row + 1))
        batch.inputs = batch.inputs[:, : int(batch.lengths[0])]
        whole = body(batch)
        memory, state = body.begin(batch)
        token = torch.tensor([[1]])
        for step in range(target_length):
            hidden, state = body.step(token, memory, state)
            torch.testing.assert_close(hidden, whole[:, step])
            token = batch.targets[:, step : step + 1]


def test_decoding_needs_a_source() -> None:
    with pytest.raises(ValueError, match="expected a batch, got None"):
        build_body("vector").begin(None)


def test_attention_gives_the_weights_of_each_target_over_its_source() -> None:
    body, batch = build_body("multihead"), random_pairs()
    assert isinstance(body, EncoderDecoder)
    weights = body.attention(batch)
    assert weights is not None
    assert weights.shape == (4, 6, 5)
    torch.testing.assert_close(weights.sum(-1), torch.ones(4, 6))
    assert not weights[1, :, 2:].any()
    vector = build_body("vector")
    assert isinstance(vector, EncoderDecoder)
    assert vector.attention(batch) is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_gets_a_gradient(kind: str) -> None:
    """A parameter without a gradient would stop training on several processes."""
    body = build_body(kind)
    body(random_pairs()).square().sum().backward()
    assert [name for name, p in body.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_source_and_target_share_their_embedding_if_they_share_their_vocabulary() -> None:
    body = build_body("additive")
    assert isinstance(body, EncoderDecoder)
    assert body.source is body.target
    other = SequenceSpec(Tokens(4), SPEC.output, 7, True)
    separate = EncoderDecoder(other, LooksAhead(), GRU(WIDTH), WIDTH, "vector")
    assert separate.target.table.get_parameter("weight").shape == (VOCAB, WIDTH)
    assert separate.source.table.get_parameter("weight").shape == (4, WIDTH)


def test_a_decoder_that_looks_ahead_is_refused() -> None:
    with pytest.raises(SeqbenchError, match="decoder must be causal"):
        build_body("vector", LooksAhead())


def test_an_output_of_another_kind_is_refused() -> None:
    assert require_token_sequence(SPEC) is SPEC.output
    with pytest.raises(TypeError, match="expected an output of kind TokenSequence, got StepClasses"):
        require_token_sequence(SequenceSpec(Tokens(4), StepClasses(4), 7))


def test_the_decoder_reads_the_start_token_and_all_targets_but_the_last() -> None:
    assert shift_right(torch.tensor([[5, 6, 2], [7, 2, 0]]), 1).tolist() == [[1, 5, 6], [1, 7, 2]]


def test_the_decoder_is_the_backbone_that_decodes() -> None:
    body = build_body("vector")
    assert isinstance(body, EncoderDecoder)
    assert body.decoding_backbone is body.decoder
    assert body.can_unroll
    assert not build_body("vector", CausalMean(WIDTH)).can_unroll


def test_a_cross_attending_decoder_gets_the_outputs_of_the_encoder_and_their_lengths() -> None:
    decoder = AcceptsMemory(WIDTH)
    body, batch = build_body("cross-attending", decoder), random_pairs(padding=2)
    assert isinstance(body, EncoderDecoder)
    outputs = body.encoder(body.source(batch.inputs), batch.lengths)
    x = body.target(shift_right(batch.targets, START))
    expected = decoder(x, batch.target_lengths, outputs, batch.lengths)
    assert torch.equal(body(batch), expected)


def test_a_cross_attending_decoder_has_no_bridge() -> None:
    body = build_body("cross-attending")
    assert isinstance(body, EncoderDecoder)
    assert list(body.bridge.parameters()) == []
    assert body.attention(random_pairs()) is None


def test_a_cross_attending_decoder_unrolls_beside_an_encoder_if_its_unroll_takes_a_memory() -> None:
    assert build_body("cross-attending", Transformer(WIDTH)).can_unroll
    assert not build_body("cross-attending", StreamsAndAcceptsMemory(WIDTH)).can_unroll
    assert build_body("decoder-only", StreamsAndAcceptsMemory(WIDTH)).can_unroll


def build_transformer() -> EncoderDecoder:
    """Return an encoder-decoder Transformer in evaluation mode."""
    torch.manual_seed(0)
    return EncoderDecoder(SPEC, BiTransformer(WIDTH), Transformer(WIDTH), WIDTH, "cross-attention").eval()


def test_a_source_token_changes_all_outputs_of_the_encoder_and_of_the_decoder() -> None:
    body, changed = build_transformer(), random_pairs()
    before = random_pairs()
    changed.inputs[0, 3] = 2
    memories = [body.encode(batch)["outputs"] for batch in (before, changed)]
    assert ((memories[0] - memories[1])[0].abs().amax(-1) > 1e-6).all()
    moved = (body(before) - body(changed)).abs().amax(-1) > 1e-7
    assert moved[0].all()
    assert not moved[1:].any()


def test_an_encoder_decoder_transformer_decodes_by_steps_as_it_is_taught_and_ignores_padding() -> None:
    body, batch = build_transformer(), random_pairs()
    unrolled = body.unrolled_outputs(batch)
    assert unrolled is not None
    torch.testing.assert_close(unrolled, body(batch))
    padded = body(random_pairs(padding=3))
    for row, length in enumerate((2, 6, 4, 1)):
        torch.testing.assert_close(padded[row, :length], body(batch)[row, :length])


def test_every_parameter_of_an_encoder_decoder_transformer_gets_a_gradient() -> None:
    body = build_transformer()
    body(random_pairs()).square().sum().backward()
    assert [name for name, p in body.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_cross_attention_is_refused_for_a_decoder_that_does_not_offer_it() -> None:
    with pytest.raises(SeqbenchError, match=r"needs a decoder whose forward takes memory .* that of GRU does not"):
        EncoderDecoder(SPEC, LooksAhead(), GRU(WIDTH), WIDTH, "cross-attention")


def test_a_cross_attending_decoder_learns_to_copy_the_first_token_of_the_source() -> None:
    body, batch = build_body("cross-attending", RequiresMemory(WIDTH)).train(), random_pairs()
    head = nn.Linear(WIDTH, VOCAB)
    optimizer = torch.optim.Adam([*body.parameters(), *head.parameters()], lr=0.02)
    losses = []
    for _ in range(40):
        loss = nn.functional.cross_entropy(head(body(batch)[:, 0]), batch.inputs[:, 0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
