"""One attempt at a run: train and test the module, and write the record, also after an error or a signal."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import lightning.pytorch as L
import torch
from lightning.pytorch.utilities import rank_zero_only

from seqbench.models.module import SequenceModule
from seqbench.protocol import run_folder
from seqbench.protocol.config import RunConfig
from seqbench.protocol.record_fields import Results, Status
from seqbench.protocol.records import Record, build_record
from seqbench.running import curve_picture, provenance, reload, run_html, samples, scoring, trainer, used_devices
from seqbench.running.callbacks.causality_probe import CausalityProbe
from seqbench.running.callbacks.checkpoints import BestAndLast
from seqbench.running.callbacks.curve import Curve, DivergedError
from seqbench.running.callbacks.curve_replay import CurveReplay
from seqbench.running.callbacks.machine_load import MachineLoad
from seqbench.running.callbacks.metrics_csv import MetricsTable
from seqbench.running.callbacks.progress import Clock, Progress
from seqbench.running.callbacks.schedules import RunSchedules
from seqbench.running.callbacks.stopping import Stopped, Stopping
from seqbench.running.diagnostics import cost, processor, sample_file
from seqbench.running.loggers import logger_table
from seqbench.running.loggers.run_logger import Ended, LoggedRun, RunLogger
from seqbench.utils import atomic_files, ranks, redaction
from seqbench.utils.errors import SeqbenchError, one_line, raised_at

logger = logging.getLogger(__name__)

OUT_OF_MEMORY_TEXTS = ("can't allocate memory", "not enough memory", "Cannot allocate memory")
"""Texts in a RuntimeError of PyTorch on a CPU which show that memory ran out."""


@dataclass(frozen=True)
class Run:
    """A run that has ended. A notebook shows its scores and its learning curve.

    Args:
        record: record of the run.
        folder: the run's folder, with record, checkpoints and curves.
        stopped_by: the signal that ended the run (``Ctrl-C``, ``SIGTERM``); None if no signal did.
        hints: how to see the run in its loggers, such as the command that uploads an offline W&B run.
    """

    record: Record
    folder: Path
    stopped_by: str | None = None
    hints: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return one line: what was run, how it ended, and the folder."""
        return f"Run({self.record.headline()}, folder={str(self.folder)!r})"

    def _repr_html_(self) -> str:
        """Return the run as a notebook shows it."""
        return run_html.render_run(self.record, self.folder)


@dataclass(frozen=True)
class Ending:
    """The ending of training and test.

    Args:
        status: status of the record.
        reason: why the status is not ``ok``.
        stopped_by: the signal that ended the run.
        traceback: traceback of an error that is not a ``SeqbenchError``.
    """

    status: Status
    reason: str | None = None
    stopped_by: str | None = None
    traceback: str = ""


class Attempt:
    """One attempt at a run.

    The callbacks, the Trainer and the description of the run are built before any file in the folder changes.

    Args:
        config: configuration of the run.
        folder: the run's folder.
        module: module of the run, with data.

    Raises:
        SeqbenchError: Lightning refuses the Trainer's options, or replaces the precision.
    """

    def __init__(self, config: RunConfig, folder: Path, module: SequenceModule) -> None:
        self.config, self.folder, self.module = config, folder, module
        self.started = time.time()
        self.curve, self.clock, self.probe, self.load = Curve(), Clock(), CausalityProbe(), MachineLoad()
        self.stopping = Stopping(folder / run_folder.LAST, config.optim.validate_every)
        self.sample_files: Sequence[Path] = ()
        self.loggers: list[RunLogger] = []
        callbacks: list[L.Callback] = [self.probe, self.curve, CurveReplay(self.curve), self.clock, self.load]
        if logger.isEnabledFor(logging.INFO):
            callbacks.append(Progress(self.curve, config.optim.steps))
        if config.logger != "none":
            callbacks.append(MetricsTable(self.curve, folder))
        callbacks += [RunSchedules(), self.stopping, BestAndLast(folder, config.card.metric)]
        self.trainer = trainer.build_trainer(config, folder, callbacks, module)
        used_devices.check_precision(config.trainer, self.trainer)
        if replaced := used_devices.describe_replaced(config.trainer, self.trainer):
            logger.info(f"trainer: {replaced}")
        # Before training, during which files of the checkout may be edited.
        self.description = provenance.describe_run(config, module)

    def run(self) -> Run:
        """Train, test, and write the record."""
        with self.stopping.handle_signals():
            earlier_seconds = run_folder.recorded_seconds(self.folder)
            provenance.reset_peak_memory(self.trainer.strategy.root_device)
            ending, scores = self._train_and_test()
            self.stopping.defer()  # A signal must not discard the results.
            results = {"status": ending.status, "reason": ending.reason, "curves": self.curve.curves(), **scores}
            record = build_record(results, self._measure(earlier_seconds, ending.status), self.description)
            if is_first_process():
                record = self._write(record, ending)
            hints = tuple(hint for hint in (one.hint() for one in self.loggers) if hint)
            return Run(record, self.folder, ending.stopped_by, hints)

    def _train_and_test(self) -> tuple[Ending, dict[str, object]]:
        """Train and test; return the ending, and the scores as fields of the record's ``results``."""
        try:
            self.loggers = self._start_loggers()
            self.trainer.loggers = list(self.loggers)
            with _raise_interrupts():
                self._fit()
                return Ending("ok"), self._test()
        # A plug-in's backbone may raise any error, even SystemExit; the record must still be written.
        except (Exception, SystemExit, Stopped, KeyboardInterrupt) as error:
            return describe_ending(error, self.trainer.global_step, self.config.optim.steps), {}

    def _fit(self) -> None:
        last = self.folder / run_folder.LAST
        self.trainer.fit(self.module, ckpt_path=last if last.is_file() else None, weights_only=True)
        step, steps = self.trainer.global_step, self.config.optim.steps
        if step < steps:
            raise SeqbenchError(
                f"training ended at step {step} of {steps}, but every run of a task trains for all its steps; remove "
                f"the callback that stops {type(self.module).__name__} early, such as EarlyStopping"
            )

    def _test(self) -> dict[str, object]:
        """Test the weights that scored best on validation; no other function of a run evaluates the test split."""
        # The Trainer's ckpt_path would restore the callbacks of that step as well.
        best_step = reload.load_weights(self.module, self.folder)
        self.trainer.test(self.module, verbose=False)
        for split, values in self.module.evaluated.items():
            for name, value in values.items():
                if value is not None and not math.isfinite(value):
                    raise DivergedError(f"{split} {name} is {value} with the weights of step {best_step}")
        scores = scoring.score_run(self.module, self.curve.validation, best_step, self.config.card.metric)
        if is_first_process():
            sample_file.write_samples(self.module.samples, self.folder)
        return {**scores, **self._draw_sample()}

    def _draw_sample(self) -> dict[str, object]:
        """Return the sample of the trained module as fields of ``results``; without a sample the run is still valid."""
        if not is_first_process():
            return {}
        try:
            sample = samples.draw_sample(self.module, self.folder)
        except SeqbenchError:  # The sample cannot be written, so the record cannot either.
            raise
        except Exception as error:  # Samplers of plug-ins may raise any error.
            reason = f"{type(error).__name__}: {redaction.redact(one_line(error))[:300]}"
            logger.info(f"no sample could be drawn: {reason}")
            return {"sample": None, "sample_error": reason}
        self.sample_files = sample.files if sample else ()
        return {"sample": sample.data} if sample else {}

    def _start_loggers(self) -> list[RunLogger]:
        if not is_first_process() or not set(logger_table.TABLE) & set(self.config.loggers):
            return []
        run_id = run_folder.read_or_create_wandb_id(self.folder)
        return logger_table.start_loggers(LoggedRun(self.config, self.folder, self.folder.parents[2], run_id))

    def _measure(self, earlier_seconds: float, status: Status) -> dict[str, object]:
        """Return times, speeds and memory of this attempt; ``seconds`` includes earlier attempts that were resumed."""
        device = self.trainer.strategy.root_device  # The module has been moved back to the CPU by now.
        clock = self.clock
        measured = {
            "started": self.started,
            # The clock continues from a checkpoint; without one the earlier attempts count by their record.
            "seconds": max(clock.total, time.time() - self.started + earlier_seconds),
            "training_seconds": clock.seconds,
            "steps_per_second": clock.steps / clock.seconds if clock.seconds else None,
            "training_tokens": clock.tokens,
            "tokens_per_second": clock.tokens / clock.seconds if clock.seconds else None,
            "peak_memory_bytes": provenance.peak_memory_bytes(device),
            "device": provenance.device_name(device),
            "threads": torch.get_num_threads(),
            "processor": processor.describe_processor(device),
            "attempts": run_folder.recorded_attempts(self.folder),
            "load": self.load.share,
            "trainer": used_devices.used_trainer(self.trainer),
            "wandb": None,
            **({"causality": self.probe.result.to_dict()} if self.probe.result else {}),
        }
        return {**measured, "decode_tokens_per_second": self._time_decoding(device) if status == "ok" else None}

    def _time_decoding(self, device: torch.device) -> float | None:
        """Return the decoding speed.

        It is measured last, so that the time and the memory of the run do not include the measurement.
        """
        if not is_first_process():
            return None
        try:
            return cost.decode_tokens_per_second(self.module.to(device))
        # A plug-in's `unroll` may raise any error, and a signal may arrive; the record must still be written.
        except BaseException:
            return None

    def _write(self, record: Record, ending: Ending) -> Record:
        """Write the record, the traceback and the picture, close the loggers, and remove checkpoints that are not kept.

        The record is written first, because closing W&B may upload for minutes and be interrupted.

        Returns:
            The last written record.
        """
        curve_picture.write_curve_picture(record, self.folder)  # Before the record, with which the run is finished.
        record.write(self.folder)
        if ending.traceback:
            with contextlib.suppress(SeqbenchError):  # The error may be a full disk.
                atomic_files.write_text(self.folder / run_folder.ERROR, ending.traceback)
        ended = Ended(summarize_results(record.results), self.trainer.global_step, self.sample_files, record)
        for one in self.loggers:
            wandb_run = logger_table.finish_logger(one, ended)
            if wandb_run is not None:
                record = dataclasses.replace(record, measured=record.measured.with_values(wandb=wandb_run))
                record.write(self.folder)
        if record.status == "ok":  # Any other run can be resumed from its checkpoints.
            run_folder.remove_checkpoints(self.folder, self.config.keep)
        return record


def is_first_process() -> bool:
    """Return whether this process is the first of its run, which writes files and shows messages."""
    # On all nodes but the first, Lightning's launcher sets the rank in the environment before Lightning reads it.
    return ranks.process_rank() == 0 and getattr(rank_zero_only, "rank", 0) == 0


def describe_ending(error: BaseException, step: int, steps: int) -> Ending:
    """Return the status, and the reason for it, of a run that an error has ended.

    Args:
        error: the error that ended training or test.
        step: training step at which it was raised.
        steps: training steps of the whole run.

    >>> describe_ending(MemoryError(), 3, 10).status
    'out_of_memory'
    """
    if isinstance(error, DivergedError):
        return Ending("diverged", str(error))
    if isinstance(error, Stopped | KeyboardInterrupt):
        stopped_by = error.name if isinstance(error, Stopped) else "Ctrl-C"
        return Ending("interrupted", f"stopped by {stopped_by} at step {step} of {steps}", stopped_by)
    text = redaction.redact(one_line(error))[:500]
    if is_out_of_memory(error):
        return Ending("out_of_memory", text or "memory ran out")
    if isinstance(error, SeqbenchError):
        return Ending("failed", text.removesuffix("."))
    lines = "".join(traceback.format_exception(error))
    place = raised_at(error)
    reason = f"{type(error).__name__}: {text}" + (f" ({place})" if place else "")
    return Ending("failed", reason, traceback=redaction.redact(lines))


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory ran out.

    On a CPU PyTorch raises a RuntimeError, so only the text of the error shows that memory ran out.
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in OUT_OF_MEMORY_TEXTS)


def summarize_results(results: Results) -> dict[str, object]:
    """Return the status and the final scores of a run as one flat mapping, for the loggers."""
    summary: dict[str, object] = {"status": results.status}
    for split, metrics in results.metrics.items():
        for name, score in metrics.items():
            summary[f"final/{split}/{name}"] = score.value
            summary[f"final/{split}/{name}_chance"] = score.chance
    return summary


@contextlib.contextmanager
def _raise_interrupts() -> Iterator[None]:
    """Raise KeyboardInterrupt again where Lightning has replaced it by SystemExit.

    A plug-in may raise SystemExit as well, so SystemExit alone does not show that the user stopped the run.
    """
    try:
        yield
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise
