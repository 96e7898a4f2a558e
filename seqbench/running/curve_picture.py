"""The picture of a run's learning curves, ``learning-curves.svg``: the primary metric on validation, and the loss.

It is drawn without a plotting library, in milliseconds, at the end of each run.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from seqbench.protocol import run_folder
from seqbench.protocol.records import Record
from seqbench.utils import atomic_files, redaction
from seqbench.utils.drawing.axis import Axis
from seqbench.utils.drawing.chart_parts import CHART_HEIGHT, CHART_WIDTH, HEIGHT, LEFT, WIDTH, Line, Point
from seqbench.utils.drawing.plot_area import Plot
from seqbench.utils.drawing.svg import shorten, svg_tag, svg_text
from seqbench.utils.errors import one_line
from seqbench.utils.number_format import format_number
from seqbench.utils.visible_text import visible_line

logger = logging.getLogger(__name__)

MOST_POINTS = 300
"""Largest number of points of a line; a chart of 300 pixels shows no more."""
LOG_RATIO = 100.0
"""Ratio of the largest to the smallest value from which a chart of losses gets a logarithmic axis."""

_PANEL_WIDTH, _PANEL_HEIGHT, _HEADER = CHART_WIDTH, CHART_HEIGHT, 40
_STYLE = (
    ".seqbench-curves{font:10px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',Arial,sans-serif;"
    "background:#fff;color:#1b1f24}"
    ".seqbench-curves text{fill:#1b1f24}.seqbench-curves .tick,.seqbench-curves .line-label{fill:#59616b}"
    ".seqbench-curves .head{font-size:12px;font-weight:600}"
    ".seqbench-curves .line-label{font-size:9px;paint-order:stroke;stroke:#fff;stroke-width:3px}"
    ".seqbench-curves .grid{stroke:#e3e6ea;fill:none}.seqbench-curves .axis{stroke:#a9b1ba;fill:none}"
    ".seqbench-curves .level{fill:none;stroke:#59616b;stroke-dasharray:4 3}"
    ".seqbench-curves .level.best{stroke-dasharray:none;opacity:.7}"
    ".seqbench-curves .inner{overflow:hidden}.seqbench-curves .leader{fill:none;stroke:#a9b1ba}"
    ".seqbench-curves .line{fill:none;stroke:#0b5fa5;stroke-width:1.6;stroke-linejoin:round}"
    ".seqbench-curves .mark{fill:#0b5fa5}.seqbench-curves .bar{fill:none;stroke:#0b5fa5}"
)


def write_curve_picture(record: Record, folder: Path) -> Path | None:
    """Draw the learning curves of a record into a run's folder.

    The run is valid without its picture, so an error is logged and not raised.

    Returns:
        The path of the picture; None if the record has no curve, or the picture could not be drawn.
    """
    path = folder / run_folder.CURVES
    try:
        drawing = draw_curves(record)
        if drawing is None:
            return None
        atomic_files.write_text(path, drawing + "\n")
        return path
    # The names of a plug-in's metrics and their values may be anything, and the disk may be full.
    except Exception as error:
        reason = redaction.redact(one_line(error))[:200]
        logger.info(f"the learning curves could not be drawn ({type(error).__name__}: {reason})")
        return None


def draw_curves(record: Record) -> Markup | None:
    """Return the learning curves of a record as one SVG element; None if the record has none.

    The left panel shows the primary metric on validation, with the chance score, the best possible score and a mark at
    the tested step. The right panel shows the training loss.
    """
    panels = [panel for panel in (_validation_panel(record), _loss_panel(record)) if panel is not None]
    if not panels:
        return None
    width = _PANEL_WIDTH * len(panels)
    parts: list[str] = [svg_tag("style", Markup(_STYLE)), svg_tag("rect", width="100%", height="100%", fill="#fff")]
    parts.append(svg_tag("text", svg_text(shorten(record.headline(), 110)), class_="head", x=float(LEFT), y=16.0))
    for number, (title, panel) in enumerate(panels):
        left = float(_PANEL_WIDTH * number)
        parts.append(svg_tag("text", svg_text(title), x=left + LEFT, y=33.0))
        size = {"width": _PANEL_WIDTH, "height": _PANEL_HEIGHT}
        parts.append(svg_tag("svg", panel.render(), x=left, y=float(_HEADER), **size))
    height = _HEADER + _PANEL_HEIGHT
    return svg_tag(
        "svg",
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        class_="seqbench-curves",
        role="img",
        width=width,
        height=height,
        viewBox=f"0 0 {width} {height}",
        aria_label=f"Learning curves: {visible_line(record.headline())}",
    )


def _validation_panel(record: Record) -> tuple[str, Plot] | None:
    metric, curve = record.config.card.metric, record.results.curves.validation
    points = _points(curve.get("step", []), curve.get(metric, []))
    if not points:
        return None
    score = record.results.metrics.get("validation", {}).get(metric)
    levels = [(score.chance, "chance", "chance"), (score.best, "best possible", "best")] if score else []
    known = [(value, text, kind) for value, text, kind in levels if value is not None]
    plot = _empty_plot(points, [value for value, _, _ in known], f"Validation {metric}")
    for value, text, kind in known:
        plot.add_level(value, f"{text} {format_number(value)}", kind)
    plot.add_lines([Line(metric, 0, points, metric, named=False)])
    best = next((point for point in points if point.x == record.results.best_step), None)
    if best is not None:
        plot.add_point("tested", 0, best, f"tested: {metric} {format_number(best.value)} at step {best.x:g}")
    better = "higher" if record.config.card.direction == "max" else "lower"
    return f"validation {metric} ({better} is better)", plot


def _loss_panel(record: Record) -> tuple[str, Plot] | None:
    curve = record.results.curves.train
    points = _points(curve.get("step", []), curve.get("loss", []))
    if not points:
        return None
    plot = _empty_plot(points, [], "Training loss")
    plot.add_lines([Line("training loss", 0, points, "training loss", named=False)])
    return f"training loss{' (logarithmic)' * _is_log(points)}", plot


def _points(steps: Sequence[float | None], values: Sequence[float | None]) -> list[Point]:
    """Return at most ``MOST_POINTS`` points; the last one is kept, and undefined or infinite values are left out."""
    columns = zip(steps, values, strict=False)
    pairs = [(x, y) for x, y in columns if x is not None and y is not None and math.isfinite(y)]
    stride = -(-len(pairs) // MOST_POINTS) or 1
    return [Point(step, value, value, value) for step, value in pairs[::-1][::stride][::-1]]


def _empty_plot(points: Sequence[Point], levels: Sequence[float], label: str) -> Plot:
    """Return a chart whose axes cover the points, and the levels unless they would flatten the line."""
    values = [point.value for point in points]
    spread = max(values) - min(values)
    near = [level for level in levels if min(values) - spread <= level <= max(values) + spread]
    y = Axis.over([*values, *near], HEIGHT, 0.0, _is_log(points))
    return Plot(Axis.over([0.0, *(point.x for point in points)], 0.0, WIDTH, pad=0.02), y, label, "step")


def _is_log(points: Sequence[Point]) -> bool:
    """Return whether the vertical axis of a chart is logarithmic."""
    values = [point.value for point in points]
    return min(values) > 0 and max(values) > LOG_RATIO * min(values)
