"""The two processes of the net under verification, which share nothing, and what the first one says of the net."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from torch import Tensor

from seqbench.protocol.records import Record
from seqbench.verification.blind.net_description import NetDescription
from seqbench.verification.blind.net_process import NetProcess


class NetPair:
    """Two processes of the net of a record; both start at once, while this process reads the data.

    The first one is scored. The second one answers for some of the rows again, see ``blind.consistency``; it has one
    thread, because its answers need to agree within rounding only.

    Args:
        record: record of the run.
        weights: weights of the checkpoint by name; without them only the first process starts, with initial weights.
        threads: CPU threads of the run; 0 for PyTorch's choice.
        hidden: files and folders that the processes must not read, such as the run's folder.
    """

    def __init__(
        self, record: Record, weights: Mapping[str, Tensor], threads: int, hidden: Sequence[Path] = ()
    ) -> None:
        with contextlib.ExitStack() as stack:
            self.first = stack.enter_context(NetProcess(record, weights, threads=threads, costs=True, hidden=hidden))
            self.second = None
            if weights:
                self.second = stack.enter_context(NetProcess(record, weights, threads=1, hidden=hidden))
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def describe(self) -> NetDescription:
        """Return what the first process says of its net.

        Raises:
            SeqbenchError: the net cannot be built here.
        """
        return self.first.describe()
