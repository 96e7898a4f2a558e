"""Nets in this process that read what they must not, or answer differently when they are evaluated otherwise."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

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
