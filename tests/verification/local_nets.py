"""Nets of verified records in the process of the test, without the seconds that the start of a process takes."""

from __future__ import annotations

import os
import subprocess
from collections import deque
from typing import IO

import torch

from seqbench.utils.errors import SeqbenchError
from seqbench.verification.blind import net_worker
from seqbench.verification.blind.hosted_net import HostedNet
from seqbench.verification.blind.messages import Limits, Message, decode_message, encode_message
from seqbench.verification.blind.timed_pipes import PipeEnded, TimedPipes


class LocalPipes(TimedPipes):
    """Pipes whose other end is a net in this process: a request is answered when it is sent.

    Messages are encoded and decoded as between processes, with the same limits.
    """

    def __init__(self) -> None:
        self.child_ends = (-1, -1)
        self._net: HostedNet | None = None
        self._waiting: deque[bytes] = deque()

    def close(self) -> None:
        """Forget the net."""
        self._net = None

    def send(self, message: Message, seconds: float) -> None:
        """Answer a request."""
        request = _decode(b"".join(map(bytes, encode_message(message))), net_worker.TRUSTED)
        if request.kind == net_worker.STOP:
            return
        # The process of the test has one generator and one number of threads, which the net must not change.
        threads = torch.get_num_threads()
        with torch.random.fork_rng():
            try:
                for answer in self._reply(request):
                    self._waiting.append(b"".join(map(bytes, encode_message(answer))))
            finally:
                torch.set_num_threads(threads)

    def receive(self, seconds: float, limits: Limits) -> Message:
        """Return the next answer."""
        if not self._waiting:
            raise PipeEnded
        return _decode(self._waiting.popleft(), limits)

    def _reply(self, request: Message) -> list[Message]:
        if request.kind != net_worker.START:
            assert self._net is not None
            return [net_worker._answer(self._net, request)]
        confined = Message(net_worker.CONFINED, {"isolation": "not confined: a test", "confined_by_kernel": False})
        try:
            self._net = HostedNet(request)
            return [confined, Message(net_worker.READY, self._net.describe())]
        except (Exception, SystemExit) as error:
            return [confined, net_worker.describe_error(error)]


class NoProcess(subprocess.Popen[bytes]):
    """The process of a net that has none."""

    def __init__(self) -> None:
        self.stdout: IO[bytes] | None = os.fdopen(os.open(os.devnull, os.O_RDONLY), "rb")
        self.returncode: int = 0

    def __del__(self) -> None:
        pass

    def kill(self) -> None:
        """Do nothing."""


def _decode(data: bytes, limits: Limits) -> Message:
    place = 0

    def read(count: int) -> bytearray:
        nonlocal place
        if place + count > len(data):
            raise SeqbenchError("the message is too short")
        place += count
        return bytearray(data[place - count : place])

    return decode_message(read, limits)
