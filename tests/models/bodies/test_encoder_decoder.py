from __future__ import annotations

from typing import Any

import pytest
import torch

from seqbench.architectures.recurrent import GRU, LSTM
from seqbench.models.bodies import Body, DecoderOnly, EncoderDecoder
from seqbench.models.bodies.bridges import Additive, MultiHead, Vector
from seqbench.protocol.specs import Batch, SequenceSpec, Tokens, TokenSequence
from seqbench.utils.errors import SeqbenchError
from tests.models.bodies.test_single_backbone import Whole

VOCAB, WIDTH = 9, 8
SPEC = SequenceSpec(Tokens(VOCAB), TokenSequence(VOCAB, 1, 2, 12), max_length=7, look_ahead=True)
BRIDGES = ("vector", "additive", "multihead")


class Both(torch.nn.Module):
    """Looks ahead: each step sees the mean of the valid ones."""

    causal = False

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        valid = torch.arange(x.shape[1]) < lengths[:, None]
        return x + ((x * valid[..., None]).sum(1) / lengths[:, None])[:, None]


def make(kind: str, decoder: Any = None, encoder: Any = None) -> Body:
    torch.manual_seed(0)
    decoder = decoder or GRU(WIDTH)
    if kind == "decoder-only":
        return DecoderOnly(SPEC, decoder, WIDTH).eval()
    return EncoderDecoder(SPEC, encoder or Both(), decoder, WIDTH, kind, heads=2).eval()


def random_batch(seed: int = 0, rows: int = 4, extra: int = 0) -> Batch:
    """``extra`` steps of padding, filled with tokens that must not matter."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.tensor([5, 2, 5, 3])[:rows]
    target_lengths = torch.tensor([2, 6, 4, 1])[:rows]
    sources, targets = (torch.randint(3, VOCAB, (rows, time), generator=generator) for time in (5, 6))
    wild = torch.full((rows, extra), 7)
    sources, targets = (torch.cat([x, wild], dim=1) for x in (sources, targets))
    weights = (torch.arange(targets.shape[1]) < target_lengths[:, None]).float()
    return Batch(sources, targets, lengths, weights, 1.0, torch.arange(rows), target_lengths=target_lengths)


@pytest.mark.parametrize("kind", [*BRIDGES, "decoder-only"])
def test_padding_changes_nothing_where_targets_are(kind: str) -> None:
    body = make(kind)
    short, long = body(random_batch()), body(random_batch(extra=3))
    for row, length in enumerate(random_batch().target_lengths.tolist()):  # type: ignore[union-attr]
        torch.testing.assert_close(short[row, :length], long[row, :length])


@pytest.mark.parametrize("kind", [*BRIDGES, "decoder-only"])
def test_a_target_never_sees_itself_nor_what_follows(kind: str) -> None:
    body, batch = make(kind), random_batch()
    before = body(batch)
    changed = random_batch()
    changed.targets[1, 3] = 8 if batch.targets[1, 3] != 8 else 7
    after = body(changed)
    torch.testing.assert_close(after[1, :4], before[1, :4])
    assert not torch.allclose(after[1, 4], before[1, 4])
    torch.testing.assert_close(after[0], before[0])


@pytest.mark.parametrize("kind", [*BRIDGES, "decoder-only"])
def test_every_valid_source_token_matters(kind: str) -> None:
    body, batch = make(kind), random_batch()
    before = body(batch)
    for row, length in enumerate(batch.lengths.tolist()):
        for step in range(length):
            changed = random_batch()
            changed.inputs[row, step] = 2
            assert not torch.allclose(body(changed)[row, 0], before[row, 0], atol=1e-7)


@pytest.mark.parametrize("kind", [*BRIDGES, "decoder-only"])
@pytest.mark.parametrize("decoder", [GRU, LSTM, Whole])
def test_step_by_step_equals_teacher_forcing(kind: str, decoder: Any) -> None:
    """Also for a backbone without ``unroll``, which computes anew."""
    body = make(kind, decoder(WIDTH))
    for row in range(4):
        batch = random_batch().rows(slice(row, row + 1))
        batch.inputs = batch.inputs[:, : int(batch.lengths[0])]
        whole = body(batch)
        memory, state = body.begin(batch)
        token = torch.tensor([[1]])
        for step in range(int(batch.target_lengths[0])):  # type: ignore[index]
            hidden, state = body.step(token, memory, state)
            torch.testing.assert_close(hidden, whole[:, step])
            token = batch.targets[:, step : step + 1]


def test_additive_weights_by_hand() -> None:
    bridge = Additive(3)
    hidden, outputs = torch.randn(1, 2, 3), torch.randn(1, 4, 3)
    memory = bridge.remember(outputs, torch.tensor([3]))
    weights = bridge.weights(hidden, memory)
    for step in range(2):
        scores = [
            bridge.score(torch.tanh(bridge.query(hidden[0, step]) + bridge.key(outputs[0, place])))
            for place in range(3)
        ]
        torch.testing.assert_close(weights[0, step, :3], torch.softmax(torch.cat(scores), 0))
    assert not weights[..., 3].any()
    expected = torch.tanh(bridge.combine(torch.cat([hidden, weights @ outputs], -1)))
    torch.testing.assert_close(bridge.leave(hidden, memory), expected)


def test_multi_head_attention_is_pytorchs() -> None:
    bridge = MultiHead(8, heads=2)
    hidden, outputs = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    valid = torch.tensor([[True] * 5, [True, True, False, False, False]])
    memory = bridge.remember(outputs, torch.tensor([5, 2]))
    reference = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        reference.in_proj_weight.copy_(torch.cat([m.weight for m in (bridge.query, bridge.key, bridge.value)]))
        reference.in_proj_bias.copy_(torch.cat([m.bias for m in (bridge.query, bridge.key, bridge.value)]))
        reference.out_proj.weight.copy_(torch.eye(8))
    expected, weights = reference(hidden, outputs, outputs, key_padding_mask=~valid)
    torch.testing.assert_close(bridge.context(hidden, memory), expected)
    torch.testing.assert_close(bridge.weights(hidden, memory), weights)


def test_the_vector_bridge_shows_the_summary_alone() -> None:
    body = make("vector")
    batch = random_batch()
    assert isinstance(body.bridge, Vector)
    assert body.attention(batch) is None  # type: ignore[operator]
    memory = body.encode(batch)  # type: ignore[operator]
    torch.testing.assert_close(body.bridge.enter(torch.zeros(4, 6, WIDTH), memory), memory["summary"].expand(-1, 6, -1))
    assert set(memory) == {"summary"}


@pytest.mark.parametrize("kind", [*BRIDGES, "decoder-only"])
def test_every_parameter_is_trained(kind: str) -> None:
    """Also of an encoder that looks ahead; a parameter without a gradient would stop several processes."""
    body = make(kind)
    body(random_batch()).square().sum().backward()
    assert [name for name, p in body.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_source_and_target_share_their_embedding() -> None:
    body = make("additive")
    assert body.source is body.target
    other = SequenceSpec(Tokens(4), SPEC.output, 7, True)
    assert EncoderDecoder(other, Both(), GRU(WIDTH), WIDTH, "vector").target.table.weight.shape == (VOCAB, WIDTH)
    with pytest.raises(SeqbenchError, match="one vocabulary"):
        DecoderOnly(other, GRU(WIDTH), WIDTH)


def test_what_looks_ahead_cannot_decode() -> None:
    with pytest.raises(SeqbenchError, match="decoder must be causal"):
        make("vector", Both())
    with pytest.raises(SeqbenchError, match="needs a causal architecture"):
        make("decoder-only", Both())
    with pytest.raises(SeqbenchError, match=r"heads must divide arch\.d_model \(8\), got 3"):
        EncoderDecoder(SPEC, Both(), GRU(WIDTH), WIDTH, "multihead", heads=3)
