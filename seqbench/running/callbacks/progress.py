"""What a person sees while a run trains, and how fast it was."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

import lightning.pytorch as L
from tqdm import tqdm

from seqbench.running.callbacks.curve import Curve
from seqbench.utils.units import format_duration

logger = logging.getLogger(__name__)

PROBE_SECONDS = 2.0
"""Seconds of training after which the whole run's time is estimated."""


class Clock(L.Callback):
    """Counts training seconds, steps and tokens of this process, validation left out, and the run's time in all.

    A checkpoint carries the counts on, so that a resumed run tells of all that its result took.
    """

    def __init__(self) -> None:
        self.seconds, self.steps, self.tokens = 0.0, 0, 0
        self._since: float | None = None
        self._before, self._born = 0.0, time.time()

    @property
    def total(self) -> float:
        """Seconds from the start of the run, those of earlier attempts up to their checkpoint included."""
        return self._before + time.time() - self._born

    def state_dict(self) -> dict[str, Any]:
        """The counts so far, for the checkpoint."""
        running = time.perf_counter() - self._since if self._since is not None else 0.0
        return {
            "total": self.total,
            "seconds": self.seconds + running,
            "steps": self.steps,
            "tokens": self.tokens,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the counts of a checkpoint."""
        self._before = state_dict["total"]
        self.seconds, self.steps, self.tokens = (state_dict[name] for name in ("seconds", "steps", "tokens"))

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock."""
        self._since = time.perf_counter()

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop it while validation runs."""
        self._stop()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Go on."""
        self._since = time.perf_counter()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count a step."""
        self.steps += 1
        self.tokens += batch.inputs.numel()

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop the clock."""
        self._stop()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Stop the clock."""
        self._stop()

    def _stop(self) -> None:
        if self._since is not None:
            self.seconds += time.perf_counter() - self._since
            self._since = None


class Progress(L.Callback):
    """A plain line at each validation, and on a terminal a bar. An estimate of the time comes first.

    Args:
        curve: where the loss and the scores are read.
        total: optimiser steps of the whole run.
    """

    def __init__(self, curve: Curve, total: int) -> None:
        self.curve, self.total = curve, total
        self._bar: Any = None
        self._estimated = False
        self._start, self._first, self._next = 0.0, 0, 0.0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Note where training starts, and show the bar."""
        self._start, self._first = time.perf_counter(), trainer.global_step
        if self._first:
            self._log(f"resumed at step {self._first} of {self.total}")
        if sys.stderr.isatty():
            self._bar = tqdm(total=self.total, initial=self._first, unit="step", leave=False, dynamic_ncols=True)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look at the clock; write at most five times a second."""
        now = time.perf_counter()
        if now < self._next:
            return
        self._next = now + 0.2
        step = trainer.global_step
        if not self._estimated and now - self._start > PROBE_SECONDS:
            self._estimated = True
            rate = (step - self._first) / (now - self._start)
            left = (self.total - step) / rate
            self._log(
                f"estimate: {format_duration(left)} for {self.total - step} steps at {rate:.0f} steps/s, "
                f"plus evaluation"
            )
        if self._bar is not None:
            self._bar.n = step
            if self.curve.train["loss"]:
                self._bar.set_postfix_str(f"loss {self.curve.train['loss'][-1]:.4g}", refresh=False)
            self._bar.refresh()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """One line with the loss, the scores, the speed and the time left."""
        step, points = trainer.global_step, self.curve
        elapsed = time.perf_counter() - self._start
        rate = (step - self._first) / max(elapsed, 1e-9)
        scores = ", ".join(f"{k} {v[-1]:.4g}" for k, v in points.validation.items() if k != "step" and v)
        left = format_duration((self.total - step) / rate) if rate else "?"
        self._log(
            f"step {step}/{self.total}: loss {points.train['loss'][-1]:.4g}, validation {scores}; "
            f"{rate:.1f} steps/s, {left} left"
        )

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take the bar away."""
        self._close()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Take the bar away."""
        self._close()

    def _log(self, line: str) -> None:
        """Log a line; on a terminal it appears above the bar."""
        if self._bar is not None:
            self._bar.clear()
        logger.info(line)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
