"""Earlier runs of an architecture that were trained with other source code than the present one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from seqbench.protocol import records
from seqbench.protocol.config import RunConfig
from seqbench.protocol.identity.package_sources import SEQBENCH, distribution_digest
from seqbench.protocol.identity.source_changes import MOST_FILES, list_changes
from seqbench.protocol.record_fields import SourceDescription
from seqbench.utils.errors import SeqbenchError

Sources = Mapping[str, SourceDescription]
"""Sources in a record, by their owner."""


def describe_earlier_sources(config: RunConfig, runs: Path) -> str:
    """Return a sentence on earlier runs of an architecture with other source code; empty if there is none.

    A class that is given by its path has other run folders after an edit, so its earlier runs are not used. The runs of
    a registered architecture keep their folders, so they count as finished.

    Args:
        config: configuration of a run.
        runs: folder of all runs.
    """
    found = _recorded_sources(config, runs)
    if config.class_files:
        changes = [changed for sources in found if (changed := _changes_of_classes(config, sources))]
        if changes:
            files = sorted({file for changed in changes for file in changed})
            shown = f"{'; '.join(files[:MOST_FILES])}{'; ...' if len(files) > MOST_FILES else ''}"
            return f"{_count(len(changes))} of {config.model} had another source ({shown}); not used"
    for entry in (config.arch_entry, config.encoder_entry):
        owner = entry.distribution if entry else None
        # The source of seqbench changes often; a change of a task or of a built-in architecture has a new version.
        if entry and owner and owner != SEQBENCH:
            now = distribution_digest(owner, (entry.value.partition(":")[0],))
            other = [owner for sources in found if owner in sources and sources[owner].digest != now]
            if other:
                return (
                    f"{_count(len(other))} of {config.model} had another source of {owner}, and a finished run is not "
                    f"repeated; add --overwrite to a run, or delete the folders, to train again"
                )
    return ""


def _changes_of_classes(config: RunConfig, sources: Sources) -> list[str]:
    """Return the files in which the classes of a record differ from those of a configuration."""
    known = [name for name in config.class_files if name in sources]
    return [change for name in known for change in list_changes(sources[name].files, config.class_files[name])]


def _recorded_sources(config: RunConfig, runs: Path) -> list[Sources]:
    """Return the sources in each record of the same architecture, task and tier."""
    found: list[Sources] = []
    for path in sorted(config.folder(runs).parent.glob(f"{config.tier}-s*/{records.NAME}")):
        try:
            found.append(records.read_record(path).config.sources)
        except SeqbenchError:  # A record that cannot be read is not used either.
            continue
    return found


def _count(runs: int) -> str:
    return f"{runs} earlier run{'s' * (runs != 1)}"
