"""Draw the validation score over the learning rate: one panel for each row of a task, one line for each rung."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from seqbench.leaderboard.figures.run_figures import COLOURS, figure_settings

COLUMNS = 4
"""Number of panels side by side."""
WIDTH, HEIGHT, ABOVE, BELOW = 8.8, 1.6, 0.55, 0.5
"""Width of the figure, height of a panel with its title, and heights above and below all panels, in inches."""
STYLES = ((0.8, 3.0, 0.55), (1.8, 4.5, 1.0), (2.6, 6.0, 1.0))
"""Width of the line, size of its markers, and opacity, of the first, the second and the later rungs."""
FAR = 3.0
"""Scores further from the best one than this multiple of the distance of the median are outside of the frame."""


def rate_curves(task: Mapping[str, Any]) -> Figure:
    """Return a figure of all searches of a task; a large dot is the trial that decided.

    Args:
        task: the rows of the task, as in ``results/recipes.json``.
    """
    rows = {name: row["search"] for name, row in task["families"].items() if row["search"]}
    columns = min(COLUMNS, max(1, len(rows)))
    lines = max(1, math.ceil(len(rows) / columns))
    height = lines * HEIGHT + ABOVE + BELOW
    with figure_settings():
        figure = Figure(figsize=(WIDTH, height))
        FigureCanvasSVG(figure)
        panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
        figure.subplots_adjust(0.1, BELOW / height, 0.99, 1 - ABOVE / height, wspace=0.1, hspace=0.35)
        for number, panel in enumerate(panels):
            panel.set_visible(number < len(rows))
            panel.xaxis.set_tick_params(labelbottom=number + columns >= len(rows))
        limits = score_limits(rows, task["direction"])
        for panel, (name, search) in zip(panels, rows.items(), strict=False):
            draw_search(panel, name, search, limits, task["direction"])
        better = "higher" if task["direction"] == "max" else "lower"
        metric = next((search["metric"] for search in rows.values()), task["metric"])
        # Two lines are short enough for a single row of panels.
        figure.text(0.012, 0.5, f"{metric},\nvalidation ({better} is better)", rotation=90, va="center", ha="left")
        figure.text(0.54, 0.08 / height, "learning rate", ha="center", va="bottom")
        figure.legend(handles=legend_lines(rows), loc="upper center", ncols=7, borderaxespad=0.2)
    return figure


def save(task: Mapping[str, Any], path: Path) -> None:
    """Write the figure of a task as SVG; equal rows give equal bytes."""
    with figure_settings():
        rate_curves(task).savefig(path, metadata={"Date": None})


def draw_search(axes: Axes, name: str, search: Mapping[str, Any], limits: tuple[float, float], direction: str) -> None:
    """Draw the trials of one search.

    Args:
        axes: the panel.
        name: name of the row.
        search: the search, as in ``results/recipes.json``.
        limits: lowest and highest score of the frame.
        direction: ``max`` or ``min``: which scores are better.
    """
    worst = limits[0] if direction == "max" else limits[1]
    for rung in sorted({trial["rung"] for trial in search["trials"]}):
        trials = [trial for trial in search["trials"] if trial["rung"] == rung]
        known = sorted((t["lr"], t["value"]) for t in trials if t["value"] is not None and not t.get("options"))
        width, size, opacity = STYLES[min(rung, len(STYLES) - 1)]
        colour = COLOURS[rung % len(COLOURS)]
        style: dict[str, Any] = {"color": colour, "alpha": opacity, "markersize": size}
        axes.plot(*zip(*known, strict=True), marker="o", linewidth=width, **style) if known else None
        lost = [trial["lr"] for trial in trials if trial["value"] is None]
        axes.plot(lost, [worst] * len(lost), "x", clip_on=False, color=colour, markersize=6)
        other = [(t["lr"], t["value"]) for t in trials if t["value"] is not None and t.get("options")]
        axes.plot(*zip(*other, strict=True), "D", fillstyle="none", **style) if other else None
    chosen = chosen_trial(search)
    if chosen is not None:
        colour = COLOURS[chosen["rung"] % len(COLOURS)]
        axes.plot([chosen["lr"]], [chosen["value"]], "o", markersize=9, color=colour, clip_on=False)
    bound = " (at the bound)" if search["bound"] else ""
    title = "no rate" if search["lr"] is None else f"{search['lr']:g}{bound}"
    axes.set_title(f"{name}: {title}", fontsize=8.5)
    axes.set_xscale("log")
    axes.set_ylim(limits)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)


def chosen_trial(search: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the longest trial of the chosen rate with the chosen options; None if no rate was chosen.

    >>> trials = [{"lr": 0.1, "rung": 0, "value": 1.0}, {"lr": 0.1, "rung": 1, "value": 2.0}]
    >>> chosen_trial({"lr": 0.1, "options": {}, "trials": trials})["value"]
    2.0
    """
    trials = [
        trial
        for trial in search["trials"]
        if trial["lr"] == search["lr"] and trial["value"] is not None
        if all(search["options"].get(name) == value for name, value in trial.get("options", {}).items())
    ]
    return max(trials, key=lambda trial: (trial["rung"], len(trial.get("options", {}))), default=None)


def score_limits(rows: Mapping[str, Mapping[str, Any]], direction: str) -> tuple[float, float]:
    """Return the lowest and the highest score of the frame: all scores but those that are far worse than most.

    Args:
        rows: the searches by the names of the rows.
        direction: ``max`` or ``min``: which scores are better.
    """
    values = [trial["value"] for row in rows.values() for trial in row["trials"] if trial["value"] is not None]
    if not values:
        return 0.0, 1.0
    best = max(values) if direction == "max" else min(values)
    far = FAR * abs(float(np.median(values)) - best) or abs(best) or 1.0
    near = [value for value in values if abs(value - best) <= far]
    margin = 0.06 * (max(near) - min(near)) or 0.05
    return min(near) - margin, max(near) + margin


def legend_lines(rows: Mapping[str, Mapping[str, Any]]) -> list[Line2D]:
    """Return the entries of the legend: the training steps of each rung, the decision, and what else the panels show.

    Args:
        rows: the searches by the names of the rows.
    """
    trials: Sequence[Mapping[str, Any]] = [trial for row in rows.values() for trial in row["trials"]]
    entries = []
    for rung in sorted({trial["rung"] for trial in trials}):
        steps = sorted({trial["steps"] for trial in trials if trial["rung"] == rung and trial["steps"]})
        width, size, opacity = STYLES[min(rung, len(STYLES) - 1)]
        label = f"{' or '.join(f'{count:,}' for count in steps)} steps" if steps else "whole runs"
        style: dict[str, Any] = {"linewidth": width, "markersize": size, "alpha": opacity}
        entries.append(Line2D([], [], color=COLOURS[rung % len(COLOURS)], marker="o", label=label, **style))
    entries.append(Line2D([], [], color="#555555", marker="o", markersize=9, linewidth=0, label="chosen"))
    if any(trial["value"] is None for trial in trials):
        entries.append(Line2D([], [], color="#555555", marker="x", linewidth=0, label="no score"))
    if any(trial.get("options") for trial in trials):
        style = {"marker": "D", "fillstyle": "none", "linewidth": 0}
        entries.append(Line2D([], [], color="#555555", label="another value of a tuned option", **style))
    return entries
