"""Backbones for tests of sweeps: one logs which processes train it, the others end or block their process."""

from __future__ import annotations

import ctypes
import fcntl
import os
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from tests.backbones import CausalMean

AUDIT = "SEQBENCH_TEST_AUDIT"
"""Environment variable with the folder of the logs."""

OVERLAP = "overlap"
"""Marks the log of a cell that two processes have trained at the same time."""


class Audited(CausalMean):
    """Log the process that trains a cell, and detect by a lock if another process trains it at the same time.

    Args:
        cell: name of the log; it also changes the results slightly.
    """

    held: ClassVar[Any] = None

    def __init__(self, d_model: int, cell: int = 0) -> None:
        super().__init__(d_model)
        self.cell = cell
        self.dropout = nn.Dropout(0.1 + cell / 100)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if self.training and torch.is_grad_enabled() and Audited.held is None:
            Audited.held = self._begin()
        return self.dropout(super().forward(x))

    def _begin(self) -> Any:
        path = Path(os.environ[AUDIT]) / str(self.cell)
        file = path.open("a")  # Locked until this process ends in any way.
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.write(f"{os.getpid()}\n")
        except BlockingIOError:
            file.write(f"{OVERLAP} {os.getpid()}\n")
        file.flush()
        return file


class Segfaulting(CausalMean):
    """Read from address 0, which ends the process by SIGSEGV."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        ctypes.string_at(0)
        return x


class Exiting(CausalMean):
    """End the process at once, as a library written in C may do."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        os._exit(3)


class RaisingSystemExit(CausalMean):
    """Raise SystemExit in the first training step."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if self.training:
            sys.exit("the licence has expired")
        return x


class Hanging(CausalMean):
    """Block in the first training step."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        while self.training:
            time.sleep(60)
        return x


class ExhaustingMemory(CausalMean):
    """Allocate memory until none is left."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        tensors = []
        while self.training:
            tensors.append(torch.empty(2**24))  # Never written, so it counts against the limit but uses no memory.
        return x
