"""Imported once by the process that a sweep's workers are forked from: what a run needs, and what it would import late.

Nothing here may start a thread or touch CUDA: neither outlives a fork.
"""

import gc
import signal

import filelock._unix  # noqa: F401
import torch.profiler
import torch.utils.flop_counter  # noqa: F401

import seqbench.runner
import seqbench.sweep.deaf
import seqbench.sweep.probe
import seqbench.sweep.work

for _number in seqbench.sweep.deaf.SIGNALS:
    signal.signal(_number, signal.SIG_IGN)

# What is there now is there for good: no worker need look through it, and so copy its pages.
gc.collect()
gc.freeze()
