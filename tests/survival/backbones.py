"""Backbones of cells in sweeps: one that keeps a list of who trained it, and some that take their process with them."""

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
"""Names the folder of the lists."""

OVERLAP = "overlap"
"""Stands in the list of a cell that two processes trained at once."""


class Audited(CausalMean):
    """Writes into its cell's list who trains it, and sees by a lock of its own whether another does so at once.

    Args:
        cell: names the list; it also changes the results a little.
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
        file = path.open("a")  # Held until the end of this process, however it comes.
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.write(f"{os.getpid()}\n")
        except BlockingIOError:
            file.write(f"{OVERLAP} {os.getpid()}\n")
        file.flush()
        return file


class Segfaulting(CausalMean):
    """Reads where nothing is."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        ctypes.string_at(0)
        return x


class Exiting(CausalMean):
    """Ends its process at once, as a library written in C may."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        os._exit(3)


class Leaving(CausalMean):
    """Ends its process as a script does."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if self.training:
            sys.exit("the licence has expired")
        return x


class Hanging(CausalMean):
    """Never comes back from its first step of training."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        while self.training:
            time.sleep(60)
        return x


class Eating(CausalMean):
    """Takes more and more memory."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        eaten = []
        while self.training:
            eaten.append(torch.empty(2**24))  # Untouched: it counts, and costs no real memory.
        return x
