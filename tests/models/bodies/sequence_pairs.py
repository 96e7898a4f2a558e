"""Batches of source and target, and the bodies that decode them, for the tests of bodies and of decoding."""

from __future__ import annotations

import torch
from torch import nn

from seqbench.architectures.recurrent import GRU
from seqbench.models.bodies import DecoderOnly, EncoderDecoder
from seqbench.models.bodies.stepping import advance_backbone
from seqbench.protocol.backbones import State
from seqbench.protocol.specs import Batch, SequenceSpec, Tokens, TokenSequence

VOCAB, WIDTH = 9, 8
START, END = 1, 2
SPEC = SequenceSpec(Tokens(VOCAB), TokenSequence(VOCAB, START, END, 12), max_length=7, look_ahead=True)


class LooksAhead(nn.Module):
    """Not causal: adds the mean of the valid steps to each step."""

    causal = False

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        valid = torch.arange(x.shape[1]) < lengths[:, None]
        return x + ((x * valid[..., None]).sum(1) / lengths[:, None])[:, None]


class CausalMean(nn.Module):
    """Causal, without ``unroll``: each output depends on the mean of all inputs so far."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.linear = nn.Linear(d_model, d_model)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        outputs: torch.Tensor = self.linear(x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None])
        return outputs


class RequiresMemory(nn.Module):
    """Causal and cross-attending: adds attention over a memory to the mean of all inputs so far."""

    causal = True

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.mean = CausalMean(d_model)
        self.attention = nn.MultiheadAttention(d_model, 2, batch_first=True)

    def forward(
        self, x: torch.Tensor, lengths: torch.Tensor | None, memory: torch.Tensor, memory_lengths: torch.Tensor
    ) -> torch.Tensor:
        padding = torch.arange(memory.shape[1], device=memory.device) >= memory_lengths[:, None]
        hidden: torch.Tensor = self.mean(x, lengths)
        context, _ = self.attention(hidden, memory, memory, key_padding_mask=padding)
        return hidden + context


class AcceptsMemory(RequiresMemory):
    """Cross-attending; without a memory it returns the mean of all inputs so far."""

    def forward(
        self,
        x: torch.Tensor,
        lengths: torch.Tensor | None = None,
        memory: torch.Tensor | None = None,
        memory_lengths: torch.Tensor | None = None,
    ) -> torch.Tensor:
        if memory is None or memory_lengths is None:
            alone: torch.Tensor = self.mean(x, lengths)
            return alone
        return super().forward(x, lengths, memory, memory_lengths)


class StreamsAndAcceptsMemory(AcceptsMemory):
    """Cross-attending, and streaming where it has no memory."""

    def unroll(self, x: torch.Tensor, state: State = None) -> tuple[torch.Tensor, State]:
        return advance_backbone(self.mean, x, state)


def build_body(kind: str, decoder: nn.Module | None = None) -> EncoderDecoder | DecoderOnly:
    """Return a body with a bridge, ``cross-attending`` or ``decoder-only``, in evaluation mode."""
    torch.manual_seed(0)
    if kind == "cross-attending":
        return EncoderDecoder(SPEC, LooksAhead(), decoder or AcceptsMemory(WIDTH), WIDTH, "cross-attention").eval()
    decoder = decoder or GRU(WIDTH)
    if kind == "decoder-only":
        return DecoderOnly(SPEC, decoder, WIDTH).eval()
    return EncoderDecoder(SPEC, LooksAhead(), decoder, WIDTH, kind, heads=2).eval()


def random_pairs(seed: int = 0, padding: int = 0) -> Batch:
    """Return four pairs of different lengths, with some more steps of padding that hold ordinary tokens."""
    generator = torch.Generator().manual_seed(seed)
    lengths, target_lengths = torch.tensor([5, 2, 5, 3]), torch.tensor([2, 6, 4, 1])
    sources, targets = (torch.randint(3, VOCAB, (4, time), generator=generator) for time in (5, 6))
    extra = torch.full((4, padding), 7)
    sources, targets = torch.cat([sources, extra], dim=1), torch.cat([targets, extra], dim=1)
    weights = (torch.arange(targets.shape[1]) < target_lengths[:, None]).float()
    return Batch(sources, targets, lengths, weights, 1.0, torch.arange(4), target_lengths=target_lengths)
