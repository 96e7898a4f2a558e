"""Find the earlier run that is nearest to a configuration, and state how the two differ."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from seqbench.protocol import records, run_folder
from seqbench.protocol.config import RunConfig
from seqbench.protocol.differences import find_differences
from seqbench.protocol.identity.source_changes import list_changes
from seqbench.utils import plain_data
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import short_repr

MOST_SHOWN = 4
"""Largest number of differences that a sentence names."""

NOT_COMPARED = ("logger", "wandb", "trainer", "tier")
"""Groups of options that are not part of the digest, and the tier, whose settings are compared."""


@dataclass(frozen=True)
class NearestRun:
    """An earlier run of the same architecture on the same task.

    Args:
        name: name of its folder.
        differences: each difference in words: ``arch.num_layers (2, now 3)``.
    """

    name: str
    differences: tuple[str, ...]

    def describe(self) -> str:
        """Return the run and its differences in words."""
        if not self.differences:
            return f"{self.name}, which has the same options but other code or data"
        shown = ", ".join(self.differences[:MOST_SHOWN])
        more = len(self.differences) - MOST_SHOWN
        return f"{self.name}, which differs in {shown}" + (f" and {more} more" if more > 0 else "")


def explain_new_start(config: RunConfig, runs: Path) -> str | None:
    """Return why a run that should be resumed starts anew; None if its folder holds an earlier attempt.

    Args:
        config: configuration of the run.
        runs: folder of all runs.
    """
    folder = config.folder(runs)
    if (folder / records.NAME).is_file() or (folder / run_folder.CHECKPOINTS).is_dir():
        return None
    nearest = find_nearest_run(config, runs)
    found = f"the nearest is {nearest.describe()}; " if nearest else ""
    return f"no earlier run of this configuration in {folder.parent}; {found}starting anew"


def find_nearest_run(config: RunConfig, runs: Path, ignored: Collection[Path] = ()) -> NearestRun | None:
    """Return the run of the same architecture and task with the fewest differences; None if there is no other run.

    Args:
        config: configuration of a run.
        runs: folder of all runs.
        ignored: folders that are not compared.
    """
    own = config.folder(runs)
    found = []
    for path in sorted(own.parent.glob(f"*/{run_folder.CONFIG}")):
        if path.parent == own or path.parent in ignored:
            continue
        try:
            found.append(NearestRun(path.parent.name, tuple(_list_differences(config, path))))
        except SeqbenchError:  # A file that cannot be read is no run to compare with.
            continue
    return min(found, key=lambda run: len(run.differences), default=None)


def _list_differences(config: RunConfig, path: Path) -> list[str]:
    """Return the differences from the run with this ``config.yaml``, and from its record if there is one."""
    earlier, now = plain_data.read_yaml(path), _compared(config.options())
    if not isinstance(earlier, Mapping):
        raise SeqbenchError(f"{path} holds no options.")
    lines = [
        f"{one.where} ({short_repr(one.recorded)}, now {short_repr(one.computed)})"
        for one in find_differences(_compared(earlier), now)
    ]
    precision = earlier.get("trainer", {}).get("precision") if isinstance(earlier.get("trainer"), Mapping) else None
    if precision != config.trainer.precision:
        lines.append(f"trainer.precision ({precision}, now {config.trainer.precision})")
    record_path = path.parent / records.NAME
    return lines + (_list_recorded_differences(config, record_path) if record_path.is_file() else [])


def _list_recorded_differences(config: RunConfig, path: Path) -> list[str]:
    """Return differences that only the record knows: the card, the data and the source of the architecture."""
    described = records.read_record(path).config
    lines = []
    if described.card.tier == config.tier and described.card.digest != config.card_digest():
        lines.append(f"the card of {config.card.name}")
    if sorted(described.data.values()) != sorted(config.checksums.values()):
        lines.append("the data files")
    for name, files in config.class_files.items():
        if name in described.sources:
            lines += [f"the source {change}" for change in list_changes(described.sources[name].files, files)]
    return lines


def _compared(options: Mapping[str, object]) -> dict[str, object]:
    """Return the options that the digest covers, without the folder of the data."""
    kept = {key: value for key, value in options.items() if key not in NOT_COMPARED}
    task = kept.get("task")
    if isinstance(task, Mapping):
        kept["task"] = {key: value for key, value in task.items() if key not in ("data_dir", "source")}
    return kept
