"""seqbench: sequence architectures on sequence tasks, with numbers that can be believed.

From Python as from the shell: ``run`` trains and records, ``build`` makes a LightningModule for anyone's own
Trainer, ``load`` brings a finished run's module back. Importing this package imports no torch.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqbench.models.module import SequenceModule
    from seqbench.protocol.run_folder import Existing
    from seqbench.running.runner import Run

__version__ = "0.1.0"
__all__ = ["build", "load", "run"]

# Progress is logged at level INFO; without a handler of the user's it is not shown.
logging.getLogger(__name__).addHandler(logging.NullHandler())


def run(
    arch: str | Mapping[str, Any],
    task: str | Mapping[str, Any],
    *,
    match_params: int | str | None = None,
    runs: str | Path = "runs",
    existing: Existing = "error",
    **options: Any,
) -> Run:
    """Train an architecture on a task, test it, and write its record.

    Args:
        arch: a name, or a mapping with ``name`` and the backbone's options.
        task: a name, or a mapping with ``name`` and the task's options.
        match_params: trainable parameters of the whole module, as a number or ``"100k"``; chooses the width.
        runs: folder under which the run's own is made.
        existing: what to do with an earlier run of this configuration: ``error`` refuses to start, ``resume`` continues
            an unfinished run and returns a finished one, ``overwrite`` deletes the earlier run.
        options: ``tier``, ``seed``, ``logger``, and the mappings ``optim``, ``body`` and ``trainer``.

    Returns:
        The record and the folder that holds it.

    Raises:
        SeqbenchError: a name or option is wrong, data is missing, or the folder holds an earlier run.
    """
    from seqbench.running import run_config, runner
    from seqbench.running.run_request import RunRequest

    request = RunRequest.from_mapping({"arch": arch, "task": task, "match_params": match_params, **options})
    return runner.run(run_config.resolve_config(request), Path(runs), existing)


def build(
    arch: str | Mapping[str, Any],
    task: str | Mapping[str, Any],
    *,
    match_params: int | str | None = None,
    **options: Any,
) -> SequenceModule:
    """Make the LightningModule of an architecture on a task, with the task's data and initial weights.

    ``lightning.pytorch.Trainer(max_steps=500).fit(seqbench.build("gru", "copy"))`` trains it.

    Args:
        arch: a name, or a mapping with ``name`` and the backbone's options.
        task: a name, or a mapping with ``name`` and the task's options.
        match_params: trainable parameters of the whole module, as a number or ``"100k"``; chooses the width.
        options: ``tier``, ``seed``, and the mappings ``optim`` and ``body``.

    Raises:
        SeqbenchError: a name or option is wrong, or data is missing.
    """
    from seqbench.models import build
    from seqbench.running import run_config
    from seqbench.running.run_request import RunRequest

    request = RunRequest.from_mapping({"arch": arch, "task": task, "match_params": match_params, **options})
    return build.build_module(run_config.resolve_config(request))


def load(run: str | Path) -> SequenceModule:
    """The module of a finished run, with the weights that were scored, in evaluation mode.

    Args:
        run: the run's folder, or its ``result.json``.

    Raises:
        SeqbenchError: there is no record or no checkpoint there.
    """
    from seqbench.running import reload

    return reload.load_module(Path(run))
