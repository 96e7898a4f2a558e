"""A board as one HTML page that needs nothing else: tables, charts, rules, and every record behind them.

All text comes from records, that is from strangers: it is escaped, and a Content-Security-Policy with the digests of
the page's own style and script lets nothing else run or load.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from seqbench.leaderboard.pages import charts, series_style, table_cells, wording
from seqbench.leaderboard.pages.svg import MARKERS
from seqbench.utils import number_format
from seqbench.utils.plain_data import json_digest

_HERE = Path(__file__).parent


def render_html(document: Mapping[str, Any]) -> str:
    """A document as one self-contained page, to the byte the same for the same document."""
    colours = series_style.assign_slots(document)
    records = list(_records(document))
    css, script = _asset("page.css"), _asset("page.js")
    return (
        _environment()
        .get_template("page.html")
        .render(
            board=document["board"],
            document=document,
            digest=json_digest(sorted(record["checksum"] for record in records)),
            tasks=[
                _task(number, task, document["board"], colours[task["task"]])
                for number, task in enumerate(document["tasks"], 1)
            ],
            overall=_overall(document),
            published=[_published(cell) for cell in document["published"]],
            published_aside=[words for cell in document["published"] for words in cell["aside"]],
            rank_errors=wording.RANK_ERRORS,
            published_deviations=wording.deviations_by_task(document["published"]),
            records=records,
            css=Markup(css),
            script=Markup(script),
            policy=f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(css)}'; img-src data:; "
            "base-uri 'none'; form-action 'none'",
        )
    )


@functools.cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finished,
    )
    made.filters.update(count=number_format.format_count, time=number_format.format_time, prose=_prose)
    return made


def _finished(value: Any) -> Any:
    """What goes into a page in place of a value: nothing for None, one line for text of others."""
    if value is None:
        return ""
    return wording.visible_line(value) if type(value) is str else value


def _prose(text: str) -> Markup:
    """Text with what stands between `backticks` as code."""
    parts = wording.visible_line(text).split("`")
    return Markup().join(Markup("<code>{}</code>" if k % 2 else "{}").format(part) for k, part in enumerate(parts))


@functools.cache
def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _task(
    number: int, task: Mapping[str, Any], board: Mapping[str, Any], colours: series_style.Slots
) -> dict[str, Any]:
    """What the page shows of a task."""
    shown, common = table_cells.shown_columns(task, board["columns"])
    axis = series_style.strip_axis(task)
    made = table_cells.table_rows(task, shown)
    # Of the cells that every row has, those that are empty in all.
    empty = {k for k in range(3) if not any(row.cells[k].text for row in made if row.cells)}
    for row in made:
        row.cells = [cell for k, cell in enumerate(row.cells) if k not in empty]
    fixed = [("Solved", "seeds that came 99 % of the way to the best possible"), _SCORE, _PUBLISHED]
    heads = [head for k, head in enumerate(fixed) if k not in empty]
    return {
        "id": f"task-{number}",
        "data": task,
        "size": _size(task["size"]),
        "heads": [(title, meaning, True) for title, meaning in heads]
        + [(line["metric"], _SECONDARY, True) for line in task["secondary"]]
        + [(column.title, column.meaning, column.format_value is not None) for column in shown],
        "common": [words for words in (wording.secondary_summary(task), *common) if words],
        "rows": made,
        "strips": {
            row.label: series_style.draw_strip(task, row.source, axis, colours.get(row.label))
            for row in made
            if axis and row.source
        },
        "references": table_cells.references(task),
        "charts": charts.task_charts(task, colours),
        "one_size": charts.one_size(task),
        "legend": series_style.draw_legend(colours),
        "grey": len(series_style.rows_with_scores(task)) - len(colours),
    }


_SCORE = ("Score", "mean over seeds between chance, 0, and the best possible or the anchor, 1")
_SECONDARY = "mean over seeds ± half of its 95 % interval; nobody ranks by it"
_PUBLISHED = ("Published", "figures of the same architecture; hover for setting and source")


def _size(size: Mapping[str, Any] | None) -> str:
    return f"{size['parameters']:,} ± {100 * size['tolerance']:g} %" if size else "any"


def _overall(document: Mapping[str, Any]) -> dict[str, Any] | None:
    found = document["overall"]
    if found is None:
        return None
    labels = [row["label"] for row in found["rows"]]
    return {
        "data": found,
        # In the order in which ``marks.slots`` hands colours out.
        "forest": series_style.draw_forest(found, {label: slot for slot, label in enumerate(labels[: len(MARKERS)])})
        if labels
        else "",
        "matrix": list(zip(labels, found["improvement"], strict=True)),
        "labels": labels,
    }


def _published(cell: Mapping[str, Any]) -> dict[str, Any]:
    """A cell of a published table, its figures in words."""
    values = [value for value in (cell["published"], cell["ours"]) if value is not None]
    places = number_format.decimal_places(values)
    ours, half = cell["ours"], cell["half_width"]
    return {
        "cell": cell,
        "published": number_format.format_published(cell["published"]),
        "ours": None if ours is None else number_format.format_score(ours, places),
        "half_width": None if half is None else number_format.format_half_width(half, places),
        "difference": number_format.format_difference(cell["difference"]),
        "best_of": wording.best_of_seeds(cell),
        "setting": wording.setting_text(cell),
        "parameters": wording.format_parameters(cell),
        "kind": "open" if ours is None else str(cell["verdict"]).partition(" ")[0].rstrip(":"),
    }


def _records(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every seed that has a record, in the order of the tables."""
    for task in document["tasks"]:
        for row in task["rows"]:
            for seed in row["seeds"]:
                if seed.get("record") is not None:
                    yield {"task": task["task"], "label": row["label"], **seed}
