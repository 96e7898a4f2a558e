"""The net under test as the process with the targets sees it: a process of its own, asked for hidden vectors."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import torch
from torch import Tensor

from seqbench.protocol.records import Record
from seqbench.protocol.specs import TokenSequence
from seqbench.utils.errors import NotAtHand, SeqbenchError, one_line
from seqbench.utils.plain_data import short_repr
from seqbench.utils.strict_model import validate
from seqbench.verification.blind import net_answers, net_launch, net_requests, net_worker
from seqbench.verification.blind.blind_batches import BlindBatch
from seqbench.verification.blind.messages import Limits, Message
from seqbench.verification.blind.net_description import NetDescription
from seqbench.verification.blind.timed_pipes import PipeEnded, TimedPipes

START_SECONDS, REQUEST_SECONDS = 300.0, 600.0
"""Longest time until a net is built (s), and longest time of one answer (s)."""

SHOWN_OUTPUT = 500
"""Largest number of characters of a net's printed output that a failure shows."""


class NetProcess:
    """The net of a record in a process of its own, which holds no targets.

    The process starts at once, and imports its libraries while this process does other work; the first request waits
    for it. It is a fresh interpreter and not a fork, because a fork would hold all that this process holds. It is
    confined before it imports the plug-in: it reads no data and no file of the run, uses no network, and writes in a
    temporary folder alone (see ``utils.confinement``).

    Args:
        record: record of the run; its options and its spec describe the net.
        weights: weights and buffers by name, from the checkpoint; they are sent to the process. Empty for a net with
            its initial weights.
        accelerator: ``cpu``, ``gpu`` or ``auto``, as in ``trainer.accelerator``.
        threads: CPU threads of the run, on which results may depend; 0 for PyTorch's choice.
        costs: whether the costs of the net are measured, and a recorded number of parameters is matched again.
        hidden: files and folders that the process must not read, such as the run's folder; the data of the record and
            the caches are hidden anyway.
        start_seconds: longest time until the net is built (s).
        request_seconds: longest time of one answer (s).

    Attributes:
        folder: the temporary folder in which the process may write; it is removed at the end.

    Raises:
        SeqbenchError: the record holds no spec or no width, or the process ended at once.
    """

    def __init__(
        self,
        record: Record,
        weights: Mapping[str, Tensor],
        *,
        accelerator: str = "auto",
        threads: int = 0,
        costs: bool = False,
        hidden: Sequence[Path] = (),
        start_seconds: float = START_SECONDS,
        request_seconds: float = REQUEST_SECONDS,
    ) -> None:
        self._spec, self._width = net_requests.recorded_spec(record), net_requests.recorded_width(record)
        self._start_seconds, self._request_seconds = start_seconds, request_seconds
        self._description: NetDescription | None = None
        self._failed = False
        self._output: deque[bytes] = deque(maxlen=16)
        self._pipes = TimedPipes()
        self._temporary = tempfile.TemporaryDirectory(prefix="seqbench-net-", ignore_cleanup_errors=True)
        self.folder = Path(self._temporary.name)
        uses_gpu = accelerator != "cpu" and torch.cuda.is_available()
        self._process = net_launch.launch_net(record, self._pipes, self.folder, hidden, uses_gpu)
        assert self._process.stdout is not None
        self._reader = threading.Thread(target=self._keep_output, args=(self._process.stdout,), daemon=True)
        self._reader.start()
        try:
            self._send(net_requests.start_message(record, weights, accelerator, threads, costs), start_seconds)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None
    ) -> None:
        self.close()

    def describe(self) -> NetDescription:
        """Return what is known of the net; the first call waits until it is built.

        Raises:
            SeqbenchError: the net cannot be built, or the process ended.
        """
        if self._description is None:
            limits = Limits(array_bytes=0)
            # The process sends how it is confined before it imports the plug-in, which could forge it later.
            confined = self._receive(net_worker.CONFINED, self._start_seconds, limits)
            answer = self._receive(net_worker.READY, self._start_seconds, limits)
            statements = {**answer.values, **confined.values}
            self._description = validate(NetDescription, statements, "the description of the net")
        return self._description

    def hidden_vectors(self, batch: BlindBatch, *, keep_state: bool = True) -> Tensor:
        """Return one hidden vector for each target, ``(batch, out_time, d_model)``, on the CPU.

        A net that brings the head of the task returns the outputs of the head instead, ``(batch, out_time, width)``.
        The state after a chunk of a stream stays in the process of the net.

        Args:
            batch: the inputs.
            keep_state: whether the next chunk continues from the state after this one; otherwise it continues from the
                same state as this one.

        Raises:
            SeqbenchError: the net raised an error, or its answer is late, malformed, of another shape, or not finite.
        """
        width = net_requests.output_width(self._spec) if self.describe().own_head else self._width
        self._send(net_requests.batch_message("hidden_vectors", batch, keep_state), self._request_seconds)
        limits = net_answers.hidden_limits(batch, self._spec.output, width)
        answer = self._receive(net_worker.ANSWER, self._request_seconds, limits)
        return net_answers.checked_hidden(answer, batch, self._spec.output, width)

    def decode(self, batch: BlindBatch) -> list[list[int]]:
        """Return the tokens that the net generates for each source, without the end token.

        Args:
            batch: the sources.

        Raises:
            SeqbenchError: the net raised an error, or its answer is late, malformed, or holds other ids than those of
                the task.
        """
        output = self._spec.output
        assert isinstance(output, TokenSequence), "only sequences of tokens are decoded"
        self.describe()
        self._send(
            net_requests.batch_message("decode", batch.without_targets(), keep_state=False), self._request_seconds
        )
        answer = self._receive(net_worker.ANSWER, self._request_seconds, net_answers.token_limits(batch, output))
        return net_answers.checked_tokens(answer, len(batch), output)

    def close(self) -> None:
        """End the process, at first by asking it; all processes that it has started are killed."""
        with contextlib.suppress(SeqbenchError, OSError, PipeEnded):
            self._pipes.send(Message(net_worker.STOP), net_launch.END_SECONDS)
        self._pipes.close()
        net_launch.end_process(self._process)
        self._reader.join(net_launch.END_SECONDS)
        self._temporary.cleanup()

    def _keep_output(self, stream: IO[bytes]) -> None:
        """Read what the net prints, so that it never waits, and keep the end of it."""
        with stream:
            while part := os.read(stream.fileno(), 4096):
                self._output.append(part)

    def _send(self, message: Message, seconds: float) -> None:
        with self._ends_on_failure():
            self._pipes.send(message, seconds)

    def _receive(self, kind: str, seconds: float, limits: Limits) -> Message:
        """Return the next message of the net process.

        Raises:
            SeqbenchError: the net raised an error, the process ended, or its message is of another kind.
        """
        with self._ends_on_failure():
            answer = self._pipes.receive(seconds, limits)
        if answer.kind == net_worker.ERROR:
            reason = one_line(answer.values.get("reason", "no reason"), 600)
            error_class = NotAtHand if answer.values.get("not_at_hand") is True else SeqbenchError
            raise error_class(f"{reason}{self._shown_output()}")
        if answer.kind != kind:
            raise SeqbenchError(f"the net process sent the message {short_repr(answer.kind)}, expected '{kind}'")
        return answer

    @contextlib.contextmanager
    def _ends_on_failure(self) -> Iterator[None]:
        """End the process if a message is late or malformed: what it sends afterwards would answer another request."""
        if self._failed:
            raise SeqbenchError("the net process was ended after an earlier failure")
        try:
            yield
        except PipeEnded as error:
            raise self._explain_end() from error
        except SeqbenchError as error:
            self._failed = True
            self._process.kill()
            raise SeqbenchError(f"{error}{self._shown_output()}") from error

    def _explain_end(self) -> SeqbenchError:
        """Return an error that says how the process ended, with the end of what it printed."""
        net_launch.end_process(self._process)
        self._reader.join(net_launch.END_SECONDS)
        status = self._process.returncode
        if status < 0:
            how = f"was ended by {signal.Signals(-status).name}"
            how += ", which is how Linux ends a process when memory runs out" if -status == signal.SIGKILL else ""
        else:
            how = f"ended with exit status {status}"
        return SeqbenchError(f"the net process {how} before it answered{self._shown_output()}")

    def _shown_output(self) -> str:
        """Return the end of what the net has printed, as the end of a sentence."""
        text = one_line(b"".join(self._output).decode(errors="replace"))[-SHOWN_OUTPUT:]
        return f"; it printed: {text}" if text else ""
