from __future__ import annotations

import os
import signal

from seqbench.sweep.engines import local_engine
from seqbench.sweep.workers.ignored_signals import IGNORED_SIGNALS


def signals_with_default_handler() -> list[int]:
    return [int(number) for number in IGNORED_SIGNALS if signal.getsignal(number) == signal.SIG_DFL]


def test_the_fork_server_survives_the_ignored_signals() -> None:
    server = local_engine.call_in_worker(os.getppid)
    for number in IGNORED_SIGNALS:
        os.kill(server, number)
    assert local_engine.call_in_worker(os.getppid) == server


def test_workers_do_not_ignore_these_signals() -> None:
    assert local_engine.call_in_worker(signals_with_default_handler) == [int(number) for number in IGNORED_SIGNALS]
