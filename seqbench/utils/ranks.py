"""The rank of this process, read from the launcher's environment variables before torch is imported."""

from __future__ import annotations

import os

_INTERACTIVE = ("bash", "interactive")
"""Job names that Slurm uses for an interactive shell; a command in this shell is not a task of ``srun``."""


def process_rank() -> int:
    """Return the rank of this process among all processes of its run; rank 0 writes files and logs.

    The variables of ``torchrun`` and ``srun`` are read in Lightning's order. Lightning's own launcher sets the rank of
    the node and the rank on the node, but not the number of processes on a node. In this case, 0 means the first
    process, and another number only means that the process is not the first one. Without a launcher the rank is 0.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return _number("RANK")
    if "SLURM_NTASKS" in os.environ and os.environ.get("SLURM_JOB_NAME") not in _INTERACTIVE:
        return _number("SLURM_PROCID")
    node = "NODE_RANK" if "NODE_RANK" in os.environ else "GROUP_RANK"
    return _number(node) + _number("LOCAL_RANK")


def _number(name: str) -> int:
    value = os.environ.get(name, "")
    return int(value) if value.isdecimal() else 0
