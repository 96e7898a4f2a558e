"""Modules that the fork server imports once, so that its workers start with them.

These modules must not start a thread or use CUDA, because neither works after a fork.
"""

import gc
import signal

import filelock._unix  # noqa: F401
import torch.profiler
import torch.utils.flop_counter  # noqa: F401

import seqbench.protocol.identity.package_sources
import seqbench.running.runner
import seqbench.sweep.planning.step_timing
import seqbench.sweep.workers.ignored_signals
import seqbench.sweep.workers.run_cell

for _number in seqbench.sweep.workers.ignored_signals.IGNORED_SIGNALS:
    signal.signal(_number, signal.SIG_IGN)

# The workers run the code that is imported here, even if its files are edited while the sweep goes on.
seqbench.protocol.identity.package_sources.seqbench_digest()

# Frozen objects are skipped by garbage collection in the workers, so their memory pages stay shared.
gc.collect()
gc.freeze()
