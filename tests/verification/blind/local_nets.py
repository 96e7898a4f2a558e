"""Nets in this process that answer blind batches, in place of a process of their own."""

from __future__ import annotations

import torch
from torch import Tensor

from seqbench.models.decoding.search import decode
from seqbench.models.module import SequenceModule
from seqbench.protocol.backbones import State
from seqbench.protocol.specs import TokenSequence
from seqbench.verification.blind.blind_batches import BlindBatch


class LocalNet:
    """The body of a module as a blind net.

    Args:
        module: the module.
    """

    def __init__(self, module: SequenceModule) -> None:
        self.module = module.eval()
        self.carried: State = None
        self.asked: list[BlindBatch] = []
        self.calls: list[str] = []

    @torch.inference_mode()
    def hidden_vectors(self, batch: BlindBatch, *, keep_state: bool = True) -> Tensor:
        self.calls.append("hidden vectors")
        self.asked.append(batch)
        hidden, carried = self.module._hidden_and_state(batch.to_batch(), self.carried)
        if keep_state:
            self.carried = carried
        return hidden

    def decode(self, batch: BlindBatch) -> list[list[int]]:
        self.calls.append("decode")
        self.asked.append(batch)
        output = self.module.spec.output
        assert isinstance(output, TokenSequence)
        return decode(self.module.body, self.module.objective, batch.to_batch(), output)
