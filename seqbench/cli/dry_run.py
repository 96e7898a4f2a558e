"""The description of a run that is not started: folder, model, budget, data and expected time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from seqbench.cli.text_tables import align_columns
from seqbench.protocol import records
from seqbench.protocol.config import RunConfig
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted
from seqbench.utils.units import format_duration


def describe_dry_run(config: RunConfig, runs: Path) -> str:
    """Return what a run would do. The model and its data are built, and a few steps are timed; no file is written.

    Args:
        config: configuration of the run.
        runs: folder in which the run's own folder would be created.

    Raises:
        SeqbenchError: the run cannot start.
    """
    from seqbench.models import build  # Imports torch.
    from seqbench.models.weights import count_parameters
    from seqbench.sweep.planning.step_timing import estimate_seconds

    module = build.build_module(config)
    optim = config.optim
    budget = f"{counted(optim.steps, 'step')} of {optim.batch_size}, {optim.optimizer} at rate {optim.lr:g}"
    rows = [
        ("run", f"{config.name}, tier {config.tier}"),
        ("folder", f"{config.folder(runs)} ({_earlier_run(config.folder(runs))})"),
        ("model", f"{counted(count_parameters(module), 'parameter')}; {_list_options(config.arch_options)}"),
        ("task", _list_options(config.task_options)),
        ("data", ", ".join(sorted(config.checksums)) or "generated"),
        ("budget", f"{budget}, validated every {counted(optim.validate_every, 'step')}"),
        ("leaderboards", _describe_changes(config)),
        ("estimate", f"{format_duration(estimate_seconds(config))} on this machine"),
    ]
    return f"{align_columns(rows)}\n\nNothing was trained, and no file was written."


def _earlier_run(folder: Path) -> str:
    """Return the state of an earlier run of this configuration in its folder."""
    if (folder / records.NAME).is_file():
        try:
            return f"holds a run that ended as {records.read_record(folder).status}"
        except SeqbenchError:
            return "holds a record that cannot be read"
    return "holds an unfinished run" if folder.exists() else "does not exist yet"


def _describe_changes(config: RunConfig) -> str:
    changes = config.modified()
    return f"it will not rank, because of changes to the card: {', '.join(changes)}" if changes else "it can rank"


def _list_options(options: Mapping[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in options.items()) or "no options"
