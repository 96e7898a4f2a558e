"""Which of a run's processes is this? As whoever started it tells in the environment, before torch is imported."""

from __future__ import annotations

import os

_INTERACTIVE = ("bash", "interactive")
"""Slurm's names for a job that is somebody's shell: what is started there by hand is no task of ``srun``."""


def process_rank() -> int:
    """This process's place among all processes of its run, on all nodes: 0 is the one that writes and speaks.

    Read in Lightning's order: ``torchrun`` tells it, and ``srun`` does. Lightning's own launcher tells the node and
    the place on it, but not how many processes a node has: there 0 is the first of all, and any other number is
    only not the first. 0 where nobody started several.
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
