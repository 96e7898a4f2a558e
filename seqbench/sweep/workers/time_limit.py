"""Call a function with a time limit, measured in the process that executes it.

A scheduler may keep a job in its queue for any time, so only the process itself knows when the call began.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from seqbench.sweep.engines.engine import GRACE_SECONDS

ResultT = TypeVar("ResultT")
ArgsT = TypeVarTuple("ArgsT")


def call_with_limit(
    function: Callable[[*ArgsT], ResultT], args: tuple[*ArgsT], limit: float | None
) -> tuple[bool, ResultT | None]:
    """Call a function, and interrupt it by SIGINT at its time limit, as Ctrl-C would.

    If the function has not ended ``GRACE_SECONDS`` after the signal, the process exits with status 1.

    Args:
        function: the function to call; it must run in the main thread.
        args: its positional arguments.
        limit: time limit in seconds; None for no limit.

    Returns:
        Whether the limit was reached, and the value of the function; None if it was interrupted.

    >>> call_with_limit(divmod, (7, 2), 60.0)
    (False, (3, 1))
    """
    limit_reached, ended = threading.Event(), threading.Event()
    timer = threading.Timer(limit or 0.0, _interrupt_process, [limit_reached, ended])
    timer.daemon = True
    if limit is not None:
        timer.start()
    value = None
    try:
        value = function(*args)
    except KeyboardInterrupt:
        if not limit_reached.is_set():
            raise
    finally:
        ended.set()  # The process may execute further calls, which the timer must not end.
        timer.cancel()
    return limit_reached.is_set(), value


def _interrupt_process(limit_reached: threading.Event, ended: threading.Event) -> None:
    limit_reached.set()
    os.kill(os.getpid(), signal.SIGINT)
    if not ended.wait(GRACE_SECONDS):
        os._exit(1)
