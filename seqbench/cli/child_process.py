"""Run ``seqbench`` in a child process that gets the signals of this process."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType

FORWARDED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
CTRL_C, STOPPED_BY_SIGNAL = 130, 75
STOPPED_STATUSES = (CTRL_C, STOPPED_BY_SIGNAL)
"""Exit statuses of a run that was asked to stop; its parent should start no further run."""


def run_child(words: Sequence[str]) -> int:
    """Run ``seqbench`` with some arguments in a child process, and wait for its end.

    The child has its own process group. Otherwise Ctrl-C in a terminal would reach it twice, from the terminal and
    from this process, and a second signal ends a run without a checkpoint.

    Returns:
        The exit status, or one of ``STOPPED_STATUSES`` if this process got a signal meanwhile.
    """
    received: list[int] = []
    process: subprocess.Popen[bytes] | None = None

    def forward(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if process is not None:
            process.send_signal(number)

    earlier = {number: signal.signal(number, forward) for number in FORWARDED_SIGNALS}
    try:
        command = [sys.executable, "-m", "seqbench", *words]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)
        for number in list(received):  # Signals that came before the child was started.
            process.send_signal(number)
        status = process.wait()
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
    if received:
        return CTRL_C if received[0] == signal.SIGINT else STOPPED_BY_SIGNAL
    return 128 - status if status < 0 else status
