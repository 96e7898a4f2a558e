"""What the pages of a board say alike, whatever their form: figures, names of columns, marks and their reasons."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqbench.leaderboard.pages import number_format
from seqbench.leaderboard.selection import task_rows
from seqbench.utils import errors

RANK_ERRORS = (
    "Where scores scatter normally, one board in twenty tells rows apart that are the same; on a task that a seed "
    "either solves or fails, three seeds err far more often (about one board in four, where each seed has even odds), "
    "and five on a few percent."
)
"""How often ranks mislead, as ``python -m benchmarks.ranking`` counts it."""


@dataclass(frozen=True)
class Column:
    """A column of a board: its title, what it is, and how its values are written; text as it is."""

    key: str
    title: str
    meaning: str
    written: Callable[[float], str] | None = None


COLUMNS = {
    column.key: column
    for column in (
        Column("parameters", "Parameters", "trainable parameters of the whole model", number_format.format_count),
        Column("state_bytes", "State", "bytes that one sequence carries from step to step", number_format.format_bytes),
        Column("flops_per_token", "FLOPs/token", "of a forward pass", number_format.format_count),
        Column(
            "tokens_per_second", "Training tokens/s", "while training, on the device named", number_format.format_count
        ),
        Column(
            "decode_tokens_per_second",
            "Decode tokens/s",
            "step by step, on the device named",
            number_format.format_count,
        ),
        Column("peak_memory_bytes", "Peak memory", "of the whole run", number_format.format_bytes),
        Column("seconds", "Time", "of the whole run, evaluation included", number_format.format_time),
        Column("device", "Device", "on which it ran"),
        Column("lr", "Learning rate", "that was used"),
        Column("tried", "Rates tried", "learning rates tried before, on validation", number_format.format_count),
        Column("distribution", "Distribution", "that offers the architecture, and its version"),
    )
}
"""The columns of ``board.COLUMNS``; costs are means over seeds."""

_UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
"""Characters that are not seen, or that turn the order of those that are."""


def one_line(text: Any) -> str:
    """A stranger's text in one line, with a mark in the place of what cannot be seen."""
    return _UNSEEN.sub("\ufffd", errors.one_line(text))


def figure(value: float | None) -> str:
    """A score to four digits, also where they are zeros: ``0.9700``; empty for none."""
    if value is None:
        return ""
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e4:
        return f"{value:#.4g}".rstrip(".")
    return f"{value:.4g}" if abs(value) >= 1e4 else f"{value:.2e}"


def given(value: float) -> str:
    """A figure that somebody published, with no digit that is not theirs."""
    return f"{value:.6g}"


def spread(mean: float | None, half_width: float | None) -> str:
    """A mean and half of its interval: ``0.9700 ± 0.0098``; the mean alone where one seed says nothing of spread."""
    if mean is None or half_width is None:
        return figure(mean)
    return f"{figure(mean)} ± {f'{half_width:#.2g}'.rstrip('.') if half_width else 0}"


def interval(low: float | None, high: float | None) -> str:
    """``0.945 to 0.966``; empty where unknown."""
    return "" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def signed(value: float | None) -> str:
    """A difference to two digits, with its sign."""
    return "" if value is None else f"{value:+.2g}" if value else "0"


def cost(column: str, value: Any) -> str:
    """A cell of one of the board's columns, in human units; empty where unknown."""
    if value is None or isinstance(value, str):
        return one_line(value or "")
    if column in ("parameters", "tried") and abs(value) < 1e15:
        return f"{value:,.0f}"
    return (COLUMNS[column].written or number_format.format_count)(value)


def solved(row: Mapping[str, Any]) -> str:
    """``2/3``: how many of a row's seeds solved the task; empty where that cannot be said."""
    return "" if row.get("solved") is None else f"{row['solved']}/{len(row['seeds'])}"


def marks(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What must be said of a row beside its score: a few words, and the reason, which may be empty."""
    said = []
    if row["state"] != task_rows.RANKED:
        said.append((str(row["state"]), one_line(row["reason"])))
    diverged = [seed for seed in row["seeds"] if seed["status"] == "diverged"]
    if diverged:
        reasons = "; ".join(
            f"seed {seed['seed']}: {one_line(seed['reason']) or 'no reason given'}" for seed in diverged
        )
        said.append((f"{len(diverged)} diverged", f"{reasons}; counted as chance"))
    if row.get("below_chance"):
        said.append(("below chance", ""))
    elif row.get("above_chance") is False:
        said.append(("not clearly above chance", ""))
    return said


def common(task: Mapping[str, Any], columns: Sequence[str]) -> dict[str, str]:
    """Columns that say the same in all rows (two or more), and what: these are better said once, below a table."""
    cells = [row["costs"] for row in task["rows"] if row.get("costs")]
    if len(cells) < 2:
        return {}
    found = {column: {cost(column, costs.get(column)) for costs in cells} for column in columns}
    return {column: next(iter(values)) for column, values in found.items() if len(values) == 1}


def lines(task: Mapping[str, Any]) -> list[tuple[str, float, str]]:
    """The references of a task, each with its score and whose it is: best possible or anchor, baselines, chance."""
    found = []
    if task["best"] is not None:
        found.append(("best possible", task["best"], ""))
    elif task["anchor"] is not None:
        found.append(("anchor", task["anchor"], one_line(task["anchor_source"])))
    found += [(f"baseline {one_line(name)}", value, "") for name, value in task["baselines"].items()]
    return found + ([("chance", task["chance"], "")] if task["chance"] is not None else [])


def published(task: Mapping[str, Any]) -> dict[str, str]:
    """The published figures of a task by architecture; several of one are joined."""
    found: dict[str, list[str]] = {}
    for item in task["published"]:
        found.setdefault(item["architecture"], []).append(given(item["value"]))
    return {name: ", ".join(values) for name, values in found.items()}


def beside(task: Mapping[str, Any]) -> str:
    """The metrics that stand beside the one that decides, with their lines; empty for none."""
    said = []
    for line in task["secondary"]:
        known = [("chance", line["chance"]), ("best possible", line["best"])]
        lines = ", ".join(f"{name} {given(value)}" for name, value in known if value is not None)
        said.append(f"{one_line(line['metric'])} ({lines})" if lines else one_line(line["metric"]))
    return f"beside the score {', '.join(said)}, by which nobody ranks" if said else ""


def secondary(row: Mapping[str, Any], metric: str) -> str:
    """A row's figure of a metric that does not decide; empty where it has none."""
    found = row.get("secondary", {}).get(metric)
    return spread(found["mean"], found["half_width"]) if found else ""


def better(direction: str) -> str:
    """In words, which way a metric is better."""
    return "higher is better" if direction == "max" else "lower is better"


def cell_task(cell: Mapping[str, Any]) -> str:
    """What a published row is of, beside its name: the metric, its direction, and the setting."""
    return ", ".join(filter(None, (one_line(cell["metric"]), better(cell["direction"]), setting(cell))))


def setting(cell: Mapping[str, Any]) -> str:
    """Under which a figure was published, and what of our seeds stands beside it where that is not their mean."""
    ours = "ours is the best of our seeds" if cell["statistic"] == "best" else ""
    return "; ".join(filter(None, (one_line(cell["setting"]), ours)))


def best_of(cell: Mapping[str, Any]) -> str:
    """``best of 3 seeds``, beside such a figure of ours; empty for a mean."""
    if cell["statistic"] != "best" or cell["ours"] is None:
        return ""
    return f"best of {cell['seeds']} seed{'s' * (cell['seeds'] != 1)}"


def ours(cell: Mapping[str, Any]) -> str:
    """Our figure beside a published one: ``8.450 ± 0.64``, or ``1.000, best of 3 seeds``; empty for none."""
    return ", ".join(filter(None, (spread(cell["ours"], cell["half_width"]), best_of(cell))))


def parameters(cell: Mapping[str, Any]) -> str:
    """How large our model is, to the last parameter: the published table says how large theirs was."""
    return cost("parameters", cell["parameters"])


def deviations(cells: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """By task, where the tier departs from the published recipe, as its card says."""
    return {cell["task"]: [one_line(text) for text in cell["deviations"]] for cell in cells if cell["deviations"]}
