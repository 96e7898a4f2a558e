"""Random batches of every kind of input and output, with padding, and bodies that read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from seqbench.architectures.bidirectional import BiGRU
from seqbench.architectures.feedback import Jordan
from seqbench.architectures.recurrent import GRU
from seqbench.architectures.transformer import BiTransformer, Transformer
from seqbench.models.bodies import Body, DecoderOnly, EncoderDecoder, OutputFeedback, SingleBackbone
from seqbench.models.bodies.output_feedback import build_feedback_embeddings
from seqbench.models.objectives import build_objective
from seqbench.protocol.specs import (
    Batch,
    Context,
    Features,
    Input,
    Output,
    SequenceClass,
    SequenceSpec,
    SequenceValue,
    StepClasses,
    StepLabels,
    StepValues,
    Tokens,
    TokenSequence,
)

ROWS, TIME, WIDTH, VOCAB = 5, 11, 8, 7
INPUTS: dict[str, Input] = {"tokens": Tokens(VOCAB), "features": Features(3), "context": Context(3)}
OUTPUTS: dict[str, Output] = {
    "step classes": StepClasses(4),
    "step labels": StepLabels(3),
    "step values": StepValues(2),
    "class at the last step": SequenceClass(3),
    "class from the mean": SequenceClass(3, reads="mean"),
    "class at every step": SequenceClass(3, reads="every"),
    "value at the last step": SequenceValue(2),
    "value from the mean": SequenceValue(2, reads="mean"),
    "value at every step": SequenceValue(2, reads="every"),
    "tokens": TokenSequence(VOCAB, start=1, end=2, longest=9),
}
BACKBONES: dict[str, Callable[[int], Any]] = {
    "gru": GRU,
    "transformer": Transformer,
    "bitransformer": BiTransformer,
    "bigru": BiGRU,
    "jordan": Jordan,
}


def random_batch(spec: SequenceSpec, seed: int = 0, first: bool | None = None) -> Batch:
    """Return a batch with rows of different lengths; some weights are 0."""
    draw = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, TIME + 1, (ROWS,), generator=draw)
    lengths[0] = TIME
    target_lengths = None
    if isinstance(spec.output, TokenSequence):
        out_time, target_lengths = 6, torch.randint(1, 7, (ROWS,), generator=draw)
    else:
        out_time = 1 if isinstance(spec.output, SequenceClass | SequenceValue) else TIME
    every = isinstance(spec.output, SequenceClass | SequenceValue) and spec.output.reads == "every"
    weights = (torch.rand(ROWS, TIME if every else out_time, generator=draw) > 0.3).float()
    return Batch(
        inputs=_random_inputs(spec.input, draw),
        targets=_random_targets(spec, out_time, draw),
        lengths=torch.full((ROWS,), TIME) if first is not None else lengths,
        weights=weights,
        total=float(weights.sum()),
        index=torch.arange(100, 100 + ROWS),
        scored=torch.rand(weights.shape, generator=draw),
        first=first,
        target_lengths=target_lengths,
    )


def build_body(spec: SequenceSpec, arch: str, bridge: str = "") -> Body:
    """Return a body in evaluation mode around a backbone, with random weights."""
    torch.manual_seed(0)
    backbone = BACKBONES[arch](WIDTH)
    body: Body
    if arch == "jordan":
        objective = build_objective(spec, WIDTH)
        body = OutputFeedback(backbone, build_feedback_embeddings(spec, WIDTH), objective.predict)
    elif bridge == "decoder-only":
        body = DecoderOnly(spec, backbone, WIDTH)
    elif isinstance(spec.output, TokenSequence):
        body = EncoderDecoder(spec, BiGRU(WIDTH), backbone, WIDTH, bridge or "additive")
    else:
        body = SingleBackbone(spec, backbone, WIDTH)
    return body.eval()


def _random_inputs(kind: Input, draw: torch.Generator) -> Tensor:
    if isinstance(kind, Tokens):
        return torch.randint(0, kind.vocab, (ROWS, TIME), generator=draw)
    shape = (ROWS, kind.dim) if isinstance(kind, Context) else (ROWS, TIME, kind.dim)
    return torch.randn(shape, generator=draw)


def _random_targets(spec: SequenceSpec, out_time: int, draw: torch.Generator) -> Tensor:
    match spec.output:
        case StepClasses(classes=count) | SequenceClass(classes=count) | TokenSequence(vocab=count):
            return torch.randint(0, count, (ROWS, out_time), generator=draw)
        case StepLabels(labels=count):
            return torch.randint(0, 2, (ROWS, out_time, count), generator=draw).float()
        case StepValues(dim=dim) | SequenceValue(dim=dim):
            return torch.randn(ROWS, out_time, dim, generator=draw)
