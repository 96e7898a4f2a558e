"""The interface of a run's loggers: rows of metrics by step, and a summary with samples at the end.

A logger stores each step of the learning curve once, also over attempts that were resumed.
"""

from __future__ import annotations

from abc import abstractmethod
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from lightning.pytorch.loggers import Logger

from seqbench.protocol.config import RunConfig
from seqbench.protocol.records import Record
from seqbench.running.loggers import logged_steps, logger_table

CURVES = ("train/", "validation/")
"""Prefixes of the metrics of the learning curve."""


@dataclass(frozen=True)
class LoggedRun:
    """A run that is logged.

    Args:
        config: configuration of the run.
        folder: the run's folder.
        runs: folder of all runs.
        run_id: random identifier, which stays the same when the run is resumed.
    """

    config: RunConfig
    folder: Path
    runs: Path
    run_id: str


@dataclass(frozen=True)
class Ended:
    """The results that a logger stores at the end of a run.

    Args:
        summary: status and final scores by flat names.
        step: last optimiser step.
        sample_files: pictures and texts of the run's folder to show.
        record: record of the run, without what is known only afterwards; None where there is none.
    """

    summary: Mapping[str, object]
    step: int = 0
    sample_files: Sequence[Path] = field(default_factory=tuple)
    record: Record | None = None

    @property
    def status(self) -> object:
        """Status of the run."""
        return self.summary.get("status")

    def scores(self) -> dict[str, float]:
        """Return the numbers of the summary."""
        return {name: value for name, value in self.summary.items() if isinstance(value, int | float)}


class RunLogger(Logger):
    """A logger of Lightning that stores each step of the learning curve once.

    Lightning calls ``log_metrics``. The metrics of one step may come in several calls; they are stored as one row.
    A subclass implements ``store_row`` and ``close``.

    Args:
        logged: the run that is logged.
    """

    key: ClassVar[str]
    """Name of the logger in ``--logger``."""

    def __init__(self, logged: LoggedRun) -> None:
        super().__init__()
        self.logged = logged
        self.logged_until = logged_steps.read_logged_step(logged.folder, self.key)
        self._row: dict[str, float] = {}
        self._step = 0

    @property
    @abstractmethod
    def state(self) -> str:
        """The state of the logger in words, for a message at the start of the run."""

    @abstractmethod
    def store_row(self, row: Mapping[str, float], step: int) -> None:
        """Store the metrics of one step."""

    @abstractmethod
    def close(self, ended: Ended) -> dict[str, str | None] | None:
        """Store the summary, the record and the samples, and close the logger.

        Returns:
            Fields of ``protocol.record_fields.WandbRun`` for W&B; None for other loggers.
        """

    def hint(self) -> str | None:
        """Return a sentence on how to see the run, for the end of the run; None without one."""
        return logger_table.viewing_hint(self.key, self.logged.runs)

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.logged.config.name

    @property
    def version(self) -> str:
        """Identifier of the run."""
        return self.logged.run_id

    def log_hyperparams(self, params: dict[str, object] | Namespace, *args: object, **kwargs: object) -> None:
        """Ignore hyperparameters, because ``__init__`` stores the whole configuration of the run."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add metrics to the row of a step; steps of the curve that an earlier attempt has stored are left out.

        Args:
            metrics: values by name.
            step: optimiser step.
        """
        step = int(step or 0)
        if step <= self.logged_until:
            metrics = {name: value for name, value in metrics.items() if not name.startswith(CURVES)}
        if not metrics:
            return
        if self._row and step != self._step:
            self.flush()
        self._row.update(metrics)
        self._step = step
        awaits_validation = step % self.logged.config.optim.validate_every == 0
        if not (awaits_validation and all(name.startswith("train/") for name in metrics)):
            self.flush()

    def flush(self) -> None:
        """Store the row of the last step."""
        if not self._row:
            return
        row, self._row = self._row, {}
        self.store_row(row, self._step)
        if any(name.startswith(CURVES) for name in row):
            logged_steps.write_logged_step(self.logged.folder, self.key, self._step)

    def finish(self, ended: Ended) -> dict[str, str | None] | None:
        """Store the last row and close the logger.

        A row whose validation was interrupted is left to the attempt that resumes the run.

        Args:
            ended: what to store.

        Returns:
            Fields of ``protocol.record_fields.WandbRun`` for W&B; None for other loggers.
        """
        if ended.status != "interrupted":
            self.flush()
        return self.close(ended)
