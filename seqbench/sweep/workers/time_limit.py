"""A call that ends itself when its time is up: where it runs, only it knows when it began."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from seqbench.sweep.engines.engine import GRACE_SECONDS


def call_with_limit(function: Callable[..., Any], args: tuple[Any, ...], limit: float | None) -> tuple[bool, Any]:
    """Call it; say whether its time was up, and what it returned.

    A signal tells it when ``limit`` seconds are over, as Ctrl-C would; one that does not listen ends with its process.
    """
    late, over = threading.Event(), threading.Event()
    timer = threading.Timer(limit or 0.0, _end, [late, over])
    timer.daemon = True
    if limit is not None:
        timer.start()
    value = None
    try:
        value = function(*args)
    except KeyboardInterrupt:
        if not late.is_set():
            raise
    finally:
        over.set()  # The process may go on with another call, which is not to end with this one.
        timer.cancel()
    return late.is_set(), value


def _end(late: threading.Event, over: threading.Event) -> None:
    late.set()
    os.kill(os.getpid(), signal.SIGINT)
    if not over.wait(GRACE_SECONDS):
        os._exit(1)
