"""The record under verification, with what the checks before have rebuilt from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seqbench.datamodules.base import SequenceDataModule
from seqbench.protocol import records, run_folder
from seqbench.protocol.config import RunConfig
from seqbench.protocol.records import Record
from seqbench.running import reload

EXACT = "bit for bit"
"""How ``protocol.differences.compare_values`` describes equal values."""


class SkippedError(Exception):
    """What a check needs is missing, so it could not be made."""


@dataclass
class Subject:
    """The record under verification, with what the checks before have rebuilt from it.

    Args:
        path: of the record, or of the run's folder.
        record: of the run.
        tolerance: largest accepted difference of a number, relative to its size or to 1.
        trust: whether an architecture that is given by its path (``my_file:Net``) may be imported.
        config: the configuration, rebuilt from the recorded options.
        data: the data of the task, for this configuration.
        reloaded: the run's module with the weights of its checkpoint.
    """

    path: Path
    record: Record
    tolerance: float
    trust: bool = False
    config: RunConfig | None = None
    data: SequenceDataModule | None = None
    reloaded: reload.ReloadedRun | None = None

    @property
    def folder(self) -> Path | None:
        """The run's folder with its checkpoint; None where the record stands alone."""
        folder = self.path if self.path.is_dir() else self.path.parent
        is_run_folder = self.path.is_dir() or self.path.name == records.NAME
        return folder if is_run_folder and (folder / run_folder.BEST).is_file() else None

    @property
    def threads(self) -> int:
        """CPU threads of the run, because results may depend on their number; 0 where the record does not say."""
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
            SkippedError: it has none.
        """
        if self.record.status != "ok":
            raise SkippedError(f"the run ended as {self.record.status}, so it has no scores; --retrain can check that")

    def require_folder(self) -> Path:
        """Return the run's folder with its checkpoint.

        Raises:
            SkippedError: the record stands alone.
        """
        if self.folder is None:
            raise SkippedError(f"the run's {run_folder.BEST} is not beside the record; --retrain can check the scores")
        return self.folder


def weaker_agreement(first: str, second: str) -> str:
    """Return the weaker of two agreements as ``compare_values`` describes them.

    >>> weaker_agreement("bit for bit", "within 1e-07")
    'within 1e-07'
    """
    return first if second == EXACT else second
