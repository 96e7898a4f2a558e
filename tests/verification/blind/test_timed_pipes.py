from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from seqbench.utils.errors import SeqbenchError
from seqbench.verification.blind.messages import Limits, Message, RawArray, encode_message
from seqbench.verification.blind.net_worker import Pipes
from seqbench.verification.blind.timed_pipes import PipeEnded, TimedPipes


@pytest.fixture
def pipes() -> Iterator[TimedPipes]:
    pipes = TimedPipes()
    yield pipes
    pipes.close()


def test_messages_larger_than_a_pipe_pass_in_both_directions(pipes: TimedPipes) -> None:
    sent = Message("x", {"n": 1}, {"array": RawArray("uint8", (5_000_000,), bytearray(os.urandom(5_000_000)))})
    other = Pipes(*pipes.child_ends)
    echo = threading.Thread(target=lambda: other.send(other.receive()))
    echo.start()
    pipes.send(sent, 60)
    assert pipes.receive(60, Limits()) == sent
    echo.join()
    pipes.close_child_ends()


def test_a_process_that_does_not_answer_is_late(pipes: TimedPipes) -> None:
    with pytest.raises(SeqbenchError, match=r"the net process has not answered within 0.05 s"):
        pipes.receive(0.05, Limits())
    pipes.close_child_ends()


def test_a_process_that_sends_half_of_a_message_is_late(pipes: TimedPipes) -> None:
    text = b"".join(bytes(part) for part in encode_message(Message("ready")))
    os.write(pipes.child_ends[1], text[:-1])
    with pytest.raises(SeqbenchError, match=r"has not answered within 0.05 s"):
        pipes.receive(0.05, Limits())
    pipes.close_child_ends()


def test_a_process_that_reads_nothing_is_late(pipes: TimedPipes) -> None:
    large = Message("x", arrays={"array": RawArray("uint8", (5_000_000,), bytes(5_000_000))})
    with pytest.raises(SeqbenchError, match=r"has not answered within 0.05 s"):
        pipes.send(large, 0.05)
    pipes.close_child_ends()


def test_a_closed_pipe_has_ended(pipes: TimedPipes) -> None:
    pipes.close_child_ends()
    with pytest.raises(PipeEnded):
        pipes.receive(5, Limits())
    with pytest.raises(PipeEnded):
        pipes.send(Message("x"), 5)
