"""Draw learning curves and bars of final scores with matplotlib, for papers.

Groups differ in colour, dash pattern and marker, so that they can be told apart without colour. The colours are those
of Okabe and Ito (2008), which colour-blind readers can distinguish; their brightness differs as well.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seqbench.leaderboard.figures.figure_data import FinalScore, MeanCurve, References
from seqbench.utils.errors import SeqbenchError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.typing import LineStyleType

COLOURS: tuple[str, ...] = ("#0072B2", "#D55E00", "#009E73", "#000000", "#E69F00", "#CC79A7", "#56B4E9", "#7F7F7F")
DASHES: tuple[LineStyleType, ...] = (
    "-",
    "--",
    "-.",
    ":",
    (0, (5, 1, 1, 1, 1, 1)),
    (0, (8, 2)),
    (0, (3, 1)),
    (0, (1, 2)),
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
MOST_MARKERS = 12
"""A line has about this many markers."""
MOST_GROUPS = 64
"""Largest number of groups: each has its own pair of colour and dash pattern."""
INCHES_PER_LETTER, INCHES_PER_ROW = 0.068, 0.17
"""Estimated width of a letter of the legend, and height of its rows."""

RC: dict[str, object] = {
    "font.size": 9.0,
    "axes.labelsize": 9.0,
    "legend.fontsize": 8.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.4,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # Text stays text, which publishers require.
    "svg.fonttype": "path",
    "svg.hashsalt": "seqbench",  # Without it the identifiers in an SVG are random.
    "axes.unicode_minus": True,
}
"""Settings of matplotlib for all figures."""


@dataclass(frozen=True)
class Look:
    """The size and the texts of a figure.

    Args:
        width: width in inches; a column of a paper is about 3.3 wide, a page 6.9.
        height: height in inches; None chooses one for the content.
        title: title above the axes; empty for none.
        log_x: whether the horizontal axis is logarithmic.
        log_y: whether the vertical axis is logarithmic.
    """

    width: float = 5.0
    height: float | None = None
    title: str = ""
    log_x: bool = False
    log_y: bool = False

    def __post_init__(self) -> None:
        for name, value in (("width", self.width), ("height", self.height)):
            if value is not None and not 1.0 <= value <= 40.0:
                raise SeqbenchError(f"--{name} must be from 1 to 40 inches, got {value:g}.")


@contextlib.contextmanager
def figure_settings() -> Iterator[None]:
    """Apply ``RC`` until the end of the block; the user's own settings of matplotlib have no effect in it."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        for name, value in RC.items():
            mpl.rcParams[name] = value  # type: ignore[index]  # The stubs list the names one by one.
        yield


def draw_curves(curves: Sequence[MeanCurve], references: References, x_label: str, y_label: str, look: Look) -> Figure:
    """Return a figure of mean curves with bands of their 95 % intervals.

    Args:
        curves: the curves; at least one.
        references: chance and best possible score.
        x_label: label of the horizontal axis.
        y_label: label of the vertical axis.
        look: size and texts.

    Raises:
        SeqbenchError: there are too many groups, or a logarithmic axis has a value that is not positive.
    """
    if len(curves) > MOST_GROUPS:
        raise SeqbenchError(f"a figure shows at most {MOST_GROUPS} groups of runs, got {len(curves)}; choose some.")
    _check_positive(look.log_x, [value for curve in curves for value in curve.x], "--log-x")
    _check_positive(look.log_y, [value for curve in curves for value in curve.mean], "--log-y")
    names, note = _names_and_note([(curve.label, curve.seeds) for curve in curves])
    columns = _legend_columns(names, look.width)
    rows = -(-len(names) // columns) + bool(note)
    figure, axes = _empty_figure(look, look.height or 0.56 * look.width + 0.1 + INCHES_PER_ROW * rows)
    for number, (curve, name) in enumerate(zip(curves, names, strict=True)):
        colour, dash, marker = _style(number)
        every = max(len(curve.x) // MOST_MARKERS, 1)
        (line,) = axes.plot(curve.x, curve.mean, color=colour, marker=marker, markersize=3.5, markevery=every)
        line.set(linestyle=dash, label=name)
        if curve.half_width is not None:
            low = [mean - half for mean, half in zip(curve.mean, curve.half_width, strict=True)]
            high = [mean + half for mean, half in zip(curve.mean, curve.half_width, strict=True)]
            axes.fill_between(curve.x, low, high, color=colour, alpha=0.16, linewidth=0)
    axes.set_xscale("log" if look.log_x else "linear")
    axes.set_yscale("log" if look.log_y else "linear")
    _limit(axes, curves, look.log_y)
    _add_references(axes, references, horizontal=True, log=look.log_y)
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    handles, labels = axes.get_legend_handles_labels()
    legend = figure.legend(handles, labels, loc="outside upper center", ncol=columns, handlelength=2.6, title=note)
    legend.get_title().set_fontsize(8.0)
    return figure


def draw_bars(scores: Sequence[FinalScore], references: References, x_label: str, look: Look) -> Figure:
    """Return a figure of horizontal bars of mean scores, with 95 % intervals and a point for each seed.

    Args:
        scores: the final scores; at least one group, the first one on top.
        references: chance and best possible score.
        x_label: label of the axis of scores.
        look: size and texts.

    Raises:
        SeqbenchError: a logarithmic axis has a value that is not positive.
    """
    _check_positive(look.log_x, [value for group in scores for value in group.scores], "--log-x")
    names, note = _names_and_note([(group.label, len(group.scores)) for group in scores])
    figure, axes = _empty_figure(look, look.height or 0.85 + 0.3 * len(scores))
    places = list(range(len(scores)))[::-1]
    means = [group.mean for group in scores]
    axes.barh(places, means, height=0.66, color="#9ecae1", edgecolor="#08519c", linewidth=0.8)
    for place, group in zip(places, scores, strict=True):
        if group.half_width:
            axes.errorbar(group.mean, place, xerr=group.half_width, color="#000000", capsize=2.5, linewidth=1.0)
        offsets = [place + 0.22 - 0.44 * (number + 0.5) / len(group.scores) for number in range(len(group.scores))]
        axes.plot(group.scores, offsets, "o", color="#08519c", markersize=2.4, markeredgewidth=0)
    axes.set_xscale("log" if look.log_x else "linear")
    _add_references(axes, references, horizontal=False, log=look.log_x)
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"{x_label}\n{note}" if note else x_label)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure


def _empty_figure(look: Look, height: float) -> tuple[Figure, Axes]:
    """Return a figure with one pair of axes, made without pyplot, which would keep state of the whole process."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(look.width, height), dpi=200, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if look.title:
        axes.set_title(look.title, fontsize=9.0, parse_math=False, pad=12.0)
    return figure, axes


def _style(number: int) -> tuple[str, LineStyleType, str]:
    """Return colour, dash pattern and marker of a group; no two of ``MOST_GROUPS`` have the same colour and dashes."""
    turn, place = divmod(number, len(COLOURS))
    return COLOURS[place], DASHES[(place + turn) % len(DASHES)], MARKERS[(place + turn) % len(MARKERS)]


def _names_and_note(groups: Sequence[tuple[str, int]]) -> tuple[list[str], str]:
    """Return the names of groups, and one note on the number of seeds if it is the same in all of them.

    Args:
        groups: label and number of seeds of each group.
    """
    groups = [(label.replace("$", r"\$"), seeds) for label, seeds in groups]  # Otherwise it would begin a formula.
    counts = {seeds for _, seeds in groups}
    if len(counts) == 1:
        (seeds,) = counts
        return [label for label, _ in groups], f"mean and 95 % interval of {seeds} seeds" if seeds > 1 else "one seed"
    return [f"{label} ({seeds} seed{'s' * (seeds != 1)})" for label, seeds in groups], "mean and 95 % interval"


def _legend_columns(names: Sequence[str], width: float) -> int:
    """Return the number of columns of a legend that fit into so many inches."""
    longest = max(map(len, names))
    return min(max(int(width / (0.6 + INCHES_PER_LETTER * longest)), 1), len(names))


def _check_positive(log: bool, values: Sequence[float], option: str) -> None:
    if log and min(values) <= 0:
        raise SeqbenchError(f"{option} needs values above 0, but one is {min(values):g}; leave it out.")


def _limit(axes: Axes, curves: Sequence[MeanCurve], log: bool) -> None:
    """Limit the vertical axis to the means: the interval of two very different seeds is far wider than the scores."""
    values = [value for curve in curves for value in curve.mean]
    low, high = min(values), max(values)
    if log:
        axes.set_ylim(low / 1.25, high * 1.25)
        return
    margin = 0.15 * (high - low) or 0.1 * abs(high) or 1.0
    axes.set_ylim(low - margin, high + margin)


def _add_references(axes: Axes, references: References, horizontal: bool, log: bool) -> None:
    """Add lines at chance and at the best possible score, unless the axis would become more than twice as long.

    Args:
        axes: the axes with all marks.
        references: the scores.
        horizontal: whether the lines are horizontal, because scores are on the vertical axis.
        log: whether the axis of scores is logarithmic.
    """
    low, high = axes.get_ylim() if horizontal else axes.get_xlim()
    reach = high - low
    known: list[tuple[float | None, str, LineStyleType]] = [
        (references.chance, "chance", (0, (4, 3))),
        (references.best, "best possible", "-"),
    ]
    for value, name, dash in known:
        if value is None or not low - reach <= value <= high + reach or (log and value <= 0):
            continue
        draw = axes.axhline if horizontal else axes.axvline
        draw(value, color="#555555", linewidth=0.9, linestyle=dash, zorder=0.5)
        axes.annotate(
            name,
            (1.0, value) if horizontal else (value, 1.0),
            xycoords=axes.get_yaxis_transform() if horizontal else axes.get_xaxis_transform(),
            xytext=(0.0, 2.0),
            textcoords="offset points",
            ha="right" if horizontal else "center",
            va="bottom",
            fontsize=7.0,
            color="#555555",
        )
        low, high = min(low, value - 0.06 * reach), max(high, value + 0.06 * reach)
    if not log:
        (axes.set_ylim if horizontal else axes.set_xlim)(low, high)
