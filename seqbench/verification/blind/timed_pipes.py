"""The pipes between the process with the targets and the process of the net, with a time limit for each message."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import time

from seqbench.utils.errors import SeqbenchError
from seqbench.verification.blind.messages import Limits, Message, decode_message, encode_message

PIPE_BYTES = 1 << 20
"""Size of a pipe, where the system can set it; a larger pipe needs fewer switches between the processes."""


class PipeEnded(Exception):
    """The other process has closed its end of the pipe, which also happens when it ends."""


class TimedPipes:
    """Two pipes: one for requests to the net process, and one for its answers.

    Attributes:
        child_ends: file descriptors of the net process: it reads the first one and writes to the second one.
    """

    def __init__(self) -> None:
        child_reads, self._requests = os.pipe()
        self._answers, child_writes = os.pipe()
        self.child_ends = (child_reads, child_writes)
        for end in (self._requests, self._answers):
            os.set_blocking(end, False)
            with contextlib.suppress(OSError, AttributeError):  # The system has no such call, or a lower limit.
                fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def close_child_ends(self) -> None:
        """Close the ends of the net process in this process, after the net process has started."""
        for end in self.child_ends:
            os.close(end)

    def close(self) -> None:
        """Close the ends of this process; the net process then ends."""
        for end in (self._requests, self._answers):
            with contextlib.suppress(OSError):  # It is closed already.
                os.close(end)
        self._requests = self._answers = -1

    def send(self, message: Message, seconds: float) -> None:
        """Send a message.

        Args:
            message: the message.
            seconds: longest time (s).

        Raises:
            PipeEnded: the net process has ended.
            SeqbenchError: the net process does not read the message in time.
        """
        deadline = time.monotonic() + seconds
        try:
            for part in encode_message(message):
                view = memoryview(part).cast("B") if memoryview(part).nbytes else memoryview(b"")
                while view:
                    self._wait(self._requests, select.POLLOUT, deadline, seconds)
                    view = view[os.write(self._requests, view) :]
        except BrokenPipeError as error:
            raise PipeEnded from error

    def receive(self, seconds: float, limits: Limits) -> Message:
        """Return the next message of the net process.

        Args:
            seconds: longest time until the message is complete (s).
            limits: the largest message to accept.

        Raises:
            PipeEnded: the net process has ended.
            SeqbenchError: the message is malformed, too large or late.
        """
        deadline = time.monotonic() + seconds
        return decode_message(lambda count: self._read(count, deadline, seconds), limits)

    def _read(self, count: int, deadline: float, seconds: float) -> bytearray:
        data = bytearray(count)
        view = memoryview(data)
        while view:
            self._wait(self._answers, select.POLLIN, deadline, seconds)
            read = os.readv(self._answers, [view])
            if not read:
                raise PipeEnded
            view = view[read:]
        return data

    def _wait(self, end: int, event: int, deadline: float, seconds: float) -> None:
        """Wait until an end of a pipe is ready.

        Raises:
            SeqbenchError: it is not ready in time.
        """
        ready = select.poll()
        ready.register(end, event)
        if not ready.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise SeqbenchError(f"the net process has not answered within {seconds:g} s")
