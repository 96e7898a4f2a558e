"""Draw the charts of the docs from committed results: ``python -m benchmarks.figures``. The output is deterministic."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from benchmarks._results import RESULTS

DOCS = Path(__file__).resolve().parent.parent / "docs" / "figures"
COLOURS = {"attention": "#1f5fa8", "vector": "#b3541e"}


def translation_over_length(results: dict[str, Any]) -> Figure:
    """Draw BLEU and chrF over the length of the source sentence, for both bridges."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasSVG(figure)
    for column, (metric, name) in enumerate((("bleu", "BLEU"), ("chrf", "chrF")), 1):
        axes = figure.add_subplot(1, 2, column)
        for label, rows in results["cells"].items():
            curve = rows[0]["lengths"]
            axes.plot(curve["length"], curve[metric], marker="o", color=COLOURS[label])
            end = (curve["length"][-1], curve[metric][-1])
            axes.annotate(label, end, xytext=(6, 0), textcoords="offset points", color=COLOURS[label], va="center")
        axes.set(xlabel="words in the source (mean of each bin)", ylabel=f"{name}, test", ylim=(0, None))
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.2)
    return figure


def main() -> None:
    mpl.rcParams["svg.hashsalt"] = "seqbench"
    DOCS.mkdir(parents=True, exist_ok=True)
    results = json.loads((RESULTS / "translation.json").read_text(encoding="utf-8"))
    path = DOCS / "translation-length.svg"
    translation_over_length(results).savefig(path, metadata={"Date": None})
    print(f"wrote docs/figures/{path.name}")


if __name__ == "__main__":
    main()
