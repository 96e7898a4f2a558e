"""The main function of a worker process on this machine."""

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

from seqbench.sweep.engines.engine import GRACE_SECONDS, JobFailure
from seqbench.sweep.workers import ignored_signals
from seqbench.utils.errors import one_line
from seqbench.utils.redaction import redact

SAFE_PATH = "PYTHONSAFEPATH"
"""Environment variable that keeps Python from importing modules of the current folder."""


@dataclass(frozen=True)
class WorkerResources:
    """The resources of the machine that a worker may use.

    Args:
        log: path of the file for its output.
        threads: CPU threads.
        gpus: names of its GPUs, separated by commas; None leaves ``CUDA_VISIBLE_DEVICES`` as it is.
        memory: data that it may allocate, in bytes; None for no limit.
        safe_path: whether the user has set ``PYTHONSAFEPATH``.
    """

    log: str
    threads: int
    gpus: str | None
    memory: int | None
    safe_path: bool


def run_worker(
    function: Callable[..., object],
    args: tuple[object, ...],
    sender: connection.Connection,
    resources: WorkerResources,
) -> None:
    """Call a function, send its value or the ``JobFailure`` of its error, and end the process.

    Args:
        function: the function to call.
        args: its positional arguments.
        sender: end of the pipe to the engine.
        resources: the resources that the worker may use.
    """
    # In a process group of its own the worker does not get Ctrl-C; the sweep asks it to stop instead.
    os.setsid()
    for number in ignored_signals.IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    # A shell starts background jobs with SIGINT ignored, but the sweep sends this signal after Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not resources.safe_path:
        os.environ.pop(SAFE_PATH, None)
    log = os.open(resources.log, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    faulthandler.enable()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if resources.gpus is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = resources.gpus
    if resources.memory is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (resources.memory, resources.memory))
    import torch

    torch.set_num_threads(resources.threads)
    sender.send(call_or_describe_failure(function, args))
    sender.close()
    # Exit without the libraries' exit handlers: a thread of a plug-in that never ends would block them.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def call_or_describe_failure(function: Callable[..., object], args: tuple[object, ...]) -> object:
    """Return the function's value, or the ``JobFailure`` of its error after printing the traceback."""
    from seqbench.running.attempt import is_out_of_memory

    try:
        return function(*args)
    # The function runs code of plug-ins, which may raise anything and even exit.
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        text = redact(one_line(error))[:500]
        if is_out_of_memory(error):
            return JobFailure("out_of_memory", text or "memory ran out")
        return JobFailure("failed", f"{type(error).__name__}: {text}")


def _end_with_parent() -> None:
    """Wait until the process of the sweep has ended, then end this process and the ones that it started."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    connection.wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(os.getpid(), signal.SIGKILL)
