"""The causality probe: alter the future of one batch, and see whether earlier outputs change.

Each sequence of the probe's batch has a cut of its own. Inputs from the cut on are replaced, and outputs before the cut
must not change: in evaluation and in training, by ``forward`` and by ``unroll``, when the sequences end at the cut, and
for sequences as long as the longest of the task. A backbone that looks ahead must not depend on padding instead.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from seqbench.models.bodies import Body, OutputFeedback
from seqbench.models.contract import altered_batches
from seqbench.models.contract.passes import Passes, Path, Placement
from seqbench.protocol.backbones import declared_causality, is_causal, lengths_argument
from seqbench.protocol.record_fields import Causality
from seqbench.protocol.specs import Batch, Context, SequenceSpec
from seqbench.utils.errors import SeqbenchError, one_line
from seqbench.utils.number_format import counted
from seqbench.utils.redaction import redact

CAUSAL_ADVICE = "a causal backbone must not look ahead: mask what comes later, or set causal = False"
USUAL_CAUSES = (
    "Usual causes are a missing mask, a BatchNorm over time, and a layer without batch_first=True; `seqbench check` "
    "of the architecture tests each way in which it is called"
)
PADDING_ADVICE = "lengths give the valid steps: mask the steps after them, or start from the end of each row"

MOST_ROWS, FEWEST_ROWS, MOST_STEPS = 16, 3, 768
"""Largest and smallest number of sequences in a pass, and the number of steps of all sequences up to which there are
more than the smallest number."""

UNUSED = "in a pass that the run does not need"

TOLERANCES: dict[torch.dtype | None, float] = {
    torch.float64: 1e-9,
    torch.float32: 1e-5,
    torch.float16: 4e-3,
    torch.bfloat16: 3e-2,
}
"""Largest change by rounding, relative to the largest output, by the dtype of the outputs."""

CUDA_TOLERANCE = 1e-4
"""The same for float32 on a CUDA device, whose convolutions may round to TF32."""

NOISE_FACTOR, REPEATS = 10, 5
"""A change this many times as large as the differences of repeated passes, or of passes with weights that are rounded
in another way, is a leak and not noise of the backbone; and the number of passes."""


class LooksAheadError(SeqbenchError):
    """An output of a backbone that must be causal depends on later inputs.

    Args:
        message: sentence with the output that changed.
        result: result of the probe.
    """

    def __init__(self, message: str, result: Causality) -> None:
        super().__init__(message)
        self.result = result


@dataclass
class Probe:
    """The causality probe of a body on a task.

    Args:
        body: the body with its backbones.
        spec: inputs and outputs of the task.
        batch: the first training batch.
        padded: a batch with padding; None if the task has none, or for a causal backbone.
        placement: device and precision of the passes.
        trained: whether the weights are trained ones, whose training mode no longer matters.
    """

    body: Body
    spec: SequenceSpec
    batch: Batch
    placement: Placement = field(default_factory=Placement)
    trained: bool = False
    padded: Batch | None = None

    def __post_init__(self) -> None:
        self.generator = torch.Generator().manual_seed(0)
        self.passes = Passes(self.body, self.placement)
        self.declared = _require_declaration(self.body)
        self.name = type(self.body.decoding_backbone).__name__
        self.change, self.tolerance = 0.0, 0.0
        self.notes: list[str] = []
        self.reads_stream = self.batch.first is not None

    def run(self) -> Causality:
        """Probe the body and return the result for the record.

        Raises:
            LooksAheadError: an output of a causal backbone depends on later inputs.
            SeqbenchError: an output depends on padding, or the backbone returns a wrong value.
        """
        steps = altered_batches.count_steps(self.batch, self.spec)
        batch = altered_batches.select_rows(self.batch, _count_rows(steps))
        looks_ahead = not is_causal(self.body.decoding_backbone)
        if not looks_ahead and steps > 1:
            looks_ahead = self._probe_future(batch)
        if self.padded is not None and not isinstance(self.spec.input, Context):
            self._probe_padding(altered_batches.select_rows(self.padded, _count_rows(steps)))
        return self._result(looks_ahead)

    def _result(self, looks_ahead: bool) -> Causality:
        result = {"declared": self.declared, "looks_ahead": looks_ahead, "largest_change": self.change}
        notes = {"note": "; ".join(self.notes)} if self.notes else {}
        return Causality.model_validate({**result, "tolerance": self.tolerance, **notes})

    def _probe_future(self, batch: Batch) -> bool:
        """Return whether a backbone that is treated as causal depends on later inputs.

        Raises:
            LooksAheadError: it does, and it declares the opposite or the task does not allow it.
        """
        for leak in self._find_leaks(batch):
            if leak:
                return self._report_leak(leak)
        if self.declared is None:
            self.notes.append(
                f"{self.name} does not declare causal; the probe found that it does not look ahead, so it is treated "
                f"as causal"
            )
        return False

    def _find_leaks(self, batch: Batch) -> Iterator[str]:
        """Yield the result of each comparison: a part of a sentence on a leak, or an empty text."""
        used, other = Path.EVALUATION, Path.EVALUATION_UNROLL
        if self.reads_stream and not isinstance(self.body, OutputFeedback):
            used, other = other, used
        before, leak = self._compare(used, batch)
        yield leak
        if before is not None:
            yield self._compare_shorter(used, batch, before)
        yield self._compare(other, batch, UNUSED)[1]
        if not self.trained:
            yield self._compare(Path.TRAINING_UNROLL if self.reads_stream else Path.TRAINING, batch)[1]
        longer = altered_batches.lengthen(batch, self.spec)
        steps = altered_batches.count_steps(longer, self.spec)
        if not self.reads_stream and steps > altered_batches.count_steps(batch, self.spec):
            rows = altered_batches.select_rows(longer, _count_rows(steps))
            yield self._compare(used, rows, f"with {counted(steps, 'step')}, the longest sequence of the task")[1]

    def _report_leak(self, leak: str) -> bool:
        """Return True where the task allows a backbone that does not declare causal to look ahead.

        Raises:
            LooksAheadError: the backbone declares that it is causal, or the task requires it.
        """
        needed = not self.spec.look_ahead or altered_batches.is_decoded(self.spec)
        looks_ahead = "looks ahead with the trained weights" if self.trained else "looks ahead"
        undeclared = f"{self.name} does not declare causal, and it {looks_ahead}"
        if self.declared is None and not needed:
            self.notes.append(f"{undeclared}: {leak}; declare causal = False, so that its first output is read too")
            return True
        stated = undeclared if self.declared is None else f"{self.name} {looks_ahead}"
        raise LooksAheadError(f"{stated}: {leak}; {CAUSAL_ADVICE}. {USUAL_CAUSES}.", self._result(looks_ahead=True))

    def _compare(self, path: Path, batch: Batch, remark: str = "") -> tuple[Tensor | None, str]:
        """Return the outputs, and how those before the cuts change when all later inputs change; empty if they do not.

        Args:
            path: mode and method.
            batch: the batch.
            remark: why an error of the backbone does not end the run; empty if it does.
        """
        lengths = altered_batches.step_lengths(batch, self.spec)
        cuts = altered_batches.draw_cuts(lengths, self.generator)
        altered = altered_batches.alter_future(batch, self.spec, cuts, self.generator, not path.training)
        # A decoder predicts the target of the cut before it reads it.
        kept = torch.arange(int(lengths.max())) < (cuts + altered_batches.is_decoded(self.spec))[:, None]
        before = self._outputs(batch, path, remark)
        after = None if before is None else self._outputs(altered, path, remark)
        if before is None or after is None:
            return None, ""
        where = largest_change(before, after, kept)
        if not self._exceeds(where, before, batch, path):
            return before, ""
        changed = f"when inputs from {int(cuts[where.row])} on changed"
        return before, f"output {where.step} changed by {where.size:.2g} {path.value} {changed}"

    def _outputs(self, batch: Batch, path: Path, remark: str) -> Tensor | None:
        """Return the outputs of a pass; None if the body does not have the path, or after an error with a remark."""
        try:
            return self.passes.outputs(batch, path)
        except SeqbenchError:
            raise
        except Exception as error:  # A plug-in may raise any error.
            if not remark:
                raise
            method = "unroll" if path.unrolls else "forward"
            self.notes.append(
                f"{method} of {self.name} raised {type(error).__name__} {remark}: {redact(one_line(error))[:100]}"
            )
            return None

    def _compare_shorter(self, path: Path, batch: Batch, before: Tensor) -> str:
        """Return how outputs change when the sequences end earlier; empty if they do not.

        Args:
            path: mode and method.
            batch: the batch.
            before: its outputs.
        """
        steps = max(1, 2 * altered_batches.count_steps(batch, self.spec) // 3)
        shorter = altered_batches.shorten(batch, self.spec, steps)
        after = self._outputs(shorter, path, f"with {counted(steps, 'step')} instead of {before.shape[1]}")
        if after is None:
            return ""
        kept = torch.arange(steps) < altered_batches.step_lengths(batch, self.spec)[:, None]
        where = largest_change(before[:, :steps], after, kept)
        # A pass over fewer steps draws other random numbers, so another seed shows what they change.
        if not self._exceeds(where, before, batch, path, seed=1):
            return ""
        end = counted(steps, "step")
        return f"output {where.step} changed by {where.size:.2g} {path.value} when the inputs ended after {end}"

    def _probe_padding(self, batch: Batch) -> None:
        """Check that padding changes no output of a backbone that looks ahead; for others it is part of the future.

        Args:
            batch: a batch with padding.

        Raises:
            SeqbenchError: an output depends on it.
        """
        net = next((one for one in self.body.backbones if not is_causal(one)), None)
        if net is None:
            return
        before = self.passes.outputs(batch, Path.EVALUATION)
        after = self.passes.outputs(altered_batches.alter_padding(batch, self.spec, self.generator), Path.EVALUATION)
        if before is None or after is None:
            return
        lengths = altered_batches.step_lengths(batch, self.spec)
        where = largest_change(before, after, torch.arange(before.shape[1]) < lengths[:, None])
        if self._exceeds(where, before, batch, Path.EVALUATION):
            missing = "" if lengths_argument(net) else ", and its forward takes no lengths"
            raise SeqbenchError(
                f"{type(net).__name__} looks ahead{missing}, so padding changed output {where.step} by "
                f"{where.size:.2g}; {PADDING_ADVICE}."
            )

    def _exceeds(self, where: Change, before: Tensor, batch: Batch, path: Path, seed: int = 0) -> bool:
        """Return whether a change is larger than rounding and than the noise of the backbone; record it.

        Args:
            where: the change.
            before: outputs of the batch that was not altered.
            batch: this batch.
            path: mode and method.
            seed: seed of the passes that compute these outputs again.
        """
        tolerance = rounding_tolerance(before, self.passes.placement.autocast_dtype())
        self.tolerance = max(self.tolerance, tolerance)
        if where.size <= tolerance:
            self.change = max(self.change, where.size)
            return False
        noise = self._repeated_change(before, [self.passes.outputs(batch, path, seed) for _ in range(REPEATS)])
        rounding = self._repeated_change(
            before, [self.passes.outputs(batch, path, rounding=number) for number in range(REPEATS)]
        )
        if noise > tolerance and where.size <= NOISE_FACTOR * noise:
            cause = f"two passes of {self.name} differ by {noise:.2g} {path.value}"
            note = "it draws random numbers, or keeps something between calls"
        elif where.size <= NOISE_FACTOR * rounding:
            cause = (
                f"weights of {self.name} that are rounded in another way change outputs by {rounding:.2g} {path.value}"
            )
            note = "its weights make rounding larger"
        else:
            self.change = max(self.change, where.size)
            return True
        note = f"{cause}, so the probe finds no smaller leak: {note}"
        if note not in self.notes:
            self.notes.append(note)
        return False

    def _repeated_change(self, before: Tensor, repeated: Sequence[Tensor | None]) -> float:
        """Return the largest change of any output in passes that are repeated."""
        everywhere = torch.ones(before.shape[:2], dtype=torch.bool)
        return max((largest_change(before, y, everywhere).size for y in repeated if y is not None), default=0.0)


@dataclass(frozen=True)
class Change:
    """The largest change of an output.

    Args:
        size: the change, relative to the largest output.
        row: its sequence.
        step: its step.
    """

    size: float
    row: int
    step: int


def largest_change(before: Tensor, after: Tensor, kept: Tensor) -> Change:
    """Return the largest change of the outputs that are kept; see ``relative_gaps``.

    Args:
        before: outputs ``(batch, time, d_model)``.
        after: outputs after the inputs were altered, of the same shape.
        kept: the outputs to compare, ``(batch, time)``; later steps are not kept.
    """
    kept = kept[:, : before.shape[1]].to(before.device)
    gaps = torch.where(kept, relative_gaps(before, after)[:, : kept.shape[1]], 0.0)
    place = int(gaps.argmax())
    return Change(float(gaps.flatten()[place]), *divmod(place, gaps.shape[1]))


def relative_gaps(before: Tensor, after: Tensor) -> Tensor:
    """Return the change of the outputs of each step, relative to the largest output, ``(batch, time)``.

    Outputs that were not finite before are not compared. An output that is no longer finite has changed infinitely.

    Args:
        before: outputs ``(batch, time, d_model)``.
        after: other outputs of the same shape.
    """
    before, after = (y.detach() if y.dtype == torch.float64 else y.detach().float() for y in (before, after))
    scale = torch.maximum(_largest_finite(before), _largest_finite(after))
    differs = before.isfinite() & (before != after)
    return torch.where(differs, (before - after).abs() / scale, 0.0).nan_to_num(nan=torch.inf).amax(-1)


def _largest_finite(y: Tensor) -> Tensor:
    return torch.where(y.isfinite(), y.abs(), 0.0).amax().clamp(min=torch.finfo(y.dtype).tiny)


def rounding_tolerance(outputs: Tensor, autocast: torch.dtype | None = None) -> float:
    """Return the largest change by rounding for the dtype and the device of the outputs.

    Args:
        outputs: the outputs.
        autocast: dtype of automatic mixed precision; None without it.
    """
    tolerance = TOLERANCES.get(outputs.dtype, 0.0)
    if outputs.is_cuda and outputs.dtype == torch.float32:
        tolerance = max(tolerance, CUDA_TOLERANCE)
    return max(tolerance, TOLERANCES.get(autocast, 0.0))


def _count_rows(steps: int) -> int:
    """Return the number of sequences of a pass; it is not that of the steps, so that exchanged axes are found."""
    rows = max(FEWEST_ROWS, min(MOST_ROWS, MOST_STEPS // max(1, steps)))
    return next(count for count in itertools.count(rows) if count != steps)


def _require_declaration(body: Body) -> bool | None:
    """Return what the decoding backbone declares.

    Raises:
        SeqbenchError: its attribute ``causal`` is neither True nor False.
    """
    try:
        return declared_causality(body.decoding_backbone)
    except TypeError as error:
        raise SeqbenchError(f"{error}; declare it.") from error
