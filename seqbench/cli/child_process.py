"""Another ``seqbench`` in a process of its own: it hears the signals that this one gets, and its end is awaited."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType

HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
CTRL_C, STOPPED_BY_SIGNAL = 130, 75
STOPPED = (CTRL_C, STOPPED_BY_SIGNAL)
"""Exit statuses of a run that was asked to end, and after which nothing else should begin."""


def run_child(words: Sequence[str]) -> int:
    """Run ``seqbench`` with these words; its exit status, or one of ``STOPPED`` if a signal came meanwhile.

    It has a process group of its own: Ctrl-C in a terminal would otherwise reach it twice, from there and from here,
    and a run that hears it twice does not end its step.
    """
    heard: list[int] = []
    process: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        if process is not None:
            process.send_signal(number)

    earlier = {number: signal.signal(number, pass_on) for number in HEARD}
    try:
        command = [sys.executable, "-m", "seqbench", *words]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)
        for number in list(heard):  # Those that came before there was anybody to tell.
            process.send_signal(number)
        status = process.wait()
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
    status = 128 - status if status < 0 else status
    if not heard:
        return status
    return CTRL_C if heard[0] == signal.SIGINT else STOPPED_BY_SIGNAL
