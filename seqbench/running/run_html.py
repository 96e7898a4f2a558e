"""A run as a notebook shows it: what was run, the scores of the test as a table, the learning curves, the folder."""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path

from seqbench.protocol.records import Record
from seqbench.running.curve_picture import draw_curves
from seqbench.utils.number_format import format_number


def render_run(record: Record, folder: Path) -> str:
    """Return a run as HTML.

    Args:
        record: record of the run.
        folder: folder of the run.
    """
    parts = [f"<p><b>{html.escape(record.headline())}</b></p>"]
    if record.results.reason:
        parts.append(f"<p>{html.escape(record.results.reason)}</p>")
    parts += _score_table(record)
    parts.append(draw_curves(record) or "")
    parts.append(f"<p>{_costs(record)}folder: <code>{html.escape(str(folder))}</code></p>")
    return "".join(parts)


def _score_table(record: Record) -> Iterable[str]:
    """Yield the table of the test scores; the deciding metric is first."""
    scores = record.results.metrics.get("test", {})
    if not scores:
        return
    deciding = record.config.card.metric
    yield "<table><thead>" + _row("th", ["test metric", "value", "chance", "best possible"]) + "</thead><tbody>"
    for name in sorted(scores, key=lambda name: (name != deciding, name)):
        score = scores[name]
        best = "unknown" if score.best is None else format_number(score.best)
        yield _row("td", [name, format_number(score.value), format_number(score.chance), best])
    yield "</tbody></table>"
    if record.results.above_chance is False:
        yield f"<p>{html.escape(deciding)} is not clearly better than chance.</p>"


def _row(tag: str, cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _costs(record: Record) -> str:
    parameters, seconds = record.config.parameters, record.measured.seconds
    sizes = [f"{parameters:,} parameters"] if parameters is not None else []
    sizes += [f"{seconds:.0f} s"] if seconds is not None else []
    return ", ".join(sizes) + "; " if sizes else ""
