"""Write the table of ``docs/what-decides.md``: ``python -m benchmarks.what_decides``.

The command computes chance and the best possible score of each task at the tier ``small``, which needs the data of all
tasks, and keeps them in ``results/what_decides.json``. ``--write-only`` takes them from there. Everything else in the
table is from the cards.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping
from typing import TypedDict

import seqbench
from benchmarks._recipe_page import DOCS
from benchmarks._results import RESULTS, write_results
from seqbench.protocol.cards import Card, load_card
from seqbench.protocol.reference import task_reference
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import format_number

NAME = "what_decides"
PAGE = DOCS / "what-decides.md"
TIER = "small"
TABLE = re.compile(r"(<!-- what decides -->\n).*?(<!-- end -->)", re.DOTALL)
HEAD = ("task", "deciding metric", "weights and rates are chosen by", "chance", "best", "what a score does not say")


class Ends(TypedDict):
    """The ends of the scale of a task: the test scores of chance and of a perfect model; None if unknown."""

    version: int
    chance: float | None
    best: float | None


def find_ends(card: Card) -> Ends:
    """Return chance and the best possible score of the deciding metric, computed from the data of a task."""
    data, metric = seqbench.data(card.name, tier=TIER), card.metric.name
    return {
        "version": card.version,
        "chance": data.chance("test").get(metric),
        "best": data.best("test").get(metric),
    }


def page_text(page: str, ends: Mapping[str, Ends]) -> str:
    """Return the page with its table made anew.

    Args:
        page: text of the page.
        ends: chance and best possible score of each task, by its name.
    """
    lines = [HEAD, ("---",) * len(HEAD), *(task_row(load_card(name), line) for name, line in ends.items())]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return TABLE.sub(lambda found: f"{found[1]}\n{table}\n\n{found[2]}", page)


def task_row(card: Card, ends: Ends) -> tuple[str, ...]:
    """Return the cells of a task."""
    arrow = "↑" if card.metric.direction == "max" else "↓"
    best = "unknown" if ends["best"] is None else format_number(ends["best"])
    return (
        f"[`{card.name}`](tasks/{card.name}.md)",
        f"`{card.metric.name}` {arrow}",
        f"validation `{card.metric.selected_by}`",
        format_number(ends["chance"]),
        best,
        " ".join(card.limits.split()).replace("|", r"\|"),
    )


def read_ends() -> dict[str, Ends]:
    """Return the committed chance and best possible scores, by the name of the task."""
    ends: dict[str, Ends] = json.loads((RESULTS / f"{NAME}.json").read_text(encoding="utf-8"))["tasks"]
    return ends


def main() -> int:
    """Run the command.

    Returns:
        0; 2 if the data of a task are not at hand.
    """
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--write-only", action="store_true", help="compute nothing; write the page from the JSON file")
    if not parser.parse_args().write_only:
        names = task_reference.task_names()
        try:
            tasks = {name: find_ends(load_card(name)) for name in names}
        except SeqbenchError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        write_results(NAME, {"command": f"python -m benchmarks.{NAME}", "tier": TIER, "tasks": tasks})
    PAGE.write_text(page_text(PAGE.read_text(encoding="utf-8"), read_ends()), encoding="utf-8")
    print(f"wrote docs/{PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
