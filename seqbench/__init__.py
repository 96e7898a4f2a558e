"""seqbench: a benchmark suite for sequence architectures.

``run`` trains an architecture on a task and writes a record of the result, ``build`` returns the LightningModule for
your own Trainer, ``data`` returns the data of a task alone, and ``load`` restores the module of a finished run.
Importing this package does not import torch.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seqbench.utils.errors import SeqbenchError
from seqbench.utils.python_wording import python_wording

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from torch import nn

    from seqbench.datamodules.base import SequenceDataModule
    from seqbench.models.context import ModuleContext
    from seqbench.models.module import SequenceModule
    from seqbench.protocol.records import Record
    from seqbench.protocol.run_folder import Existing
    from seqbench.protocol.specs import Batch
    from seqbench.running.runner import Run

__version__ = "0.1.0"
__all__ = [
    "Batch",
    "ModuleContext",
    "Record",
    "Run",
    "SeqbenchError",
    "SequenceModule",
    "build",
    "data",
    "load",
    "plot",
    "records",
    "run",
]

# Progress is logged at level INFO; without a handler of the user's it is not shown.
logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> object:
    """Import the public classes when they are used first: they need pydantic, torch and Lightning."""
    if name == "SequenceModule":
        from seqbench.models.module import SequenceModule

        return SequenceModule
    if name == "ModuleContext":
        from seqbench.models.context import ModuleContext

        return ModuleContext
    if name == "Batch":
        from seqbench.protocol.specs import Batch

        return Batch
    if name == "Record":
        from seqbench.protocol.records import Record

        return Record
    if name == "Run":
        from seqbench.running.runner import Run

        return Run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@python_wording()
def run(
    arch: str | type | Mapping[str, object],
    task: str | Mapping[str, object],
    *,
    encoder: str | type | Mapping[str, object] | None = None,
    tier: str = "small",
    seed: int = 0,
    match_params: int | str | None = None,
    match_tolerance: float | str | None = None,
    optim: Mapping[str, object] | None = None,
    body: Mapping[str, object] | None = None,
    trainer: Mapping[str, object] | None = None,
    logger: str = "wandb",
    wandb: Mapping[str, object] | None = None,
    runs: str | Path = "runs",
    existing: Existing = "error",
    keep: str = "all",
    progress: bool | None = None,
) -> Run:
    """Train an architecture on a task, test it, and write its record.

    ``seqbench.run("gru", {"name": "copy", "delay": 10}, tier="smoke", logger="none")`` takes a few seconds.

    Args:
        arch: name of the architecture or its class, or a mapping with ``name`` and the backbone's options.
        task: name of the task, or a mapping with ``name`` and the task's options.
        encoder: the same as ``arch`` for the encoder of a task on pairs of sequences; None for another one of ``arch``.
        tier: tier of the task's card: ``smoke``, ``small``, ``medium`` or ``paper``.
        seed: determines initialisation, training batches and dropout.
        match_params: number of trainable parameters of the whole module, as a number or as text such as ``"100k"``;
            the width is chosen for it, and where no width fits also the number of heads or layers.
        match_tolerance: largest accepted difference from ``match_params``, such as ``0.05`` or ``"5%"``; None for 2 %.
        optim: changes of the card's optimisation, such as ``{"lr": 1e-3}``; see ``protocol.cards.Optim``.
        body: options of the body around the backbone; see ``protocol.config.SingleOptions`` and ``PairOptions``.
        trainer: where the run runs, such as ``{"devices": 2}``; see ``protocol.config.TrainerOptions``.
        logger: ``wandb``, ``tensorboard``, ``trackio``, ``csv`` or ``none``; several are joined by commas.
        wandb: options of the W&B run, such as ``{"project": "ablation"}``; see ``protocol.logging_options``.
        runs: folder in which the run's own folder is created.
        existing: what to do with an earlier run of this configuration: ``error`` refuses to start, ``resume`` continues
            an unfinished run and returns a finished one, ``overwrite`` deletes the earlier run.
        keep: checkpoints that stay in the folder of a finished run: ``best`` (which ``load`` and verification need),
            ``last``, ``none`` or ``all``.
        progress: whether to show progress on standard error. None shows it in a notebook and in an interactive session,
            unless your program handles the messages of ``logging`` itself.

    Returns:
        The record and the folder that holds it.

    Raises:
        SeqbenchError: a name or an option is wrong, data are missing, or the folder holds an earlier run.
        KeyboardInterrupt: Ctrl-C ended the run; the record and a checkpoint were written before, so that
            ``existing="resume"`` continues the run.
        SystemExit: another signal, such as SIGTERM, ended the run; the exit status is 75.
    """
    from seqbench.utils.supported_system import require_supported_system

    require_supported_system()
    from seqbench.running import python_run, run_config
    from seqbench.running.run_request import RunRequest

    options = {"arch": arch, "task": task, "encoder": encoder, "optim": optim, "body": body, "trainer": trainer}
    request = RunRequest.from_mapping(
        {
            **options,
            "wandb": wandb,
            "tier": tier,
            "seed": seed,
            "match_params": match_params,
            "logger": logger,
            "keep": keep,
            "match_tolerance": match_tolerance,
        }
    )
    return python_run.run_in_python(run_config.resolve_config(request), Path(runs), existing, progress)


@python_wording()
def build(
    arch: str | type | nn.Module | Mapping[str, object],
    task: str | Mapping[str, object],
    *,
    encoder: str | type | Mapping[str, object] | None = None,
    tier: str = "small",
    seed: int = 0,
    match_params: int | str | None = None,
    match_tolerance: float | str | None = None,
    optim: Mapping[str, object] | None = None,
    body: Mapping[str, object] | None = None,
) -> SequenceModule:
    """Return the LightningModule of an architecture on a task, with the task's data and initial weights.

    ``lightning.pytorch.Trainer(max_epochs=5).fit(seqbench.build("gru", "copy"))`` trains it. An epoch is one pass over
    the data, or, for generated data, the training steps between two validations of the card.

    Args:
        arch: name of the architecture, its class or a backbone that you have built, or a mapping with ``name`` and the
            backbone's options; of a backbone, ``d_model`` if it cannot be found.
        task: name of the task, or a mapping with ``name`` and the task's options.
        encoder: the same as ``arch`` for the encoder of a task on pairs of sequences; None for another one of ``arch``.
        tier: tier of the task's card: ``smoke``, ``small``, ``medium`` or ``paper``.
        seed: determines initialisation, training batches and dropout.
        match_params: number of trainable parameters of the whole module, as a number or as text such as ``"100k"``;
            the width is chosen for it, and where no width fits also the number of heads or layers.
        match_tolerance: largest accepted difference from ``match_params``, such as ``0.05`` or ``"5%"``; None for 2 %.
        optim: changes of the card's optimisation, such as ``{"lr": 1e-3}``; see ``protocol.cards.Optim``.
        body: options of the body around the backbone; see ``protocol.config.SingleOptions`` and ``PairOptions``.

    Raises:
        SeqbenchError: a name or an option is wrong, or data are missing.
    """
    from seqbench.models import build, given_backbone
    from seqbench.running import run_config
    from seqbench.running.run_request import RunRequest

    options = {
        "arch": given_backbone.replace_object(arch),
        "task": task,
        "encoder": encoder,
        "optim": optim,
        "body": body,
    }
    request = RunRequest.from_mapping(
        {**options, "tier": tier, "seed": seed, "match_params": match_params, "match_tolerance": match_tolerance}
    )
    return build.build_module(run_config.resolve_config(request, needs_sources=False))


@python_wording()
def data(
    task: str | Mapping[str, object],
    *,
    tier: str = "small",
    seed: int = 0,
    batch_size: int | None = None,
    carry_state: bool | None = None,
) -> SequenceDataModule:
    """Return the data of a task, as a LightningDataModule: for a LightningModule of your own, or without Lightning.

    ``Trainer.fit(your_module, datamodule=seqbench.data("copy"))`` trains on it. Without a Trainer, each loop over
    ``train_dataloader()`` yields the ``Batch`` objects of one epoch, and the next loop those of the next epoch. The
    batches are those of ``seqbench.run`` with the same seed and batch size.

    Args:
        task: name of the task, or a mapping with ``name`` and the task's options.
        tier: tier of the task's card: ``smoke``, ``small``, ``medium`` or ``paper``.
        seed: seed of the training batches; validation and test are the same for every seed.
        batch_size: sequences in one batch; None for the number on the card.
        carry_state: for a task on streams of text: True (the default) yields chunks, each of which continues the one
            before it, for models that carry their state along; False yields overlapping windows, for all others.

    Raises:
        SeqbenchError: a name or an option is wrong, or data are missing.

    >>> import seqbench
    >>> copies = seqbench.data({"name": "copy", "delay": 10}, tier="smoke", batch_size=4)
    >>> for batch in copies.train_dataloader():
    ...     break
    >>> batch.inputs.shape, len(copies.train_dataloader())
    (torch.Size([4, 20]), 200)
    """
    from seqbench.running import data_request

    return data_request.build_task_data(task, tier, seed, batch_size, carry_state)


def load(run: str | Path, arch: type | None = None) -> SequenceModule:
    """Return the module of a finished run with the weights that were tested, in evaluation mode.

    Args:
        run: the run's folder, or its ``result.json``.
        arch: class of the architecture, for a class that was defined in a script, a notebook or a function, or for one
            whose source has changed since the run. Its source is not compared with that of the run.

    Raises:
        SeqbenchError: the folder has no record or no checkpoint, or the source of the architecture has changed.
    """
    from seqbench.running import reload

    return reload.load_module(Path(run), arch)


@python_wording()
def records(*folders: str | Path) -> pd.DataFrame:
    """Return the records in folders as one table: a row for each record, a column for each score, option and cost.

    ``seqbench.records("runs").groupby(["task", "arch"])["value"].mean()`` compares architectures.
    The columns ``value``, ``chance`` and ``best`` belong to the primary metric, which the column ``metric`` names. All
    scores are in columns such as ``test/accuracy``, all options in columns such as ``arch.num_layers``. A record that
    cannot be read is left out with a warning.

    Args:
        folders: folders of runs, run folders or records; none means ``runs``.

    Raises:
        SeqbenchError: a folder does not exist.
    """
    from seqbench.leaderboard.data.record_frame import records_to_frame

    return records_to_frame([Path(folder) for folder in folders or ("runs",)])


@python_wording()
def plot(
    runs: str | Path | Run | Record | Iterable[str | Path | Run | Record],
    out: str | Path | None = None,
    *,
    kind: str = "curves",
    metric: str | None = None,
    split: str | None = None,
    x: str = "steps",
    labels: Mapping[str, str] | None = None,
    log_x: bool = False,
    log_y: bool = False,
    title: str = "",
    width: float = 5.0,
    height: float | None = None,
) -> Figure:
    """Plot learning curves or final scores of runs, with the mean and the 95 % interval over seeds.

    ``seqbench.plot("runs/copy", "curves.pdf")`` draws one line for each architecture. Runs that did not end ``ok``, and
    trials of learning rates, are left out with a warning.

    Args:
        runs: runs, records, run folders or folders of runs, all on one task; one of them or several.
        out: path of an SVG, PDF or PNG file to write; None to write none.
        kind: ``curves`` or ``bars``.
        metric: name of the metric; None for the primary metric of the task, and for the loss on ``train``.
        split: for curves ``validation`` or ``train``, for bars ``test`` or ``validation``; None for the first of them.
        x: horizontal axis of curves: ``steps``, ``seconds`` or ``tokens``.
        labels: names of groups in the figure, such as ``{"gru": "GRU (ours)"}``.
        log_x: whether the horizontal axis is logarithmic.
        log_y: whether the vertical axis is logarithmic.
        title: title above the axes.
        width: width of the figure in inches; a column of a paper is about 3.3 wide.
        height: height of the figure in inches; None chooses one for the content.

    Returns:
        A figure of matplotlib.

    Raises:
        SeqbenchError: the runs do not fit into one figure, or a value is wrong.
    """
    import warnings

    from seqbench.leaderboard.figures import plot_runs
    from seqbench.leaderboard.figures.run_figures import Look

    if out is not None:
        plot_runs.check_format(Path(out))
    look = Look(width, height, title, log_x, log_y)
    request = plot_runs.PlotRequest(kind, metric, split, x, labels or {}, look)
    plotted = plot_runs.plot_runs(plot_runs.collect_places(runs), request)
    for sentence in plotted.runs.left_out:
        warnings.warn(f"left out of the figure: {sentence}", stacklevel=3)
    if out is not None:
        plot_runs.save_figure(plotted.figure, Path(out))
    return plotted.figure
