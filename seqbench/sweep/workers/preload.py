"""Imported once by the process that a sweep's workers are forked from: what a run needs, and what it would import late.

Nothing here may start a thread or touch CUDA: neither outlives a fork.
"""

import gc
import signal

import filelock._unix  # noqa: F401
import torch.profiler
import torch.utils.flop_counter  # noqa: F401

import seqbench.running.runner
import seqbench.sweep.planning.step_timing
import seqbench.sweep.workers.ignored_signals
import seqbench.sweep.workers.run_cell

for _number in seqbench.sweep.workers.ignored_signals.SIGNALS:
    signal.signal(_number, signal.SIG_IGN)

# What is there now is there for good: no worker need look through it, and so copy its pages.
gc.collect()
gc.freeze()
