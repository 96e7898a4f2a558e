"""The record under verification, and the objects that earlier checks have rebuilt from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seqbench.datamodules.base import SequenceDataModule
from seqbench.protocol import records, run_folder
from seqbench.protocol.config import RunConfig
from seqbench.protocol.records import Record
from seqbench.running import reload

EXACT = "bit for bit"
"""Text that ``protocol.differences.compare_values`` returns for equal values."""


class SkippedError(Exception):
    """A check could not be made, because an object or file that it needs is missing."""


@dataclass
class Subject:
    """The record under verification, and the objects that earlier checks have rebuilt from it.

    Args:
        path: path of the record, or of the run's folder.
        record: record of the run.
        tolerance: largest accepted difference of a number, relative to its size or to 1.
        trust: whether an architecture that is given by its path (``my_file:Net``) may be imported.
        task_options: options that replace the recorded place of the data; empty to read them where the run read them.
        config: the configuration, rebuilt from the recorded options.
        data: the data of the task, for this configuration.
        reloaded: the run's module with the weights of its checkpoint.
    """

    path: Path
    record: Record
    tolerance: float
    trust: bool = False
    task_options: Mapping[str, object] = field(default_factory=dict)
    config: RunConfig | None = None
    data: SequenceDataModule | None = None
    reloaded: reload.ReloadedRun | None = None

    @property
    def folder(self) -> Path | None:
        """The run's folder with its checkpoint; None if there is no checkpoint beside the record."""
        folder = self.path if self.path.is_dir() else self.path.parent
        is_run_folder = self.path.is_dir() or self.path.name == records.NAME
        return folder if is_run_folder and (folder / run_folder.BEST).is_file() else None

    @property
    def threads(self) -> int:
        """Number of CPU threads of the run, on which results may depend; 0 if it is not recorded."""
        count = self.record.measured.threads
        return count if count is not None and 0 < count <= reload.MOST_THREADS else 0

    @property
    def rebuilt(self) -> tuple[RunConfig, SequenceDataModule]:
        """The rebuilt configuration and its data.

        Raises:
            SkippedError: they could not be rebuilt.
        """
        if self.config is None or self.data is None:
            raise SkippedError("the configuration could not be rebuilt, so there is nothing to compare with")
        return self.config, self.data

    def require_scores(self) -> None:
        """Check that the run has scores.

        Raises:
            SkippedError: the run has no scores.
        """
        if self.record.status != "ok":
            raise SkippedError(f"the run ended as {self.record.status}, so it has no scores; --retrain can check that")

    def require_folder(self) -> Path:
        """Return the run's folder with its checkpoint.

        Raises:
            SkippedError: there is no checkpoint beside the record.
        """
        if self.folder is None:
            raise SkippedError(
                f"the run's {run_folder.BEST} is not beside the record (--keep or `seqbench clean` may have removed "
                "it); --retrain trains the run again and checks the scores"
            )
        return self.folder


def weaker_agreement(first: str, second: str) -> str:
    """Return the weaker of two agreements, which are texts that ``compare_values`` returned.

    >>> weaker_agreement("bit for bit", "within 1e-07")
    'within 1e-07'
    """
    return first if second == EXACT else second
