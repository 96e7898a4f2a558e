"""Plot runs: read the records, draw the figure, and write it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from seqbench.leaderboard.figures import figure_data, run_figures
from seqbench.leaderboard.figures.figure_data import SPLITS, X_AXES
from seqbench.leaderboard.figures.run_figures import Look
from seqbench.leaderboard.figures.run_groups import FigureRuns, read_figure_runs
from seqbench.protocol.records import Record
from seqbench.protocol.splits import SCORED_SPLITS
from seqbench.utils import atomic_files
from seqbench.utils.errors import NotAtHand, SeqbenchError, did_you_mean
from seqbench.utils.plain_data import short_repr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = ("curves", "bars")
FORMATS = ("svg", "pdf", "png")
X_LABELS = {"steps": "training steps", "seconds": "training time (s)", "tokens": "training tokens"}


@dataclass(frozen=True)
class PlotRequest:
    """The figure that a user wants.

    Args:
        kind: ``curves`` or ``bars``.
        metric: name of the metric; None for the primary metric of the task, and for the loss on ``train``.
        split: for curves ``validation`` or ``train``, for bars ``test`` or ``validation``; None for the first of them.
        x: horizontal axis of curves, one of ``X_AXES``.
        labels: names of groups in the figure, by their own label.
        look: size and texts.

    Raises:
        SeqbenchError: a name is unknown.
    """

    kind: str = "curves"
    metric: str | None = None
    split: str | None = None
    x: str = "steps"
    labels: Mapping[str, str] = field(default_factory=dict)
    look: Look = field(default_factory=Look)

    def __post_init__(self) -> None:
        splits = SPLITS if self.kind == "curves" else SCORED_SPLITS
        for option, value, known in (
            ("--kind", self.kind, KINDS),
            ("--x", self.x, X_AXES),
            (f"--split of {self.kind}", self.split, splits),
        ):
            if value is not None and value not in known:
                raise SeqbenchError(f"{option} must be one of {', '.join(known)}, got '{value}'.")
        if self.kind == "bars" and self.x != "steps":
            raise SeqbenchError("--x belongs to --kind curves; leave it out.")
        if self.kind == "bars" and self.look.log_y:
            raise SeqbenchError("the scores of bars are on the horizontal axis; write --log-x instead of --log-y.")


@dataclass(frozen=True)
class Plotted:
    """A figure, and what is not in it.

    Args:
        figure: the figure.
        runs: the runs that it shows.
    """

    figure: Figure
    runs: FigureRuns


def plot_runs(places: Iterable[Path | Record], request: PlotRequest) -> Plotted:
    """Draw the figure of some runs.

    Args:
        places: folders of runs, run folders, record files, or records.
        request: what to draw.

    Raises:
        SeqbenchError: the runs do not fit into one figure, a name is unknown, or matplotlib is missing.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise NotAtHand(f"plots need matplotlib ({error}); run `pip install matplotlib`.") from error
    runs = read_figure_runs(places, request.labels)
    with run_figures.figure_settings():
        draw = _draw_curves if request.kind == "curves" else _draw_bars
        figure = draw(runs, request)
        figure.draw_without_rendering()  # The layout is computed with these settings.
    return Plotted(figure, runs)


def collect_places(given: object) -> list[Path | Record]:
    """Return what ``plot_runs`` takes, from what a user gives in Python: paths, records, runs, or several of them.

    Raises:
        SeqbenchError: an object is none of these.
    """
    if isinstance(given, str | Path):
        return [Path(given)]
    if isinstance(given, Record):
        return [given]
    record = getattr(given, "record", None)  # A ``Run``, whose module imports torch.
    if isinstance(record, Record):
        return [record]
    if isinstance(given, Iterable):
        return [place for one in given for place in collect_places(one)]
    raise SeqbenchError(f"expected runs, records or folders of runs, got {short_repr(given)}.")


def _draw_curves(runs: FigureRuns, request: PlotRequest) -> Figure:
    split = request.split or "validation"
    metric = request.metric or (runs.metric if split == "validation" else "loss")
    curves = figure_data.mean_curves(runs, metric, split, request.x)
    references = figure_data.References(None, None)
    if split == "validation":
        references = figure_data.reference_lines(runs, metric, split)
    return run_figures.draw_curves(curves, references, X_LABELS[request.x], _axis_text(split, metric), request.look)


def _draw_bars(runs: FigureRuns, request: PlotRequest) -> Figure:
    split, metric = request.split or "test", request.metric or runs.metric
    scores = figure_data.final_scores(runs, metric, split)
    references = figure_data.reference_lines(runs, metric, split)
    better = "higher" if figure_data.higher_is_better(runs, metric) else "lower"
    return run_figures.draw_bars(scores, references, f"{_axis_text(split, metric)} ({better} is better)", request.look)


def _axis_text(split: str, metric: str) -> str:
    """Return the label of an axis of scores: ``validation bits per character``, ``training loss``."""
    return f"{'training' if split == 'train' else split} {metric.replace('_', ' ').replace('$', '')}"


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as SVG, PDF or PNG; equal figures give equal bytes, because no date is written.

    Raises:
        SeqbenchError: the name has another ending, or the file cannot be written.
    """
    check_format(path)
    ending = path.suffix[1:].lower()
    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[ending]
    data = io.BytesIO()
    with run_figures.figure_settings():
        figure.savefig(data, format=ending, metadata=dates)
    atomic_files.write_bytes(path, data.getvalue())


def check_format(path: Path) -> None:
    """Check the ending of a file's name, and its folder.

    Raises:
        SeqbenchError: it is not one of ``FORMATS``, or the folder does not exist.
    """
    ending = path.suffix[1:].lower()
    if ending not in FORMATS:
        raise SeqbenchError(f"--out must end in .svg, .pdf or .png, got '{path}'.{did_you_mean(ending, FORMATS)}")
    if not path.parent.is_dir():
        raise SeqbenchError(f"there is no folder {path.parent} for {path.name}; create it first.")
