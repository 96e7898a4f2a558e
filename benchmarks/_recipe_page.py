"""Write the tables of ``docs/recipes.md`` and draw the score over the learning rate of each task.

The page is prose by hand. The lines between ``<!-- recipe of TASK -->`` and ``<!-- end -->`` are written from the card
of the task and from ``results/recipes.json``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from benchmarks import _rate_scores
from seqbench.leaderboard.figures.run_figures import COLOURS
from seqbench.protocol.cards import Card, Optim, load_card
from seqbench.utils.number_format import format_number

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "recipes.md"
SECTION = re.compile(r"(<!-- recipe of ([\w.+-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def write_page(tasks: Mapping[str, Any]) -> None:
    """Write the figure of each measured task, and the generated parts of the page."""
    mpl.rcParams["svg.hashsalt"] = "seqbench"
    for name, task in tasks.items():
        path = DOCS / "figures" / f"recipes-{name}.svg"
        rate_curves(task).savefig(path, metadata={"Date": None})
        print(f"wrote docs/figures/{path.name}")
    PAGE.write_text(page_text(PAGE.read_text(encoding="utf-8"), tasks), encoding="utf-8")
    print("wrote docs/recipes.md")


def page_text(page: str, tasks: Mapping[str, Any]) -> str:
    """Return the page with the generated part of each task made anew."""

    def section(found: re.Match[str]) -> str:
        name = found[2]
        return f"{found[1]}\n{task_section(load_card(name), tasks.get(name))}\n{found[3]}"

    return SECTION.sub(section, page)


def task_section(card: Card, task: Mapping[str, Any] | None) -> str:
    """Return the recipe of a task at the tier ``small``, and a table and a figure of what was measured, if anything."""
    tier = card.tier(_rate_scores.TIER)
    options = {**tier.arch, **{f"body.{name}": value for name, value in tier.body.items()}}
    options.pop("d_model", None)
    lines = [
        f"- training: {describe_optim(tier.optim)}",
        f"- learning rates: {', '.join(f'{rate:g}' for rate in tier.learning_rates)}; "
        f"{tier.optim.lr:g} where none is searched",
        *(
            f"- tuned at the best rate: `{name}` of {', '.join(f'{value:g}' for value in values)}"
            for name, values in sorted(tier.tuned.items())
        ),
        f"- options of all families that have them: {_options(options) or 'none; the defaults of each family'}",
        *(f"- options of `{name}`: {_options(own)}" for name, own in tier.architectures.items()),
        *(f"- training of `{name}`: {_options(own)}" for name, own in tier.optims.items()),
        "",
    ]
    if task is None:
        return "\n".join([*lines, f"Not measured yet: `python -m benchmarks.recipes {card.name}`.", ""])
    metric = card.metric.name
    lines += [
        f"| family | `{metric}`, test | validation | best rate | rates tried | seeds | parameters | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *(family_row(name, cells, task) for name, cells in task["families"].items() if cells),
        "",
        f"![Validation score over the learning rate on {card.name}](figures/recipes-{card.name}.svg)",
        "",
    ]
    return "\n".join(lines)


def family_row(name: str, cells: list[dict[str, Any]], task: Mapping[str, Any]) -> str:
    """Return the row of a family: its scores at its best rate, and what was tried."""
    validation = _rate_scores.mean_scores(cells, "validation", task["metric"])
    best = _rate_scores.best_rate(validation, task["direction"])
    rates = ", ".join(f"{rate:g}" for rate in validation)
    if best is None:
        return f"| `{name}` | none | none | none | {rates} | | {cells[0]['parameters']:,} | |"
    chosen = [cell for cell in cells if cell["lr"] == best]
    test = _rate_scores.mean_scores(chosen, "test", task["metric"])[best]
    edge = _rate_scores.further_rate(validation, task["direction"]) is not None
    seconds = sum(cell["seconds"] for cell in chosen) / len(chosen)
    shown = [_score(test), _score(validation[best]), f"{best:g}{' (at an end)' if edge else ''}", rates]
    return f"| `{name}` | {' | '.join(shown)} | {len(chosen)} | {chosen[0]['parameters']:,} | {seconds:.0f} |"


def describe_optim(optim: Optim) -> str:
    """Return the training of a tier in words.

    >>> describe_optim(Optim(2000, 32, 100, 1e-3, optimizer="adamw", schedule="cosine", warmup=100, clip=1.0))
    '2,000 steps of 32, adamw with weight decay 0, warm-up over 100 steps, then cosine, gradient clipped at 1'
    """
    warmup = f"warm-up over {optim.warmup} steps, then " if optim.warmup else ""
    clip = f"gradient clipped at {optim.clip:g}" if optim.clip else "no clipping"
    return (
        f"{optim.steps:,} steps of {optim.batch_size}, {optim.optimizer} with weight decay {optim.weight_decay:g}, "
        f"{warmup}{optim.schedule}, {clip}"
    )


def rate_curves(task: Mapping[str, Any]) -> Figure:
    """Draw the validation score of each family over the learning rate; a larger dot is the rate that is chosen."""
    figure = Figure(figsize=(7.2, 3.8), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    for number, (name, cells) in enumerate(task["families"].items()):
        scores = _rate_scores.mean_scores(cells, "validation", task["metric"])
        known = {rate: score for rate, score in scores.items() if score is not None}
        best = _rate_scores.best_rate(scores, task["direction"])
        if best is None:
            continue
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(list(known), list(known.values()), marker="o", markersize=3, linewidth=1.2, color=colour, label=name)
        axes.plot([best], [known[best]], marker="o", markersize=8, color=colour)
    axes.set_xscale("log")
    better = "higher" if task["direction"] == "max" else "lower"
    axes.set(xlabel="learning rate", ylabel=f"{task['metric']}, validation\n({better} is better)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def _score(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def _options(options: Mapping[str, object]) -> str:
    return ", ".join(
        f"`{name}` {format_number(value) if isinstance(value, float) else value}" for name, value in options.items()
    )
