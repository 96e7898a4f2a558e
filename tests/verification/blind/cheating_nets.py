"""Nets in this process that read what they must not, or answer differently when they are evaluated otherwise."""

from __future__ import annotations

import dataclasses
import itertools

import torch
from torch import Tensor

from seqbench.models.module import SequenceModule
from seqbench.verification.blind.blind_batches import BlindBatch
from tests.verification.blind.local_nets import LocalNet


class CheatingNet(LocalNet):
    """A net whose answers are changed by ``cheat``."""

    def hidden_vectors(self, batch: BlindBatch, *, keep_state: bool = True) -> Tensor:
        honest = super().hidden_vectors(batch, keep_state=keep_state).clone()
        return self.cheat(honest, batch)

    def cheat(self, hidden: Tensor, batch: BlindBatch) -> Tensor:
        raise NotImplementedError


class ReadsNextInput(CheatingNet):
    def cheat(self, hidden: Tensor, batch: BlindBatch) -> Tensor:
        steps = batch.inputs if batch.decoder_inputs is None else batch.decoder_inputs
        hidden[:, :-1, 0] += 0.01 * (steps if steps.dim() == 2 else steps.sum(-1))[:, 1:]
        return hidden


class ReadsNextInputLater(ReadsNextInput):
    """It is honest in its first calls."""

    def cheat(self, hidden: Tensor, batch: BlindBatch) -> Tensor:
        return super().cheat(hidden, batch) if len(self.calls) > 3 else hidden


class ReadsLengths(CheatingNet):
    def cheat(self, hidden: Tensor, batch: BlindBatch) -> Tensor:
        hidden[..., 0] += 0.01 * batch.lengths[:, None]
        return hidden


class RemembersBatches(CheatingNet):
    """Its answers depend on the batch before."""

    before = 0.0

    def cheat(self, hidden: Tensor, batch: BlindBatch) -> Tensor:
        hidden[..., 0] += self.before
        self.before = float(hidden.abs().mean())
        return hidden


class CountsRows(CheatingNet):
    def cheat(self, hidden: Tensor, batch: BlindBatch) -> Tensor:
        hidden[..., 0] += 0.001 * len(batch)
        return hidden


class NumbersRows(CheatingNet):
    """Its answers depend on the order of the rows."""

    def cheat(self, hidden: Tensor, batch: BlindBatch) -> Tensor:
        hidden[..., 0] += 0.001 * torch.arange(len(batch))[:, None]
        return hidden


class CountsCalls(CheatingNet):
    """It changes with the number of its calls, as one that notices when its evaluation starts."""

    def cheat(self, hidden: Tensor, batch: BlindBatch) -> Tensor:
        hidden[..., 0] += 0.001 * len(self.calls)
        return hidden


class KeepsAlteredChunks(LocalNet):
    """It keeps the state after a chunk that does not count."""

    def hidden_vectors(self, batch: BlindBatch, *, keep_state: bool = True) -> Tensor:
        first = None if batch.first is None else batch.first and self.carried is None
        return super().hidden_vectors(dataclasses.replace(batch, first=first), keep_state=True)


ROWS = (ReadsNextInput, ReadsNextInputLater, RemembersBatches, CountsRows, NumbersRows, CountsCalls)


class HidesNextInput(CheatingNet):
    """Its outputs show the next input, and the differences pass for rounding; the head is that of ``show_codes``."""

    def code_next(self, hidden: Tensor, batch: BlindBatch) -> Tensor:
        """Return hidden vectors behind which the class of the next input is the most likely one, ``(..., d_model)``."""
        head = self.module.objective.head
        assert isinstance(head, torch.nn.Linear)
        coded = torch.zeros_like(hidden)
        coded[:, :-1] = head.weight.detach()[batch.inputs[:, 1:]]
        return coded


class HidesInNearTies(HidesNextInput):
    """All classes are almost equally likely."""

    def cheat(self, hidden: Tensor, batch: BlindBatch) -> Tensor:
        coded = 4e-6 * self.code_next(hidden, batch)
        coded[..., 0] = 1
        return coded


class HidesBesideLargeOutput(HidesNextInput):
    """One hidden value and one output are so large that all other differences are small beside them."""

    def cheat(self, hidden: Tensor, batch: BlindBatch) -> Tensor:
        coded = 20 * self.code_next(hidden, batch)
        coded[..., 0] = 1e8
        return coded


class HidesInChaos(HidesNextInput):
    """Rounding seems to grow along the row, so that later steps differ anyway."""

    numbers = itertools.count()

    def __init__(self, module: SequenceModule) -> None:
        super().__init__(module)
        self.number = next(self.numbers) % 2

    def cheat(self, hidden: Tensor, batch: BlindBatch) -> Tensor:
        coded = 2 * self.code_next(hidden, batch)
        coded[:, :1] = 0
        coded[..., 0] = 2 + 8e-6 * 5.0 ** torch.arange(coded.shape[1]).clamp(max=8) * self.number
        return coded


HIDDEN = (HidesInNearTies, HidesBesideLargeOutput, HidesInChaos)


def show_codes(module: SequenceModule, large: bool) -> None:
    """Give a module a head that finds the class whose code the hidden vector holds; the first value is not read.

    Args:
        module: a module with a linear head.
        large: whether the output of the last class is a large number.
    """
    head = module.objective.head
    assert isinstance(head, torch.nn.Linear)
    codes = torch.randn(head.weight.shape, generator=torch.Generator().manual_seed(0))
    codes[:, 0] = 0
    with torch.no_grad():
        head.weight.copy_(codes / codes.norm(dim=1, keepdim=True))
        head.bias.fill_(1)
        if large:
            head.bias[-1] = -1e8
