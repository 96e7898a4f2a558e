"""One run, from a configuration to a record; the only room that builds a Trainer."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import MisconfigurationException, SIGTERMException

from seqbench import assembly, folders, provenance, records, samples, scoring, tracking
from seqbench.callbacks.checkpoints import AtomicCheckpointIO, BestAndLast
from seqbench.callbacks.curve import Curve, DivergedError
from seqbench.callbacks.progress import Clock, Progress
from seqbench.callbacks.table import MetricsTable
from seqbench.config import RunConfig, TrainerOptions
from seqbench.diagnostics import cost
from seqbench.errors import SeqbenchError
from seqbench.module import SequenceModule
from seqbench.records import Record

Say = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """What a run leaves: its record and the folder that holds it, with checkpoints and curves."""

    record: Record
    folder: Path


def run(
    config: RunConfig,
    runs: Path = Path("runs"),
    resume: bool = False,
    overwrite: bool = False,
    say: Say | None = None,
) -> Run:
    """Train, validate, test once, and write the record.

    A run that diverges, is interrupted or breaks has its record too; only what is wrong before it starts
    raises.

    Args:
        config: what to run.
        runs: folder under which the run's own is made.
        resume: go on with an unfinished run of this configuration; a finished one is returned as it is.
        overwrite: throw an earlier run of this configuration away.
        say: where progress goes; None is silent.

    Raises:
        SeqbenchError: the folder cannot be written or holds an earlier run, or the module cannot be built.
    """
    folder = config.folder(runs)
    if leads():
        finished = folders.finished(folder, resume, overwrite)
        if finished is not None:
            return Run(finished, folder)
    if config.trainer.threads:
        torch.set_num_threads(config.trainer.threads)
    if resume:
        _check_checkpoint(folder / folders.LAST)
    module = assembly.build(config)
    left_out = module.data.facts().get("left_out") if module.data else None
    if left_out and say is not None and leads():
        say(f"{left_out} training samples are longer than the task's max_length and are left out")
    with _quiet():
        attempt = _Attempt(config, folder, module, say)
        if leads():
            folders.make(folder, overwrite)
            records.write_text(folder / folders.CONFIG, provenance.to_yaml(config.options()))
        return attempt.run()


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
        reason = " ".join(str(error).split())[:200]
        raise SeqbenchError(f"{path} cannot be read ({reason}); add --overwrite to start the run anew.") from error


def leads() -> bool:
    """Whether this process is the first of its run: the one that writes and speaks."""
    return getattr(rank_zero_only, "rank", 0) == 0


class _Attempt:
    """One attempt at a run: its callbacks, its trainer, and the record at its end."""

    def __init__(self, config: RunConfig, folder: Path, module: SequenceModule, say: Say | None) -> None:
        self.config, self.folder, self.module = config, folder, module
        self.shown = say is not None and leads()
        self.say = say if say is not None and leads() else (lambda line: None)
        self.curve, self.clock = Curve(), Clock()
        self.shown_files: Sequence[Path] = ()
        self.checkpoints = BestAndLast(folder, config.card.metric)
        self.trainer = self._trainer()
        self.started = time.time()
        # Before training: what a stranger's `unroll` does must not cost the record, nor an edit change the commit.
        self.described = provenance.describe(config, module)

    def run(self) -> Run:
        earlier = folders.measured_before(self.folder)
        logger = self._logger(earlier)
        self.trainer.loggers = [logger] if logger else []
        results = self._results()
        record = Record(results, self._measured(earlier, results["status"]), self.described)
        if not leads():
            return Run(record, self.folder)
        # The record comes first: closing W&B may upload for long, and be cut short.
        record.write(self.folder)
        if logger is not None:
            measured = {**record.measured, "wandb": tracking.finish(logger, _summary(results), self.shown_files)}
            record = Record(results, measured, self.described)
            record.write(self.folder)
        return Run(record, self.folder)

    def _results(self) -> dict[str, Any]:
        """Fit and test, whatever happens: the ``results`` section."""
        status, reason, scores = "ok", None, {}
        try:
            self._fit()
            scores = self._test()
        except DivergedError as error:
            status, reason = "diverged", str(error)
        except (KeyboardInterrupt, SystemExit, SIGTERMException) as error:
            # Lightning turns Ctrl-C into SystemExit.
            what = "SIGTERM" if isinstance(error, SIGTERMException) else "Ctrl-C"
            status = "interrupted"
            reason = f"stopped by {what} at step {self.trainer.global_step} of {self.config.optim.steps}"
        except (MemoryError, torch.OutOfMemoryError) as error:
            status, reason = "out_of_memory", " ".join(str(error).split())[:500] or "memory ran out"
        # The architecture is a stranger's: whatever it raises belongs into the record, its traceback beside it.
        except Exception as error:
            status, reason = "failed", f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"
            if leads():
                with contextlib.suppress(SeqbenchError):  # A full disk may be the very reason.
                    records.write_text(self.folder / folders.ERROR, traceback.format_exc())
        return {"status": status, "reason": reason, "curves": self.curve.state_dict(), **scores}

    def _fit(self) -> None:
        last = self.folder / folders.LAST
        self.trainer.fit(self.module, ckpt_path=last if last.is_file() else None, weights_only=True)

    def _test(self) -> dict[str, Any]:
        """Score the best checkpoint, chosen on validation, on test: once, at the end."""
        # By hand, because the Trainer's ckpt_path would put the callbacks back to that step as well.
        best_step = assembly.load_weights(self.module, self.folder)
        self.trainer.test(self.module, verbose=False)
        for split, values in self.module.evaluated.items():
            for name, value in values.items():
                if not math.isfinite(value):
                    raise DivergedError(f"{split} {name} is {value} with the weights of step {best_step}")
        scores = scoring.of(self.module, self.curve.validation, best_step, self.config.card.metric)
        return {**scores, **self._sample()}

    def _sample(self) -> dict[str, Any]:
        """What the module makes of its task, beside the scores: the run is worth more than its picture."""
        if not leads():
            return {}
        try:
            sample = samples.draw(self.module, self.folder)
        except SeqbenchError:  # The disk refuses, and will refuse the record as well.
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            self.say(f"no sample could be drawn: {reason}")
            return {"sample": None, "sample_error": reason}
        self.shown_files = sample.files if sample else ()
        return {"sample": sample.data} if sample else {}

    def _trainer(self) -> L.Trainer:
        """The Trainer, before the run's folder is touched: its options are the user's and may be wrong."""
        config, options = self.config, self.config.trainer
        shown = [Progress(self.curve, config.optim.steps, self.say)] if self.shown else []
        views = [MetricsTable(self.curve, self.folder)] if config.logger != "none" else []
        try:
            trainer = L.Trainer(
                accelerator=_accelerator(options.accelerator),
                devices=options.devices,
                num_nodes=options.num_nodes,
                strategy=_strategy(options, streams=bool(self.module.data and self.module.data.streams)),
                precision=options.precision,  # type: ignore[arg-type]
                max_steps=config.optim.steps,
                max_epochs=-1,
                val_check_interval=config.optim.validate_every,
                check_val_every_n_epoch=None,
                gradient_clip_val=config.optim.clip or None,
                num_sanity_val_steps=0,
                use_distributed_sampler=False,
                callbacks=[self.curve, self.clock, *shown, *views, self.checkpoints],
                plugins=[AtomicCheckpointIO()],
                logger=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                default_root_dir=self.folder,
            )
        # Lightning refuses with several kinds of error.
        except (MisconfigurationException, ValueError, TypeError, RuntimeError) as error:
            raise SeqbenchError(f"the trainer refuses its options: {' '.join(str(error).split())}") from error
        cores = os.cpu_count() or 1
        if isinstance(trainer.accelerator, CPUAccelerator) and trainer.num_devices > cores:
            raise SeqbenchError(f"--trainer.devices {trainer.num_devices} asks for more processes than {cores} cores.")
        return trainer

    def _logger(self, earlier: Mapping[str, Any]) -> Any:
        if self.config.logger != "wandb" or not leads():
            return None
        try:
            logger, how, why = tracking.start(self.config, self.folder, (earlier.get("wandb") or {}).get("id"))
        # W&B is a view: whatever it raises must not cost the run.
        except Exception as error:
            self.say(f"W&B could not be started ({' '.join(str(error).split())[:200]}); going on without it")
            return None
        self.say(f"W&B: {how} ({why})")
        return logger

    def _measured(self, earlier: Mapping[str, Any], status: str) -> dict[str, Any]:
        """Times, speeds and memory of this attempt; seconds add up over resumed ones."""
        device = self.trainer.strategy.root_device  # The module has been moved back to the CPU by now.
        clock = self.clock
        measured = {
            "started": self.started,
            "seconds": time.time() - self.started + earlier.get("seconds", 0.0),
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
        if not leads():
            return None
        try:
            return cost.decode_tokens_per_second(self.module.to(device))
        # A stranger's `unroll` may break in any way, and Ctrl-C must not cost a finished run its record.
        except (Exception, SystemExit, KeyboardInterrupt):
            return None


def _strategy(options: TrainerOptions, streams: bool) -> str:
    """Of a stream's chunks only the first starts a net: in the others no gradient reaches a start that it learns."""
    several = options.devices not in (1, "1") or options.num_nodes > 1
    if streams and (options.strategy == "ddp" or (options.strategy == "auto" and several)):
        return "ddp_find_unused_parameters_true"
    return options.strategy


def _accelerator(name: str) -> str:
    """``auto`` as CUDA or the CPU: Apple's GPUs lack the float64 that metrics are summed in."""
    return ("gpu" if torch.cuda.is_available() else "cpu") if name == "auto" else name


def _summary(results: Mapping[str, Any]) -> dict[str, Any]:
    """A run's final figures by flat names, for W&B."""
    figures: dict[str, Any] = {"status": results["status"]}
    for split, metrics in results.get("metrics", {}).items():
        for name, line in metrics.items():
            figures[f"final/{split}/{name}"] = line["value"]
            figures[f"final/{split}/{name}_chance"] = line["chance"]
    return figures


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Lightning's advice is not for our users: the loaders, devices and logs are chosen with care."""
    names = ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero", "lightning.fabric")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
