"""The net under test as the process with the targets sees it: a process of its own, asked for hidden vectors."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

import torch
from torch import Tensor, nn

from seqbench.models.objectives import build_objective
from seqbench.protocol import registry
from seqbench.protocol.records import Record
from seqbench.protocol.specs import SequenceClass, SequenceSpec, SequenceValue, TokenSequence
from seqbench.running.parameter_matching import parse_tolerance
from seqbench.utils.errors import NotAtHand, SeqbenchError, one_line
from seqbench.utils.plain_data import short_repr
from seqbench.utils.strict_model import validate
from seqbench.verification.blind import net_worker
from seqbench.verification.blind.blind_batches import BlindBatch
from seqbench.verification.blind.messages import Limits, Message, RawArray
from seqbench.verification.blind.net_description import NetDescription
from seqbench.verification.blind.raw_tensors import from_raw, to_raw
from seqbench.verification.blind.timed_pipes import PipeEnded, TimedPipes

if TYPE_CHECKING:
    from pydantic import JsonValue

START_SECONDS, REQUEST_SECONDS = 300.0, 600.0
"""Longest time until a net is built (s), and longest time of one answer (s)."""

END_SECONDS = 5.0
"""Longest time that a net process may take to end when it is asked to (s); then it is killed."""

SHOWN_OUTPUT = 2000
"""Largest number of characters of a net's printed output that a failure shows."""

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
"""Types that hidden vectors may have."""

_BOOT = "import sys, json; sys.path[:] = json.loads(sys.argv[1])['path']; from {module} import main; main(sys.argv[1:])"


class NetProcess:
    """The net of a record in a process of its own, which holds no targets.

    The process starts at once, and imports its libraries while this process does other work; the first request waits
    for it. It is a fresh interpreter and not a fork, because a fork would hold all that this process holds.

    Args:
        record: record of the run; its options and its spec describe the net.
        weights: weights and buffers by name, from the checkpoint; they are sent to the process. Empty for a net with
            its initial weights.
        accelerator: ``cpu``, ``gpu`` or ``auto``, as in ``trainer.accelerator``.
        threads: CPU threads of the run, on which results may depend; 0 for PyTorch's choice.
        costs: whether the costs of the net are measured, and a recorded number of parameters is matched again.
        start_seconds: longest time until the net is built (s).
        request_seconds: longest time of one answer (s).

    Raises:
        SeqbenchError: the record holds no spec.
    """

    def __init__(
        self,
        record: Record,
        weights: Mapping[str, Tensor],
        *,
        accelerator: str = "auto",
        threads: int = 0,
        costs: bool = False,
        start_seconds: float = START_SECONDS,
        request_seconds: float = REQUEST_SECONDS,
    ) -> None:
        if record.config.spec is None:
            raise SeqbenchError("the record lacks the inputs and outputs of its model; run the model again.")
        self._spec = SequenceSpec.from_dict(record.config.spec.to_dict())
        self._start_seconds, self._request_seconds = start_seconds, request_seconds
        self._description: NetDescription | None = None
        self._width = _recorded_width(record)
        self._output: deque[bytes] = deque(maxlen=64)
        self._folder = tempfile.TemporaryDirectory(prefix="seqbench-net-", ignore_cleanup_errors=True)
        try:
            self._process, self._pipes = self._start(Path(self._folder.name))
            self._send(_start_message(record, weights, accelerator, threads, costs), start_seconds)
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
        """Return what the process says of its net; the first call waits until the net is built.

        Raises:
            SeqbenchError: the net cannot be built, or the process ended.
        """
        if self._description is None:
            answer = self._receive(net_worker.READY, self._start_seconds, Limits(array_bytes=0))
            self._description = validate(NetDescription, answer.values, "the description of the net")
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
        width = _output_width(self._spec) if self.describe().own_head else self._width
        self._send(batch_message("hidden_vectors", batch, keep_state), self._request_seconds)
        shape = (len(batch), self._hidden_time(batch), width)
        limits = Limits(array_bytes=8 * shape[0] * shape[1] * shape[2], arrays=1, dtypes=FLOATS)
        answer = self._receive(net_worker.ANSWER, self._request_seconds, limits)
        hidden = from_raw(_only_array(answer, "hidden", shape))
        if not _is_finite(hidden, self._valid_steps(batch)):
            raise SeqbenchError("the net answered with hidden vectors that are not finite numbers")
        return hidden

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
        self._send(batch_message("decode", batch.without_targets(), keep_state=False), self._request_seconds)
        most = len(batch) * output.longest
        limits = Limits(array_bytes=8 * (most + len(batch)), arrays=2, dtypes=frozenset({"int64"}))
        answer = self._receive(net_worker.ANSWER, self._request_seconds, limits)
        if set(answer.arrays) != {"tokens", "counts"}:
            raise SeqbenchError(f"the net answered with {sorted(answer.arrays)}, expected tokens and their counts")
        counts, tokens = (from_raw(answer.arrays[name]) for name in ("counts", "tokens"))
        return _split_rows(counts, tokens, len(batch), output)

    def close(self) -> None:
        """End the process, at first by asking it; all processes that it has started are killed."""
        with contextlib.suppress(AttributeError):  # It has not been started.
            with contextlib.suppress(SeqbenchError, OSError, PipeEnded):
                self._pipes.send(Message(net_worker.STOP), END_SECONDS)
            self._pipes.close()
            _end_process(self._process)
            self._reader.join(END_SECONDS)
        self._folder.cleanup()

    def _start(self, folder: Path) -> tuple[subprocess.Popen[bytes], TimedPipes]:
        """Start the process, in a session of its own, so that Ctrl-C reaches this process alone."""
        pipes = TimedPipes()
        plan = {
            "path": _absolute_path(),
            "requests": pipes.child_ends[0],
            "answers": pipes.child_ends[1],
        }
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", _BOOT.format(module=net_worker.__name__), json.dumps(plan)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=pipes.child_ends,
            start_new_session=True,
        )
        pipes.close_child_ends()
        assert process.stdout is not None
        self._reader = threading.Thread(target=self._keep_output, args=(process.stdout,), daemon=True)
        self._reader.start()
        return process, pipes

    def _keep_output(self, stream: IO[bytes]) -> None:
        """Read what the net prints, so that it never waits, and keep the end of it."""
        with stream:
            while part := os.read(stream.fileno(), 4096):
                self._output.append(part)

    def _send(self, message: Message, seconds: float) -> None:
        try:
            self._pipes.send(message, seconds)
        except PipeEnded as error:
            raise self._explain_end() from error

    def _receive(self, kind: str, seconds: float, limits: Limits) -> Message:
        """Return the next message of the net process.

        Raises:
            SeqbenchError: the net raised an error, the process ended, or its message is of another kind.
        """
        try:
            answer = self._pipes.receive(seconds, limits)
        except PipeEnded as error:
            raise self._explain_end() from error
        if answer.kind == net_worker.ERROR:
            reason = one_line(answer.values.get("reason", "no reason"), 600)
            error_class = NotAtHand if answer.values.get("not_at_hand") is True else SeqbenchError
            raise error_class(f"{reason}{self._shown_output()}")
        if answer.kind != kind:
            raise SeqbenchError(f"the net process sent the message {short_repr(answer.kind)}, expected '{kind}'")
        return answer

    def _explain_end(self) -> SeqbenchError:
        """Return an error that says how the process ended, with the end of what it printed."""
        _end_process(self._process)
        self._reader.join(END_SECONDS)
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

    def _hidden_time(self, batch: BlindBatch) -> int:
        """Return how many hidden vectors a row has."""
        output = self._spec.output
        if isinstance(output, SequenceClass | SequenceValue) and output.reads == "every":
            return batch.inputs.shape[1]
        return batch.out_time

    def _valid_steps(self, batch: BlindBatch) -> Tensor | None:
        """Return which hidden vectors belong to no padding, ``(batch, out_time)``; None if this process cannot know."""
        time = self._hidden_time(batch)
        if isinstance(self._spec.output, TokenSequence) or time == 1:
            return None
        return torch.arange(time) < batch.lengths[:, None]


def _recorded_width(record: Record) -> int:
    """Return the width of the hidden vectors.

    Raises:
        SeqbenchError: the record does not say it.
    """
    width = record.config.options.arch.get("d_model")
    if not isinstance(width, int) or isinstance(width, bool) or width < 1:
        raise SeqbenchError(f"the record has the width arch.d_model {short_repr(width)}, expected a number above 0")
    return width


def _output_width(spec: SequenceSpec) -> int:
    """Return the number of outputs of the head of a task for each target."""
    head = build_objective(spec, 1).head
    assert isinstance(head, nn.Linear)
    return head.out_features


def _start_message(
    record: Record, weights: Mapping[str, Tensor], accelerator: str, threads: int, costs: bool
) -> Message:
    config = record.config
    tolerance = config.size_match.tolerance if config.size_match else parse_tolerance(None)
    match: JsonValue = {"target": config.match_params, "tolerance": tolerance} if config.match_params else None
    values: dict[str, JsonValue] = {
        "options": config.options.to_dict(),
        "spec": config.spec.to_dict() if config.spec else None,
        "sources": {name: source.to_dict() for name, source in config.sources.items()},
        "accelerator": accelerator,
        "threads": threads,
        "costs": costs,
        "match": match if costs else None,
    }
    return Message(net_worker.START, values, {name: to_raw(tensor) for name, tensor in weights.items()})


def batch_message(kind: str, batch: BlindBatch, keep_state: bool) -> Message:
    """Return the request for the outputs of a batch."""
    tensors = {
        "inputs": batch.inputs,
        "lengths": batch.lengths,
        "decoder_inputs": batch.decoder_inputs,
        "asked": batch.asked,
    }
    arrays = {name: to_raw(tensor) for name, tensor in tensors.items() if tensor is not None}
    return Message(kind, {"first": batch.first, "out_time": batch.out_time, "keep_state": keep_state}, arrays)


def _only_array(answer: Message, name: str, shape: tuple[int, ...]) -> RawArray:
    """Return the one array of an answer.

    Raises:
        SeqbenchError: the answer holds other arrays, or the array has another shape.
    """
    array = answer.arrays.get(name)
    if array is None or len(answer.arrays) != 1:
        raise SeqbenchError(f"the net answered with the arrays {short_repr(sorted(answer.arrays))}, expected '{name}'")
    if array.shape != shape:
        raise SeqbenchError(f"the net answered with {name} vectors of shape {array.shape}, expected {shape}")
    return array


def _is_finite(hidden: Tensor, valid: Tensor | None) -> bool:
    """Return whether all hidden vectors that belong to no padding are finite."""
    finite = hidden.isfinite().all(-1)
    return bool((finite if valid is None else finite | ~valid).all())


def _split_rows(counts: Tensor, tokens: Tensor, rows: int, output: TokenSequence) -> list[list[int]]:
    """Return the tokens of each row.

    Raises:
        SeqbenchError: the counts do not fit the tokens, or a token is no id of the task.
    """
    if counts.shape != (rows,) or tokens.dim() != 1:
        raise SeqbenchError(f"the net decoded {tuple(counts.shape)} rows, expected {rows}")
    fits = bool(((counts >= 0) & (counts <= output.longest)).all()) and int(counts.sum()) == len(tokens)
    if not fits:
        raise SeqbenchError(f"the net decoded rows with other lengths than 0 to {output.longest}")
    if len(tokens) and not bool(((tokens >= 0) & (tokens < output.vocab)).all()):
        raise SeqbenchError(f"the net decoded tokens outside of 0 to {output.vocab - 1}")
    return [part.tolist() for part in torch.split(tokens, counts.tolist())]


def _absolute_path() -> list[str]:
    """Return where this process finds modules, for a process in any folder."""
    return [str(Path(entry or ".").resolve()) for entry in (*sys.path, *registry.plugin_folders())]


def _end_process(process: subprocess.Popen[bytes]) -> None:
    """Wait a moment for the end of a process, then kill it and all processes of its group."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
