"""Progress on the screen while a run trains, and the time that training takes."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from typing import Never, TypedDict

import lightning.pytorch as L
from torch import Tensor
from tqdm import tqdm

from seqbench.protocol.specs import Batch, SequenceSpec, TokenSequence
from seqbench.running.callbacks.curve import Curve
from seqbench.utils.number_format import counted
from seqbench.utils.units import format_duration

logger = logging.getLogger(__name__)

ESTIMATE_AFTER_SECONDS = 2.0
"""Time of training after which the duration of the whole run is estimated (s)."""

REFRESH_SECONDS = 0.2
"""Shortest time between two updates of the progress bar (s)."""


class ClockState(TypedDict):
    """The counts of a clock: seconds of the run, seconds of training, steps and tokens."""

    total: float
    seconds: float
    steps: int
    tokens: int


def count_tokens(batch: Batch, module: L.LightningModule) -> Tensor:
    """Return the number of time steps of a batch's sequences, without padding; a scalar on the batch's device.

    A step with 88 features is one token, as a step with one token id is. For a translation the steps of the target
    count as well, as in ``flops_per_token``.
    """
    tokens, spec = batch.lengths.sum(), module.spec
    assert isinstance(spec, SequenceSpec), "a run trains a SequenceModule"
    if batch.target_lengths is not None and isinstance(spec.output, TokenSequence):
        return tokens + batch.target_lengths.sum()
    return tokens


class Clock(L.Callback):
    """Count the seconds, steps and tokens of training without validation, and the seconds of the whole run.

    Only the tokens of this process are counted. A token is a time step of a sequence, see `count_tokens`.

    Checkpoints hold the counts, so that the counts of a resumed run include the earlier attempts.
    """

    def __init__(self) -> None:
        self.seconds, self.steps = 0.0, 0
        self._tokens: Tensor | int = 0  # A tensor on the device: reading it would wait for the device at each step.
        self._running_since: float | None = None
        self._earlier_seconds, self._created = 0.0, time.time()

    @property
    def tokens(self) -> int:
        """Tokens of the training batches so far."""
        return int(self._tokens)

    @property
    def total(self) -> float:
        """Seconds since the start of the run, including earlier attempts up to their last checkpoint."""
        return self._earlier_seconds + time.time() - self._created

    def counts(self) -> ClockState:
        """Return the counts so far."""
        running = time.perf_counter() - self._running_since if self._running_since is not None else 0.0
        return {
            "total": self.total,
            "seconds": self.seconds + running,
            "steps": self.steps,
            "tokens": self.tokens,
        }

    def state_dict(self) -> dict[str, object]:
        """Return the counts so far, for the checkpoint."""
        return dict(self.counts())

    def load_state_dict(self, state_dict: ClockState) -> None:  # type: ignore[override]  # What state_dict returned.
        """Continue from the counts of a checkpoint."""
        self._earlier_seconds = state_dict["total"]
        self.seconds, self.steps, self._tokens = state_dict["seconds"], state_dict["steps"], state_dict["tokens"]

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock."""
        self._running_since = time.perf_counter()

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop the clock during validation."""
        self._stop()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock again."""
        self._running_since = time.perf_counter()

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Tensor | Mapping[str, object] | None,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Count a step and its tokens."""
        self.steps += 1
        self._tokens = self._tokens + count_tokens(batch, pl_module)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop the clock."""
        self._stop()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Stop the clock."""
        self._stop()

    def _stop(self) -> None:
        if self._running_since is not None:
            self.seconds += time.perf_counter() - self._running_since
            self._running_since = None


class Progress(L.Callback):
    """Log an estimate of the duration and a line at each validation; on a terminal, show a progress bar as well.

    Args:
        curve: the curve of the run.
        total: training steps of the whole run.
    """

    def __init__(self, curve: Curve, total: int) -> None:
        self.curve, self.total = curve, total
        self._bar: tqdm[Never] | None = None
        self._estimated = False
        self._start, self._first_step, self._next_refresh = 0.0, 0, 0.0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Note the time and the step at which training starts, and show the bar."""
        self._start, self._first_step = time.perf_counter(), trainer.global_step
        if self._first_step:
            self._log(f"resumed at step {self._first_step} of {self.total}")
        if sys.stderr.isatty():
            self._bar = tqdm(total=self.total, initial=self._first_step, unit="step", leave=False, dynamic_ncols=True)

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Tensor | Mapping[str, object] | None,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Update the bar at most five times a second, and log the estimate once."""
        now = time.perf_counter()
        if now < self._next_refresh:
            return
        self._next_refresh = now + REFRESH_SECONDS
        step = trainer.global_step
        if not self._estimated and now - self._start > ESTIMATE_AFTER_SECONDS:
            self._estimated = True
            rate = (step - self._first_step) / (now - self._start)
            left = self.total - step
            self._log(
                f"estimate: {format_duration(left / rate)} for {counted(left, 'step')} at {rate:.0f} steps/s, "
                "plus evaluation"
            )
        if self._bar is not None:
            self._bar.n = step
            if self.curve.train["loss"]:
                self._bar.set_postfix_str(f"loss {self.curve.train['loss'][-1]:.4g}", refresh=False)
            self._bar.refresh()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log the loss, the scores, the speed and the time left."""
        step, curve = trainer.global_step, self.curve
        elapsed = time.perf_counter() - self._start
        rate = (step - self._first_step) / max(elapsed, 1e-9)
        scores = ", ".join(f"{k} {_format_score(v[-1])}" for k, v in curve.validation.items() if k != "step" and v)
        left = format_duration((self.total - step) / rate) if rate else "?"
        self._log(
            f"step {step}/{self.total}: loss {curve.train['loss'][-1]:.4g}, validation {scores}; "
            f"{rate:.1f} steps/s, {left} left"
        )

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Remove the bar."""
        self._close_bar()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Remove the bar."""
        self._close_bar()

    def _log(self, line: str) -> None:
        """Log a line; on a terminal it appears above the bar."""
        if self._bar is not None:
            self._bar.clear()
        logger.info(line)

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _format_score(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4g}"
