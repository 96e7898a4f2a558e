"""One run, from a configuration to a record."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.utilities import rank_zero_only

from seqbench.models import build
from seqbench.models.module import SequenceModule
from seqbench.models.weights import count_parameters
from seqbench.protocol import run_folder
from seqbench.protocol.config import RunConfig
from seqbench.protocol.records import Record, build_record
from seqbench.protocol.run_folder import Existing
from seqbench.running import provenance, reload, samples, scoring, trainer, wandb_logging
from seqbench.running.callbacks.checkpoints import BestAndLast
from seqbench.running.callbacks.curve import Curve, DivergedError
from seqbench.running.callbacks.metrics_csv import MetricsTable
from seqbench.running.callbacks.progress import Clock, Progress
from seqbench.running.callbacks.stopping import Stopped, Stopping
from seqbench.running.diagnostics import cost
from seqbench.utils import atomic_files, ranks, redaction, screen
from seqbench.utils.errors import SeqbenchError, one_line

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """What a run leaves: its record and the folder that holds it, with checkpoints and curves.

    ``stopped_by`` is the signal that ended it (``Ctrl-C``, ``SIGTERM``), if one did.
    """

    record: Record
    folder: Path
    stopped_by: str | None = None


def run(
    config: RunConfig,
    runs: Path = Path("runs"),
    existing: Existing = "error",
) -> Run:
    """Train, validate, test once, and write the record.

    A run that diverges, is interrupted or breaks has its record too; only what is wrong before it starts
    raises.

    Args:
        config: what to run.
        runs: folder under which the run's own is made.
        existing: what to do with an earlier run of this configuration; with ``resume`` a finished one is returned.

    Raises:
        SeqbenchError: the folder cannot be written, holds an earlier run or is in use (``folders.BusyError``), or
            the module cannot be built.
    """
    folder = config.folder(runs)
    # In every process: the others would wait for a first one that has nothing to do.
    finished = run_folder.finished_record(folder, existing)
    if finished is not None:
        return Run(finished, folder)
    if config.trainer.threads:
        torch.set_num_threads(config.trainer.threads)
    if existing == "resume":
        _check_checkpoint(folder / run_folder.LAST)
    module = build.build_module(config)
    hidden = contextlib.nullcontext() if is_first_process() else screen.hide_messages()
    with trainer.silence_lightning(), hidden:
        _log_data_and_size(config, module)
        attempt = _Attempt(config, folder, module)
        if not is_first_process():
            return attempt.run()
        with run_folder.lock_folder(folder):
            # Once more: another process may have been at it while the module was built.
            finished = run_folder.finished_record(folder, existing)
            if finished is not None:
                return Run(finished, folder)
            run_folder.remove_leftovers(folder, existing == "overwrite")
            atomic_files.write_text(folder / run_folder.CONFIG, provenance.to_yaml(config.options()))
            return attempt.run()


def _log_data_and_size(config: RunConfig, module: SequenceModule) -> None:
    """Log what a user should know before training starts."""
    if config.match_params:
        width, count = config.arch_options["d_model"], count_parameters(module)
        logger.info(f"d_model {width} has {count:,} parameters, for the {config.match_params:,} asked for")
    left_out = module.data.describe_data().get("left_out") if module.data else None
    if left_out:
        logger.info(f"{left_out} training samples are longer than the task's max_length and are left out")


def _check_checkpoint(path: Path) -> None:
    """Make sure that a run can go on, before anything of it is touched.

    Raises:
        SeqbenchError: the last checkpoint is there and cannot be read.
    """
    if not path.is_file():
        return
    try:
        torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises whatever its unpickler meets.
        reason = one_line(error, 200)
        raise SeqbenchError(f"{path} cannot be read ({reason}); add --overwrite to start the run anew.") from error


def is_first_process() -> bool:
    """Whether this process is the first of its run: the one that writes and speaks."""
    # Lightning's own launcher tells a second node its number, which Lightning reads only once there is a Trainer.
    return ranks.process_rank() == 0 and getattr(rank_zero_only, "rank", 0) == 0


class _Attempt:
    """One attempt at a run: its callbacks, its trainer, and the record at its end."""

    def __init__(self, config: RunConfig, folder: Path, module: SequenceModule) -> None:
        self.config, self.folder, self.module = config, folder, module
        self.curve, self.clock = Curve(), Clock()
        self.shown_files: Sequence[Path] = ()
        self.traceback = ""
        self.started = time.time()
        self.stopping = Stopping(folder / run_folder.LAST, config.optim.validate_every)
        shown = [Progress(self.curve, config.optim.steps)] if logger.isEnabledFor(logging.INFO) else []
        views = [MetricsTable(self.curve, folder)] if config.logger != "none" else []
        callbacks = [self.curve, self.clock, *shown, *views, self.stopping, BestAndLast(folder, config.card.metric)]
        streams = bool(module.data and module.data.streaming)
        self.trainer = trainer.build_trainer(config, folder, callbacks, streams)
        # Before training: what a stranger's `unroll` does must not cost the record, nor an edit change the commit.
        self.described = provenance.describe_run(config, module)

    def run(self) -> Run:
        with self.stopping.handle_signals():
            return self._run()

    def _run(self) -> Run:
        earlier_seconds = run_folder.recorded_seconds(self.folder)
        provenance.forget_peak_memory(self.trainer.strategy.root_device)
        results, stopped_by = self._results()
        self.stopping.defer()  # What was computed is written, whatever is asked meanwhile.
        record = build_record(results, self._measured(earlier_seconds, results["status"]), self.described)
        if not is_first_process():
            return Run(record, self.folder, stopped_by)
        # The record comes first: closing W&B may upload for long, and be cut short.
        record.write(self.folder)
        if self.traceback:
            with contextlib.suppress(SeqbenchError):  # A full disk may be the very reason.
                atomic_files.write_text(self.folder / run_folder.ERROR, self.traceback)
        if self.trainer.loggers:
            wandb = wandb_logging.finish_logger(self.trainer.logger, _summary(results), self.shown_files, record)
            record = dataclasses.replace(record, measured=record.measured.with_values(wandb=wandb))
            record.write(self.folder)
        return Run(record, self.folder, stopped_by)

    def _results(self) -> tuple[dict[str, Any], str | None]:
        """Fit and test, whatever happens: the ``results`` section, and the signal that cut it short."""
        status, reason, scores, stopped_by = "ok", None, {}, None
        try:
            self.trainer.loggers = self._loggers()
            with self._as_raised():
                self._fit()
                scores = self._test()
        except DivergedError as error:
            status, reason = "diverged", str(error)
        except (Stopped, KeyboardInterrupt) as error:
            stopped_by = error.name if isinstance(error, Stopped) else "Ctrl-C"
            status = "interrupted"
            reason = f"stopped by {stopped_by} at step {self.trainer.global_step} of {self.config.optim.steps}"
        # The architecture is a stranger's: whatever it raises, were it an exit, belongs into the record.
        except (Exception, SystemExit) as error:
            text = redaction.redact(one_line(error))[:500]
            if out_of_memory(error):
                status, reason = "out_of_memory", text or "memory ran out"
            else:
                ours = isinstance(error, SeqbenchError)
                status, reason = "failed", text.removesuffix(".") if ours else f"{type(error).__name__}: {text}"
                self.traceback = "" if ours else redaction.redact(traceback.format_exc())
        return {"status": status, "reason": reason, "curves": self.curve.state_dict(), **scores}, stopped_by

    @contextlib.contextmanager
    def _as_raised(self) -> Iterator[None]:
        """Lightning turns KeyboardInterrupt into SystemExit, which a stranger may raise as well."""
        try:
            yield
        except SystemExit as error:
            if isinstance(error.__context__, KeyboardInterrupt):
                raise error.__context__ from None
            raise

    def _fit(self) -> None:
        last = self.folder / run_folder.LAST
        self.trainer.fit(self.module, ckpt_path=last if last.is_file() else None, weights_only=True)

    def _test(self) -> dict[str, Any]:
        """Score the best checkpoint, chosen on validation, on test: once, at the end."""
        # By hand, because the Trainer's ckpt_path would put the callbacks back to that step as well.
        best_step = reload.load_weights(self.module, self.folder)
        self.trainer.test(self.module, verbose=False)
        for split, values in self.module.evaluated.items():
            for name, value in values.items():
                if not math.isfinite(value):
                    raise DivergedError(f"{split} {name} is {value} with the weights of step {best_step}")
        scores = scoring.score_run(self.module, self.curve.validation, best_step, self.config.card.metric)
        return {**scores, **self._sample()}

    def _sample(self) -> dict[str, Any]:
        """What the module makes of its task, beside the scores: the run is worth more than its picture."""
        if not is_first_process():
            return {}
        try:
            sample = samples.draw_sample(self.module, self.folder)
        except SeqbenchError:  # The disk refuses, and will refuse the record as well.
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {redaction.redact(one_line(error))[:300]}"
            logger.info(f"no sample could be drawn: {reason}")
            return {"sample": None, "sample_error": reason}
        self.shown_files = sample.files if sample else ()
        return {"sample": sample.data} if sample else {}

    def _loggers(self) -> list[Any]:
        if self.config.logger != "wandb" or not is_first_process():
            return []
        try:
            wandb_logger, how, why = wandb_logging.start_logger(
                self.config, self.folder, run_folder.read_or_create_wandb_id(self.folder)
            )
        # W&B is a view: whatever it raises must not cost the run.
        except Exception as error:
            text = redaction.redact(one_line(error))[:200]
            logger.info(f"W&B could not be started ({text}); going on without it")
            return []
        logger.info(f"W&B: {how} ({why})")
        return [wandb_logger]

    def _measured(self, earlier_seconds: float, status: str) -> dict[str, Any]:
        """Times, speeds and memory of this attempt; seconds add up over resumed ones."""
        device = self.trainer.strategy.root_device  # The module has been moved back to the CPU by now.
        clock = self.clock
        measured = {
            "started": self.started,
            # Of the work that a checkpoint carried on, or, where none was written yet, of all attempts.
            "seconds": max(clock.total, time.time() - self.started + earlier_seconds),
            "training_seconds": clock.seconds,
            "steps_per_second": clock.steps / clock.seconds if clock.seconds else None,
            "tokens_per_second": clock.tokens / clock.seconds if clock.seconds else None,
            "peak_memory_bytes": provenance.peak_memory(device),
            "device": provenance.device_name(device),
            "threads": torch.get_num_threads(),
            "wandb": None,
        }
        return {**measured, "decode_tokens_per_second": self._decoding(device) if status == "ok" else None}

    def _decoding(self, device: torch.device) -> float | None:
        """How fast the trained module decodes; last, so that neither its time nor its memory is the run's."""
        if not is_first_process():
            return None
        try:
            return cost.decode_tokens_per_second(self.module.to(device))
        # A stranger's `unroll` may break in any way, and no signal must cost a finished run its record.
        except BaseException:
            return None


def _summary(results: Mapping[str, Any]) -> dict[str, Any]:
    """A run's final figures by flat names, for W&B."""
    figures: dict[str, Any] = {"status": results["status"]}
    for split, metrics in results.get("metrics", {}).items():
        for name, line in metrics.items():
            figures[f"final/{split}/{name}"] = line["value"]
            figures[f"final/{split}/{name}_chance"] = line["chance"]
    return figures


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out; on a CPU PyTorch raises a RuntimeError that only its text tells from others."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)


_NO_MEMORY = ("can't allocate memory", "not enough memory", "Cannot allocate memory")
