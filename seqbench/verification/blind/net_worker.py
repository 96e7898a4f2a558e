"""The main function of a net process: build the net and answer requests until the pipe is closed."""

from __future__ import annotations

import os
import select
import sys
import threading
from typing import TYPE_CHECKING

from seqbench.utils.errors import NotAtHand, SeqbenchError, one_line, raised_at
from seqbench.verification.blind.messages import Limits, Message, decode_message, encode_message

if TYPE_CHECKING:
    from pydantic import JsonValue

    from seqbench.utils.confinement.confine import Isolation
    from seqbench.verification.blind.hosted_net import HostedNet

TRUSTED = Limits(header_bytes=2**28, array_bytes=2**42, arrays=2**20)
"""Limits of requests, which come from seqbench's own process."""

CONFINED, START, READY, ANSWER, ERROR, STOP = "confined", "start", "ready", "answer", "error", "stop"
"""Kinds of messages. The kinds of requests are the names of the methods of ``HostedNet``."""


class Pipes:
    """The two ends of the pipes in the net process: requests come in, answers go out.

    Args:
        requests: file descriptor of the requests.
        answers: file descriptor of the answers.
    """

    def __init__(self, requests: int, answers: int) -> None:
        self._requests, self._answers = requests, answers

    def receive(self) -> Message:
        """Wait for the next request.

        Raises:
            EOFError: the other process has closed the pipe or has ended.
        """
        return decode_message(self._read, TRUSTED, "the process with the targets")

    def send(self, message: Message) -> None:
        """Send an answer."""
        for part in encode_message(message):
            view = memoryview(part).cast("B") if memoryview(part).nbytes else memoryview(b"")
            while view:
                view = view[os.write(self._answers, view) :]

    def end_with_parent(self) -> None:
        """End this process at once when the other process closes its end of the pipe."""
        threading.Thread(target=self._wait_for_end, daemon=True).start()

    def _wait_for_end(self) -> None:
        hung_up = select.poll()
        hung_up.register(self._requests, 0)  # A poll for no event waits for the end of the pipe.
        hung_up.poll()
        os._exit(1)

    def _read(self, count: int) -> bytearray:
        data = bytearray(count)
        view = memoryview(data)
        while view:
            read = os.readv(self._requests, [view])
            if not read:
                raise EOFError
            view = view[read:]
        return data


def main(requests: int, answers: int, isolation: Isolation) -> None:
    """Run a net process, which is confined already.

    Args:
        requests: file descriptor of the requests.
        answers: file descriptor of the answers.
        isolation: how this process is confined.
    """
    pipes = Pipes(requests, answers)
    try:
        words: dict[str, JsonValue] = {"isolation": isolation.describe(), "confined_by_kernel": isolation.by_kernel}
        pipes.send(Message(CONFINED, words))
        start = pipes.receive()
        pipes.end_with_parent()
        net = _build_net(start)
        pipes.send(Message(READY, net.describe()))
        while (request := pipes.receive()).kind != STOP:
            pipes.send(_answer(net, request))
    except EOFError:
        pass
    # The plug-in may raise any error while it is imported or built, and may even exit.
    except BaseException as error:
        pipes.send(describe_error(error))
    # Exit without the exit handlers of libraries: a thread of a plug-in that never ends would block them.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _build_net(start: Message) -> HostedNet:
    from seqbench.verification.blind.hosted_net import HostedNet  # It imports torch.

    return HostedNet(start)


def _answer(net: HostedNet, request: Message) -> Message:
    """Return the answer to a request, or the description of the error that the net raised."""
    try:
        return Message(ANSWER, arrays=net.answer(request))
    except (Exception, SystemExit) as error:
        return describe_error(error)


def describe_error(error: BaseException) -> Message:
    """Return a message that describes an error in a sentence.

    >>> describe_error(SeqbenchError("no such option")).values["reason"]
    'no such option'
    """
    if isinstance(error, SeqbenchError):
        reason, place = one_line(error), ""
    else:
        reason, place = f"{type(error).__name__}: {one_line(error)}", raised_at(error)
    text = f"{reason[:500]}{f' ({place})' if place else ''}"
    return Message(ERROR, {"reason": text, "not_at_hand": isinstance(error, NotAtHand)})
