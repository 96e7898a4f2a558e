"""The record under verification, and what its checks have made of it so far."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seqbench.datamodules.base import SequenceDataModule
from seqbench.protocol import records, run_folder
from seqbench.protocol.config import RunConfig
from seqbench.protocol.records import Record
from seqbench.running import reload


class SkippedError(Exception):
    """A check has nothing to look at."""


@dataclass
class Subject:
    """The record, and what the checks have made of it so far."""

    path: Path
    record: Record
    tolerance: float
    trust: bool = False
    config: RunConfig | None = None
    data: SequenceDataModule | None = None
    restored: reload.ReloadedRun | None = None

    @property
    def folder(self) -> Path | None:
        """The run's folder, if it is there with its checkpoint."""
        folder = self.path if self.path.is_dir() else self.path.parent
        whole = self.path.is_dir() or self.path.name == records.NAME
        return folder if whole and (folder / run_folder.BEST).is_file() else None

    @property
    def threads(self) -> int:
        """CPU threads of the run, 0 where the record does not say: with others bits may differ."""
        count = self.record.measured.threads
        return count if count is not None and 0 < count <= reload.MOST_THREADS else 0

    @property
    def rebuilt(self) -> tuple[RunConfig, SequenceDataModule]:
        """The configuration and the data, once they could be made."""
        if self.config is None or self.data is None:
            raise SkippedError("the configuration could not be rebuilt, so there is nothing to compare with")
        return self.config, self.data

    def need_scores(self) -> None:
        """Skip the check of a run that has no scores."""
        if self.record.status != "ok":
            raise SkippedError(f"the run ended as {self.record.status}, so it has no scores; --retrain can check that")

    def need_folder(self) -> Path:
        """The run's folder; skips the check where it is not there."""
        if self.folder is None:
            raise SkippedError(f"the run's {run_folder.BEST} is not beside the record; --retrain can check the scores")
        return self.folder


def weaker(one: str, other: str) -> str:
    """Of two agreements, as ``agree`` words them, the one that says less."""
    return one if other == "bit for bit" else other
