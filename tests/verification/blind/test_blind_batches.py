from __future__ import annotations

import dataclasses
import itertools

import pytest
import torch

from seqbench.models.bodies.encoder_decoder import shift_right
from seqbench.protocol.specs import Batch, SequenceSpec, TokenSequence, feedback_input
from seqbench.verification.blind.blind_batches import BlindBatch, hide_targets
from tests.verification.blind.random_batches import INPUTS, OUTPUTS, build_body, random_batch

SINGLE = [name for name in OUTPUTS if name != "tokens"]
PAIRS = SequenceSpec(INPUTS["tokens"], OUTPUTS["tokens"], max_length=11, look_ahead=True)


def spec_of(inputs: str, outputs: str) -> SequenceSpec:
    return SequenceSpec(INPUTS[inputs], OUTPUTS[outputs], max_length=11, look_ahead=True)


@torch.no_grad()
def hidden_vectors(spec: SequenceSpec, arch: str, batch: Batch, blind: BlindBatch, bridge: str = "") -> None:
    """Check that a body gives the same hidden vectors from a batch and from its blind part, bit for bit."""
    body = build_body(spec, arch, bridge)
    if batch.first is None:
        seen, hidden = body(batch), body(blind.to_batch())
    else:
        (seen, before), (hidden, after) = body.unroll(batch, None), body.unroll(blind.to_batch(), None)
        later = [body.unroll(x, state)[0] for x, state in ((batch, before), (blind.to_batch(), after))]
        assert torch.equal(*later)
    assert seen.shape[1] in (batch.targets.shape[1], batch.weights.shape[1])
    is_decoded = isinstance(spec.output, TokenSequence)
    valid = batch.valid() if is_decoded else torch.ones(seen.shape[:2], dtype=torch.bool)
    assert torch.equal(seen[valid], hidden[valid])


@pytest.mark.parametrize("arch", ["gru", "transformer", "bitransformer", "bigru"])
@pytest.mark.parametrize(("inputs", "outputs"), list(itertools.product(INPUTS, SINGLE)))
def test_one_backbone_gives_the_same_hidden_vectors(inputs: str, outputs: str, arch: str) -> None:
    spec = spec_of(inputs, outputs)
    batch = random_batch(spec)
    if inputs == "context" and batch.targets.shape[1] == 1:
        batch.lengths = torch.ones_like(batch.lengths)
    hidden_vectors(spec, arch, batch, hide_targets(batch, spec))


@pytest.mark.parametrize("outputs", ["step classes", "step labels", "step values"])
@pytest.mark.parametrize("first", [None, True])
def test_output_feedback_gives_the_same_hidden_vectors(outputs: str, first: bool | None) -> None:
    spec = spec_of("features", outputs)
    assert feedback_input(spec.output) is not None
    batch = random_batch(spec, first=first)
    hidden_vectors(spec, "jordan", batch, hide_targets(batch, spec, feeds_back_output=True))


@pytest.mark.parametrize("arch", ["gru"])
@pytest.mark.parametrize("inputs", ["tokens", "features"])
def test_a_chunk_of_a_stream_gives_the_same_hidden_vectors(inputs: str, arch: str) -> None:
    spec = spec_of(inputs, "step classes")
    batch = random_batch(spec, first=True)
    hidden_vectors(spec, arch, batch, hide_targets(batch, spec))


@pytest.mark.parametrize("arch", ["gru", "transformer"])
@pytest.mark.parametrize("bridge", ["vector", "additive", "multihead", "decoder-only"])
def test_decoders_give_the_same_hidden_vectors_at_all_targets(bridge: str, arch: str) -> None:
    batch = random_batch(PAIRS)
    hidden_vectors(PAIRS, arch, batch, hide_targets(batch, PAIRS), bridge)


def test_nothing_else_of_a_batch_is_passed_on() -> None:
    """Changes of targets that no decoder reads, of weights, indices and lengths of targets change nothing."""
    for outputs in OUTPUTS:
        spec = spec_of("tokens", outputs)
        batch = random_batch(spec)
        targets = batch.targets.clone()
        first = targets.shape[1] - 1 if isinstance(spec.output, TokenSequence) else 0
        targets[:, first:] = 1 - targets[:, first:]
        other = dataclasses.replace(
            batch,
            targets=targets,
            weights=batch.weights * 3 + 1,
            scored=None,
            total=1e9,
            index=batch.index + 1,
            target_lengths=None if batch.target_lengths is None else torch.ones_like(batch.target_lengths),
        )
        for one, two in zip(*(dataclasses.astuple(hide_targets(x, spec)) for x in (batch, other)), strict=True):
            assert torch.equal(one, two) if isinstance(one, torch.Tensor) else one == two


def test_a_decoder_reads_the_start_token_and_all_targets_but_the_last() -> None:
    batch = random_batch(PAIRS)
    blind = hide_targets(batch, PAIRS)
    assert blind.decoder_inputs is not None
    assert torch.equal(blind.decoder_inputs, shift_right(batch.targets, 1))
    again = blind.to_batch()
    assert torch.equal(shift_right(again.targets, 1), blind.decoder_inputs)
    assert again.target_lengths is not None
    assert again.target_lengths.tolist() == [batch.targets.shape[1]] * len(batch)
    assert blind.without_targets().decoder_inputs is None


def test_rows_are_selected_in_the_given_order() -> None:
    batch = random_batch(PAIRS)
    blind = dataclasses.replace(hide_targets(batch, PAIRS), asked=batch.weights > 0)
    order = torch.tensor([3, 0])
    for one, two in zip(dataclasses.astuple(blind.rows(order)), dataclasses.astuple(blind), strict=True):
        assert torch.equal(one, two[order]) if isinstance(one, torch.Tensor) else one == two
