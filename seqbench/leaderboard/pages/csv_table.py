"""A board as one long table, a line for each seed: for pandas, R and spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from seqbench.leaderboard.data.board_card import COLUMNS
from seqbench.leaderboard.pages.wording import visible_line

Cell = str | float | None

ROW = ("mean", "half_width", "above_chance", "solved")
"""Of all seeds of a row, repeated on each of their lines."""

SEED = ("seed", "status", "value", "score", "record", "checksum", "verified")
NAMES = (
    *("task", "tier", "metric", "direction", "label", "architecture", "distribution", "state", "reason", "rank"),
    *(*SEED[:4], *ROW, "chance", "best", "anchor"),
    *(column for column in COLUMNS if column != "distribution"),
    *SEED[4:],
)
"""The columns. ``value`` is a seed's test score, ``score`` its place between chance (0) and the best possible or the
anchor (1); costs (bytes, seconds, FLOPs) are means over the row's seeds. After them come a board's secondary metrics,
each seed's own: ``test_accuracy_longer``."""

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""A text that begins so may be run by a spreadsheet, the wide letters in some languages."""


def render_csv(document: Mapping[str, Any]) -> str:
    r"""A board as CSV (RFC 4180, but for lines that end in ``\n``), in UTF-8 with a header.

    A row without records has one line, without a seed. Floats have all their digits; booleans are ``true`` and
    ``false``; what is unknown is empty. A text that a spreadsheet would take for a formula has ``'`` before it.

    Args:
        document: of ``document.make``.
    """
    names, lines = csv_rows(document)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_written(line.get(name)) for name in names] for line in lines)
    return out.getvalue()


def csv_rows(document: Mapping[str, Any]) -> tuple[list[str], list[dict[str, Cell]]]:
    """The same as data: the columns, and a mapping for each line; what is unknown is missing or None."""
    beside = dict.fromkeys(f"test_{line['metric']}" for task in document["tasks"] for line in task["secondary"])
    lines = [
        {**of_task, **of_row, **of_seed}
        for task in document["tasks"]
        for of_task in [_of_task(task, document["board"]["tier"])]
        for row in task["rows"]
        for of_row in [_of_row(row)]
        for of_seed in _seeds(row)
    ]
    return [*NAMES, *beside], lines


def _of_task(task: Mapping[str, Any], tier: str) -> dict[str, Cell]:
    return {"tier": tier, **{name: task[name] for name in ("task", "metric", "direction", "chance", "best", "anchor")}}


def _of_row(row: Mapping[str, Any]) -> dict[str, Cell]:
    costs = row.get("costs", {})
    own = ("label", "architecture", "state", "reason", "rank", *ROW)
    return {**{name: costs.get(name) for name in COLUMNS}, **{name: row.get(name) for name in own}}


def _seeds(row: Mapping[str, Any]) -> Iterator[dict[str, Cell]]:
    for seed in row["seeds"] or [{}]:
        found = {name: seed.get(name) for name in SEED}
        found |= {f"test_{metric}": value for metric, value in seed.get("secondary", {}).items()}
        # Why one seed has no score of its own is said of it; why a whole row has none, of the row.
        yield {**found, "reason": seed["reason"]} if seed else found


def _written(value: Any) -> str:
    """A cell: inert in a spreadsheet, and a number to its last digit."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = visible_line(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
