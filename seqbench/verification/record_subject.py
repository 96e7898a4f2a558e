"""The record under verification, and the objects that earlier checks have rebuilt from it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from seqbench.datamodules.base import SequenceDataModule
from seqbench.protocol import records, run_folder
from seqbench.protocol.config import RunConfig
from seqbench.protocol.records import Record
from seqbench.running import reload
from seqbench.running.callbacks.checkpoints import Checkpoint, load_checkpoint
from seqbench.utils.errors import NotAtHand, SeqbenchError, one_line
from seqbench.utils.plain_data import short_repr
from seqbench.verification.blind.net_description import NetDescription
from seqbench.verification.blind_results import BlindResults
from seqbench.verification.net_pair import NetPair

NOT_REBUILT = "it cannot be rebuilt here, so its size, chance and scores cannot be checked: {}"
"""Reason why a check is skipped."""

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
        beside: folder with records of other seeds, whose spread is the tolerance of a second run on other hardware;
            None to look beside the record.
        task_options: options that replace the recorded place of the data; empty to read them where the run read them.
        second_run: empty folder that receives the folder of a second run; None to keep none.
        config: the configuration, rebuilt from the recorded options.
        data: the data of the task, for this configuration.
        nets: the processes of the net; None if they could not be started.
        no_net: the reason why they could not be started.
        checkpoint: the checkpoint beside the record; None without one, or if it cannot be read.
        broken: the reason why the checkpoint cannot be read.
        is_scored_checkpoint: whether it holds the weights whose scores are recorded.
        blind: the blind scores, and what is needed to compare the two processes.
    """

    path: Path
    record: Record
    tolerance: float
    trust: bool = False
    task_options: Mapping[str, object] = field(default_factory=dict)
    beside: Path | None = None
    second_run: Path | None = None
    config: RunConfig | None = None
    data: SequenceDataModule | None = None
    nets: NetPair | None = None
    no_net: Exception | None = None
    checkpoint: Checkpoint | None = None
    broken: SeqbenchError | None = None
    is_scored_checkpoint: bool = False
    blind: BlindResults | None = None

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

    def start_nets(self) -> contextlib.AbstractContextManager[object]:
        """Load the checkpoint and start the processes of the net; the result ends them.

        A failure is kept, and raised by each check that needs a process.
        """
        if self.folder is not None:
            self.checkpoint, self.broken = _read_checkpoint(self.folder / run_folder.BEST)
        try:
            require_trust(self.record, self.trust)
            weights = self.checkpoint["state_dict"] if self.checkpoint is not None else {}
            self.nets = NetPair(self.record, weights, self.threads, self._hidden_files())
        except (SkippedError, SeqbenchError) as error:
            self.no_net = error
            return contextlib.nullcontext()
        return self.nets

    def _hidden_files(self) -> list[Path]:
        """Return what the processes of the net must not read: the record, its folder, and data that have been moved."""
        moved = self.task_options.get("data_dir")
        data = [Path(moved).expanduser()] if isinstance(moved, str) else []
        return [self.path if self.folder is None else self.folder, *data]

    @property
    def running(self) -> NetPair:
        """The processes of the net.

        Raises:
            Exception: they could not be started; the error says why.
        """
        if self.nets is None:
            raise self.no_net or SkippedError("the net was not started")
        return self.nets

    def describe_net(self) -> NetDescription:
        """Return what the first process says of its net.

        Raises:
            SkippedError: the architecture is not installed here.
            SeqbenchError: the net cannot be built.
        """
        try:
            return self.running.describe()
        except NotAtHand as error:
            raise SkippedError(NOT_REBUILT.format(error)) from error

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


def require_trust(record: Record, trust: bool) -> None:
    """Check that the record names no file of the current folder that would be imported without ``trust``.

    Args:
        record: the record.
        trust: whether such a file may be imported.

    Raises:
        SkippedError: a file would be imported.
    """
    for options in (record.config.options.arch, record.config.options.encoder or {}):
        name = options.get("name")
        if isinstance(name, str) and ":" in name and not trust:
            raise SkippedError(
                f"its architecture is given by a path, {short_repr(name)}, which would be imported from the current "
                f"folder; read that file, then add --trust"
            )


def _read_checkpoint(path: Path) -> tuple[Checkpoint | None, SeqbenchError | None]:
    """Return a checkpoint, or the reason why it cannot be read."""
    try:
        checkpoint = load_checkpoint(path)
        if not all(isinstance(value, Tensor) for value in checkpoint["state_dict"].values()):
            raise TypeError("a weight is no tensor")
        return checkpoint, None
    except Exception as error:  # The unpickler raises many kinds of error for a broken file.
        return None, SeqbenchError(f"{path} does not fit its record: {one_line(error, 300)}")


def weaker_agreement(first: str, second: str) -> str:
    """Return the weaker of two agreements, which are texts that ``compare_values`` returned.

    >>> weaker_agreement("bit for bit", "within 1e-07")
    'within 1e-07'
    """
    return first if second == EXACT else second
