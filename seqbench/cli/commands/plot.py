"""Plot learning curves or final scores of runs as SVG, PDF or PNG, with intervals over seeds."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from seqbench.cli.parse_options import split_assignments

logger = logging.getLogger(__name__)

EPILOG = """\
Runs that differ only in their seed form one line or bar, with the mean and its 95 % interval. Examples:
  seqbench plot runs/copy --out curves.svg
  seqbench plot runs/copy/gru runs/copy/lstm --x seconds --width 3.3 --out column.pdf
  seqbench plot runs/copy --kind bars --label gru=GRU --out bars.pdf
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``seqbench plot`` to its parser."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("runs", metavar="RUN", nargs="+", type=Path, help="run folder, record, or folder of runs")
    parser.add_argument("--out", metavar="FILE", type=Path, required=True, help="write this .svg, .pdf or .png file")
    parser.add_argument("--kind", metavar="KIND", default="curves", help="draw curves or bars (default: curves)")
    parser.add_argument("--metric", metavar="NAME", help="show this metric (default: the primary metric of the task)")
    parser.add_argument(
        "--split",
        metavar="NAME",
        help="curves: validation, or train for the training loss (default: validation); bars: test or validation "
        "(default: test)",
    )
    parser.add_argument(
        "--x", metavar="NAME", default="steps", help="curves over steps, seconds or tokens (default: steps)"
    )
    parser.add_argument("--log-x", action="store_true", help="make the horizontal axis logarithmic (default: linear)")
    parser.add_argument("--log-y", action="store_true", help="make the vertical axis logarithmic (default: linear)")
    parser.add_argument(
        "--label",
        metavar="GROUP=TEXT",
        action="append",
        default=[],
        help="name a group differently: gru=GRU; may be repeated (default: the architecture, and what differs)",
    )
    parser.add_argument("--title", metavar="TEXT", default="", help="write a title above the axes (default: none)")
    parser.add_argument("--width", metavar="INCHES", type=float, default=5.0, help="width of the figure (default: 5)")
    parser.add_argument("--height", metavar="INCHES", type=float, help="height of the figure (default: by the content)")


def main(options: argparse.Namespace) -> int:
    """Write the figure and print its path; return 0.

    Raises:
        SeqbenchError: the runs do not fit into one figure, or a value is wrong.
    """
    from seqbench.leaderboard.figures import plot_runs
    from seqbench.leaderboard.figures.run_figures import Look

    plot_runs.check_format(options.out)
    look = Look(options.width, options.height, options.title, options.log_x, options.log_y)
    labels = _parse_labels(options.label)
    request = plot_runs.PlotRequest(options.kind, options.metric, options.split, options.x, labels, look)
    plotted = plot_runs.plot_runs(options.runs, request)
    for sentence in plotted.runs.left_out:
        logger.info(f"left out: {sentence}")
    plot_runs.save_figure(plotted.figure, options.out)
    groups = ", ".join(f"{group.label} ({len(group.records)})" for group in plotted.runs.groups)
    print(f"{options.out}: {plotted.runs.task}, {groups}")
    return 0


def _parse_labels(assignments: list[str]) -> dict[str, str]:
    """Return the texts by label; a label such as ``gru (num_layers=2)`` holds a ``=`` itself.

    Raises:
        SeqbenchError: there is no ``=``.
    """
    labels: dict[str, str] = {}
    for assignment in assignments:
        # The last `=` outside of the brackets of the label separates it from the text.
        head, bracket, rest = assignment.partition(")=")
        if bracket and "(" in head:
            labels[f"{head})"] = rest
        else:
            labels.update(split_assignments([assignment], "--label"))
    return labels
