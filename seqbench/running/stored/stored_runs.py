"""Find the run folders below a folder, and read what a list of runs shows of each."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seqbench.protocol import records, run_folder
from seqbench.protocol.choices import model_name
from seqbench.protocol.record_fields import STATUSES
from seqbench.protocol.records import TUNING_SEED, Record
from seqbench.running.stored.own_files import has_run_name
from seqbench.running.stored.own_options import default_encoder, own_options
from seqbench.utils import plain_data
from seqbench.utils.errors import SeqbenchError, one_line

RUNNING, UNFINISHED, BROKEN = "running", "unfinished", "broken"
STATES = (*STATUSES, RUNNING, UNFINISHED, BROKEN)
"""Status of a run in a list: that of its record, or one of these: a process runs it now, a process was killed before it
wrote a record, the record cannot be read."""

_NOT_RUNS = (*run_folder.FOLDERS, "slurm")
"""Names of folders that hold no run folder."""


@dataclass(frozen=True)
class StoredRun:
    """A run folder, as a list shows it.

    Args:
        folder: the run folder.
        status: one of ``STATES``.
        reason: reason of the status; empty for ``ok``.
        architecture: name of the architecture, followed by that of its encoder if it is not the default one; empty if
            unknown.
        task: name of the task; empty if unknown.
        tier: tier of the task; empty if unknown.
        seed: seed of the run; None if unknown.
        own: options that differ from the card and from defaults.
        metric: the task's primary metric; empty if unknown.
        score: test score of the primary metric; None without one.
        bytes: size of all files in the folder.
        changed: time of the last change of the record, the checkpoint or the configuration (s since 1970-01-01 UTC).
        trials: names of the trial folders that the record lists.
    """

    folder: Path
    status: str
    reason: str = ""
    architecture: str = ""
    task: str = ""
    tier: str = ""
    seed: int | None = None
    own: Mapping[str, object] = field(default_factory=dict)
    metric: str = ""
    score: float | None = None
    bytes: int = 0
    changed: float = 0.0
    trials: tuple[str, ...] = ()

    @property
    def is_trial(self) -> bool:
        """Whether the run is a trial of a learning rate."""
        return self.seed == TUNING_SEED

    @property
    def finished(self) -> bool:
        """Whether the run has a result: it ended ``ok`` or ``diverged``."""
        return self.status in ("ok", "diverged")

    def age(self, now: float | None = None) -> float:
        """Return the seconds since the last change."""
        return max((time.time() if now is None else now) - self.changed, 0.0)


def find_stored_runs(place: Path) -> list[StoredRun]:
    """Return the runs in a folder and below it, sorted by task, architecture, tier, options and seed.

    Symbolic links are not followed.

    Raises:
        SeqbenchError: there is no such folder.
    """
    if not place.is_dir():
        raise SeqbenchError(f"there is no folder {place}; give the folder of your runs, as --runs named it.")
    runs = [read_stored_run(folder) for folder in _run_folders(place)]
    return sorted(runs, key=lambda run: (run.task, run.architecture, run.tier, repr(dict(run.own)), run.seed or 0))


def _run_folders(place: Path) -> Iterator[Path]:
    """Yield the folders that hold a record or a configuration; folders inside of run folders are not searched.

    A folder without the name of a run folder may hold a copied record, and is searched.
    """
    for name, subfolders, files in os.walk(place):
        folder = Path(name)
        if records.NAME in files or (run_folder.CONFIG in files and _looks_like_a_run(folder, subfolders, files)):
            if has_run_name(folder):
                subfolders.clear()
            yield folder
        subfolders[:] = sorted(name for name in subfolders if not name.startswith(".") and name not in _NOT_RUNS)


def _looks_like_a_run(folder: Path, subfolders: list[str], files: list[str]) -> bool:
    return run_folder.LOCK in files or run_folder.CHECKPOINTS in subfolders


def read_stored_run(folder: Path) -> StoredRun:
    """Return what a list shows of a run folder; a record that cannot be read gives the status ``broken``."""
    size, changed = _size_and_change(folder)
    if not (folder / records.NAME).is_file():
        return _read_unfinished(folder, size, changed)
    try:
        record = records.read_record(folder)
    except SeqbenchError as error:
        return StoredRun(folder, BROKEN, one_line(error, 300), bytes=size, changed=changed)
    running = record.status != "ok" and run_folder.is_locked(folder)
    return _from_record(folder, record, size, changed, running)


def _from_record(folder: Path, record: Record, size: int, changed: float, running: bool) -> StoredRun:
    config = record.config
    encoder = config.encoder
    score = record.results.metrics.get("test", {}).get(config.card.metric)
    classes = {"arch": config.architecture.class_path, **({"encoder": encoder.class_path} if encoder else {})}
    return StoredRun(
        folder=folder,
        status=RUNNING if running else record.status,
        reason="" if running else one_line(record.results.reason or "", 300),
        architecture=config.model,
        task=config.card.name,
        tier=config.card.tier,
        seed=config.seed,
        own=own_options(config.options.to_dict(), config.match_params, classes),
        metric=config.card.metric,
        score=None if score is None else score.value,
        bytes=size,
        changed=changed,
        trials=tuple(trial.run for trial in config.tuning.tried) if config.tuning else (),
    )


def _read_unfinished(folder: Path, size: int, changed: float) -> StoredRun:
    """Return a run without a record: it runs now, or its process was killed."""
    running = run_folder.is_locked(folder)
    status, reason = (RUNNING, "") if running else (UNFINISHED, "its process ended without writing a record")
    options = _read_options(folder)
    if not options:
        reason = f"{run_folder.CONFIG} is no configuration of seqbench"
        return StoredRun(folder, BROKEN, reason, bytes=size, changed=changed)
    task = _name(options.get("task"))
    seed = options.get("seed")
    return StoredRun(
        folder=folder,
        status=status,
        reason=reason,
        architecture=_model(options),
        task=task,
        tier=str(options.get("tier", "")),
        seed=seed if isinstance(seed, int) else None,
        own=own_options(options),
        bytes=size,
        changed=changed,
    )


def _read_options(folder: Path) -> Mapping[str, object]:
    """Return the options in ``config.yaml``; an empty mapping if it is not a configuration of seqbench."""
    try:
        data: object = plain_data.read_yaml(folder / run_folder.CONFIG)
    except SeqbenchError:
        return {}
    if not isinstance(data, Mapping) or not all(_name(data.get(key)) for key in ("arch", "task")):
        return {}
    return dict(data)


def _model(options: Mapping[str, object]) -> str:
    """Return the name of the model that a configuration describes, as a record has it."""
    architecture, encoder, body = _name(options.get("arch")), _name(options.get("encoder")), options.get("body")
    is_default = encoder == default_encoder(architecture)
    return model_name(architecture, None if is_default else encoder, body if isinstance(body, Mapping) else {})


def _name(group: object) -> str:
    name = group.get("name", "") if isinstance(group, Mapping) else ""
    return name if isinstance(name, str) else ""


def _size_and_change(folder: Path) -> tuple[int, float]:
    """Return the size of all files (bytes), and the time of the last change of a file of the run itself."""
    size, changed = 0, 0.0
    own = (records.NAME, run_folder.CONFIG, run_folder.METRICS, Path(run_folder.BEST).name, Path(run_folder.LAST).name)
    for name, _, files in os.walk(folder):
        for file in files:
            try:
                status = os.lstat(os.path.join(name, file))  # noqa: PTH118  # Path is four times slower here.
            except OSError:  # A run that goes on has just removed it.
                continue
            size += status.st_size
            if file in own:
                changed = max(changed, status.st_mtime)
    return size, changed
