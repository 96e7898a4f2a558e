"""A worker on this machine, from its first moment to its last."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any

from seqbench.sweep.engines.engine import GRACE_SECONDS, JobFailure
from seqbench.sweep.workers import ignored_signals
from seqbench.utils.errors import one_line

SAFE_PATH = "PYTHONSAFEPATH"


@dataclass(frozen=True)
class WorkerResources:
    """What a worker gets of the machine.

    Args:
        log: file for all that it writes.
        threads: CPU threads.
        gpus: names of the GPUs that it sees, by comma; None leaves them alone.
        memory: bytes of data that it may hold; None for no limit.
        safe_path: whether ``PYTHONSAFEPATH`` is the user's own wish.
    """

    log: str
    threads: int
    gpus: str | None
    memory: int | None
    safe_path: bool


def run_worker(call: Callable[..., Any], args: tuple[Any, ...], answer: Any, place: WorkerResources) -> None:
    """A worker's whole life: make the call, and send what it answers, or the ``JobFailure`` that its error means.

    Args:
        call: what is called.
        args: with what.
        answer: the end of a pipe.
        place: what it gets of the machine.
    """
    # A group of its own: Ctrl-C is for the sweep, which asks its workers to end in good order.
    os.setsid()
    for number in ignored_signals.SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    if not place.safe_path:
        os.environ.pop(SAFE_PATH, None)
    log = os.open(place.log, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    faulthandler.enable()
    threading.Thread(target=_follow, daemon=True).start()
    if place.gpus is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = place.gpus
    if place.memory is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (place.memory, place.memory))
    import torch

    torch.set_num_threads(place.threads)
    answer.send(_called(call, args))
    answer.close()
    # Without what a library may have left for the end: some thread of a stranger's that never ends, at worst.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _called(call: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """What the call returns, or the failure that its error means; the traceback goes into the last words."""
    from seqbench.running.runner import out_of_memory

    try:
        return call(*args)
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        text = one_line(error, 500)
        if out_of_memory(error):
            return JobFailure("out_of_memory", text or "memory ran out")
        return JobFailure("failed", f"{type(error).__name__}: {text}")


def _follow() -> None:
    """End with the sweep, also where that one was killed: nobody would take the answer, or stop what hangs."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    connection.wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(os.getpid(), signal.SIGKILL)
