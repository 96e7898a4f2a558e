"""One run, from a configuration to a record; the only room that builds a Trainer."""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import SIGTERMException

from seqbench import assembly, provenance, records, tracking
from seqbench.callbacks.curve import Curve, DivergedError
from seqbench.callbacks.progress import Clock, Progress
from seqbench.callbacks.table import MetricsTable
from seqbench.config import RunConfig
from seqbench.decoding.sampling import sample
from seqbench.diagnostics import lengths
from seqbench.errors import SeqbenchError
from seqbench.module import SequenceModule
from seqbench.records import Record
from seqbench.vocabulary import UNKNOWN, Vocabulary

ABOVE_CHANCE = 0.05
"""A score is clearly above chance from this share of the way to the best possible (or off chance itself)."""

SAMPLE_CHARACTERS, SAMPLE_TEMPERATURE = 400, 0.8

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
        finished = _finished(folder, resume, overwrite)
        if finished is not None:
            return Run(finished, folder)
    if config.trainer.threads:
        torch.set_num_threads(config.trainer.threads)
    module = assembly.build(config)
    if leads():
        _make(folder, overwrite)
        records.write_text(folder / "config.yaml", provenance.to_yaml(config.options()))
    with _quiet():
        return _Attempt(config, folder, module, say).run()


def leads() -> bool:
    """Whether this process is the first of its run: the one that writes and speaks."""
    return getattr(rank_zero_only, "rank", 0) == 0


class _Attempt:
    """One attempt at a run: its callbacks, its trainer, and the record at its end."""

    def __init__(self, config: RunConfig, folder: Path, module: SequenceModule, say: Say | None) -> None:
        assert module.data is not None
        self.config, self.folder, self.module, self.data = config, folder, module, module.data
        self.shown = say is not None and leads()
        self.say = say if say is not None and leads() else (lambda line: None)
        self.curve, self.clock = Curve(), Clock()
        self.checkpoint = ModelCheckpoint(
            dirpath=folder / assembly.CHECKPOINTS,
            filename=assembly.BEST.removesuffix(".ckpt"),
            monitor=f"validation/{config.card.metric.name}",
            mode=config.card.metric.direction,
            save_last=True,
            save_on_train_epoch_end=False,
            enable_version_counter=False,
        )
        self.started = time.time()
        self.wandb: dict[str, Any] | None = None

    def run(self) -> Run:
        earlier = _earlier(self.folder)
        logger = self._logger(earlier)
        try:
            results = self._results(logger)
        finally:
            if logger is not None and self.wandb is None:
                self.wandb = tracking.finish(logger, {})
        record = Record(results, self._measured(earlier), provenance.describe(self.config, self.module))
        if leads():
            record.write(self.folder)
        return Run(record, self.folder)

    def _results(self, logger: Any) -> dict[str, Any]:
        """Fit and test, whatever happens: the ``results`` section."""
        status, reason, scores = "ok", None, {}
        try:
            trainer = self._trainer(logger)
            self._fit(trainer)
            scores = self._test(trainer)
        except DivergedError as error:
            status, reason = "diverged", str(error)
        except (KeyboardInterrupt, SystemExit, SIGTERMException) as error:
            status, reason = (
                "interrupted",
                f"stopped by {type(error).__name__} before step {self.config.optim.steps}",
            )
        except (MemoryError, torch.OutOfMemoryError) as error:
            status, reason = "out_of_memory", " ".join(str(error).split())[:500] or "memory ran out"
        # The architecture is a stranger's: whatever it raises belongs into the record, its traceback beside it.
        except Exception as error:
            status, reason = "failed", f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"
            if leads():
                records.write_text(self.folder / "error.txt", traceback.format_exc())
        results = {"status": status, "reason": reason, "curves": self._curves(), **scores}
        if logger is not None:
            self.wandb = tracking.finish(logger, _summary(results))
        return results

    def _fit(self, trainer: L.Trainer) -> None:
        last = self.folder / assembly.CHECKPOINTS / "last.ckpt"
        trainer.fit(self.module, ckpt_path=last if last.is_file() else None, weights_only=True)
        if trainer.interrupted:
            raise KeyboardInterrupt

    def _test(self, trainer: L.Trainer) -> dict[str, Any]:
        """Score the best checkpoint, chosen on validation, on test: once, at the end."""
        metric, points = self.config.card.metric, self.curve.validation
        chosen = points[metric.name].index((max if metric.direction == "max" else min)(points[metric.name]))
        # By hand, because the Trainer's ckpt_path would put the callbacks back to that step as well.
        assembly.load_weights(self.module, self.folder)
        trainer.test(self.module, verbose=False)
        validation = {name: values[chosen] for name, values in points.items() if name != "step"}
        metrics = {
            "validation": self._between_lines("validation", validation),
            "test": self._between_lines("test", self.module.evaluated["test"]),
        }
        scores: dict[str, Any] = {"best_step": points["step"][chosen], "metrics": metrics}
        scores["baselines"] = {split: dict(self.data.baselines(split)) for split in metrics}
        probed = {n: self.module.evaluated[split]["accuracy"] for n, split in self.data.probes.items()}
        if probed:
            metrics["test"].update(self._length_metrics(probed))
            scores["lengths"] = lengths.curve(probed)
        primary = metrics["test"][metric.name]
        scores["above_chance"] = above_chance(primary["value"], primary["chance"], primary["best"], metric.direction)
        if self.data.vocabulary is not None:
            scores["sample"] = self._sample(self.data.vocabulary)
        return scores

    def _between_lines(self, split: str, values: Mapping[str, float]) -> dict[str, dict[str, Any]]:
        chance, best = self.data.chance(split), self.data.best(split)
        lines: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            lines[name] = {"value": value, "chance": chance.get(name), "best": best.get(name)}
            if lines[name]["best"] is None:
                lines[name]["best_unknown"] = self.data.best_unknown or "the task does not say"
        return lines

    def _length_metrics(self, probed: Mapping[int, float]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        found["solved_length"] = {"value": lengths.solved_length(probed), "chance": 0, "best": max(probed)}
        beyond = lengths.mean_beyond(probed, self.data.trained_length or 0)
        if beyond is not None:
            split = next(iter(self.data.probes.values()))
            chance, best = self.data.chance(split)["accuracy"], self.data.best(split)["accuracy"]
            found["accuracy_longer"] = {"value": beyond, "chance": chance, "best": best}
        return found

    def _sample(self, vocabulary: Vocabulary) -> str:
        """A text that the best checkpoint writes, also kept as sample.txt."""
        start = "\n" if "\n" in vocabulary.characters else vocabulary.characters[0]
        generator = torch.Generator().manual_seed(self.config.seed)
        prompt = torch.from_numpy(vocabulary.encode(start)).long()[None].to(self.module.device)
        drawn = sample(
            self.module.body.eval(),
            self.module.objective,
            prompt,
            SAMPLE_CHARACTERS,
            generator,
            SAMPLE_TEMPERATURE,
            forbidden=(UNKNOWN,),
        )
        text = vocabulary.decode(drawn[0].tolist())
        if leads():
            records.write_text(self.folder / "vocabulary.json", records.to_json(list(vocabulary.characters)))
            records.write_text(self.folder / "sample.txt", text)
        return text

    def _curves(self) -> dict[str, Any]:
        return {"train": self.curve.train, "validation": self.curve.validation}

    def _trainer(self, logger: Any) -> L.Trainer:
        config = self.config
        shown = [Progress(self.curve, config.optim.steps, self.say)] if self.shown else []
        views = [MetricsTable(self.curve, self.folder)] if config.logger != "none" else []
        return L.Trainer(
            accelerator=config.trainer.accelerator,
            devices=config.trainer.devices,
            num_nodes=config.trainer.num_nodes,
            strategy=config.trainer.strategy,
            precision=config.trainer.precision,  # type: ignore[arg-type]
            max_steps=config.optim.steps,
            max_epochs=-1,
            val_check_interval=config.optim.validate_every,
            check_val_every_n_epoch=None,
            gradient_clip_val=config.optim.clip or None,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            callbacks=[self.curve, self.clock, *shown, *views, self.checkpoint],
            logger=logger or False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=self.folder,
        )

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

    def _measured(self, earlier: Mapping[str, Any]) -> dict[str, Any]:
        """Times, speeds and memory of this attempt; seconds add up over resumed ones."""
        device = self.module.device
        clock = self.clock
        return {
            "started": self.started,
            "seconds": time.time() - self.started + earlier.get("seconds", 0.0),
            "training_seconds": clock.seconds,
            "steps_per_second": clock.steps / clock.seconds if clock.seconds else None,
            "tokens_per_second": clock.tokens / clock.seconds if clock.seconds else None,
            "peak_memory_bytes": provenance.peak_memory(device),
            "device": provenance.device_name(device),
            "threads": torch.get_num_threads(),
            "wandb": self.wandb,
        }


def above_chance(value: float, chance: float | None, best: float | None, direction: str) -> bool | None:
    """Whether a score is clearly better than chance; None where chance is unknown.

    Clearly: by 5 % of the way from chance to the best possible, or of chance itself where that is unknown.
    """
    if chance is None:
        return None
    gain = value - chance if direction == "max" else chance - value
    return gain >= ABOVE_CHANCE * abs(chance if best is None else best - chance)


def _finished(folder: Path, resume: bool, overwrite: bool) -> Record | None:
    """The record of a finished run that is to be resumed; None if there is work to do.

    Raises:
        SeqbenchError: the folder holds an earlier run, and the flags do not say what to do with it.
    """
    path = folder / records.NAME
    if overwrite:
        return None
    if path.is_file():
        record = records.read(path)
        if resume:
            return record if record.status == "ok" else None
        if record.status == "ok":
            raise SeqbenchError(f"this run is finished: {path}; add --overwrite to replace it.")
        raise SeqbenchError(
            f"this run is unfinished ({record.status}): {path}; add --resume to go on with it, or --overwrite."
        )
    if not resume and (folder / assembly.CHECKPOINTS).exists():
        raise SeqbenchError(
            f"{folder} holds checkpoints of a run that was killed; add --resume to go on with it, or --overwrite."
        )
    return None


def _make(folder: Path, overwrite: bool) -> None:
    """Make the run's folder, emptied of an earlier run if that is wanted.

    Raises:
        SeqbenchError: it cannot be written.
    """
    try:
        if overwrite and folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SeqbenchError(
            f"the run folder {folder} cannot be written: {error.strerror or error}; choose another with --runs FOLDER."
        ) from error


def _earlier(folder: Path) -> Mapping[str, Any]:
    """What an earlier attempt measured, if it left a record."""
    return records.read(folder).measured if (folder / records.NAME).is_file() else {}


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
