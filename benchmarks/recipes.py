"""Measure the recipes of the tier ``small``: ``python -m benchmarks.recipes [TASK ...]``.

Each family of architectures is trained at each learning rate of the task's card. If the best rate is at an end of the
grid, further rates are tried on that side. Scores are written to ``results/recipes.json`` after each run. A run that is
in this file is not repeated, so that the command can be stopped and started again. At the end the command draws the
score over the learning rate for each task, writes the tables of ``docs/recipes.md``, and says which claims hold.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import seqbench
from benchmarks import _recipe_page
from benchmarks._rate_scores import TIER, best_rate, further_rate, mean_scores
from benchmarks._results import RESULTS, write_results
from seqbench.protocol.cards import Card, load_card
from seqbench.protocol.digested_data import digested_fields
from seqbench.utils import screen
from seqbench.utils.plain_data import json_digest

TASKS = ("copy", "copy-10", "parity", "char-lm-shakespeare", "music-jsb", "music-nottingham", "adding")
FAMILIES = ("rnn", "lstm", "gru", "tcn", "transformer", "s4d", "gated-deltanet")
SIZES = {"sentiment-sst2": "3M", "translation-multi30k-en-de": "500k"}
"""Number of parameters of all models of a task, if it is not 100,000."""
FURTHER_RATES = 3
"""Largest number of rates that are tried beyond the grid of a card."""

Task = dict[str, Any]
"""The measured runs of a task, as in ``results/recipes.json``."""


@dataclass(frozen=True)
class Goal:
    """A claim on a task: the test score of each family at its best rate is on one side of a bound."""

    families: tuple[str, ...]
    metric: str
    sign: str
    bound: float

    def holds(self, score: float) -> bool:
        """Return whether the score of one family agrees with the claim."""
        return {">=": score >= self.bound, "<=": score <= self.bound, "<": score < self.bound}[self.sign]


FIVE_GRAM = 2.550
"""Bits per character of the 5-gram model on the test part of tinyshakespeare, which every record states as well."""
GOALS = {
    "copy": (
        Goal(("gru", "lstm", "tcn", "transformer"), "accuracy", ">=", 0.95),
        Goal(("rnn",), "accuracy", "<=", 0.5),
    ),
    "parity": (Goal(("rnn", "lstm", "gru"), "accuracy_longer", ">=", 0.99),),
    "char-lm-shakespeare": (
        Goal(("lstm", "gru", "tcn", "transformer", "gated-deltanet"), "bits_per_character", "<", FIVE_GRAM),
        Goal(("gru",), "bits_per_character", "<=", 2.40),
    ),
    "music-jsb": (Goal(("tcn",), "nll_per_frame", "<=", 8.42),),
}


def recipe_digest(card: Card, family: str) -> str:
    """Return a digest of all that a card says about the training of a family, so that other runs are not used."""
    tier = card.tier(TIER)
    return json_digest(
        {
            "task": {**card.arguments, **tier.task},
            "options": {**tier.arch, **tier.architectures.get(family, {})},
            "body": dict(tier.body),
            "optim": {**digested_fields(tier.optim_for(family)), "lr": None},
        }
    )


def read_tasks() -> dict[str, Task]:
    """Return all measured runs; those of a recipe that has changed are left out."""
    path = RESULTS / "recipes.json"
    tasks: dict[str, Task] = json.loads(path.read_text(encoding="utf-8"))["tasks"] if path.exists() else {}
    for name, task in tasks.items():
        card = load_card(name)
        task |= {"metric": card.metric.name, "direction": card.metric.direction}
        for family, cells in task["families"].items():
            recipe = recipe_digest(card, family)
            task["families"][family] = [cell for cell in cells if cell["recipe"] == recipe]
    return {name: task for name, task in tasks.items() if any(task["families"].values())}


def measure_cell(task: str, family: str, rate: float, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Train one model; return its scores, which are empty if it diverged, and its cost."""
    run = seqbench.run(
        family,
        task,
        tier=TIER,
        seed=seed,
        match_params=SIZES.get(task, "100k"),
        optim={"lr": rate},
        trainer={"threads": options.threads},
        logger="none",
        runs=options.runs,
        existing="resume",
    )
    results, measured = run.record.results, run.record.measured
    scores = {
        split: {name: line.value for name, line in results.metrics.get(split, {}).items()}
        for split in ("validation", "test")
    }
    return {
        "recipe": recipe_digest(load_card(task), family),
        "lr": rate,
        "seed": seed,
        "status": results.status,
        **scores,
        "best_step": results.best_step,
        "parameters": run.record.config.parameters,
        "seconds": round(measured.seconds, 1),
        "threads": measured.threads,
    }


def measure_task(name: str, tasks: dict[str, Task], options: argparse.Namespace) -> None:
    """Train the families of a task that are not measured yet, and write each run to the file of results."""
    card = load_card(name)
    task = tasks.setdefault(
        name,
        {
            "tier": TIER,
            "parameters": SIZES.get(name, "100k"),
            "metric": card.metric.name,
            "direction": card.metric.direction,
            "families": {},
        },
    )
    grid = options.rates or list(card.tier(TIER).learning_rates)
    for family in options.families:
        cells: list[dict[str, Any]] = task["families"].setdefault(family, [])
        for rate in _rates_in_turn(grid, cells, task, 0 if options.rates else FURTHER_RATES):
            for seed in range(options.seeds):
                if any(cell["lr"] == rate and cell["seed"] == seed for cell in cells):
                    continue
                cells.append(measure_cell(name, family, rate, seed, options))
                cells.sort(key=lambda cell: (cell["lr"], cell["seed"]))
                write_results("recipes", {"command": "python -m benchmarks.recipes", "tasks": tasks})


def _rates_in_turn(grid: Sequence[float], cells: list[dict[str, Any]], task: Task, further: int) -> Iterator[float]:
    """Yield the rates of the grid, and then rates beyond its ends while the best of the measured ones is at an end."""
    yield from grid
    for _ in range(further):
        rate = further_rate(mean_scores(cells, "validation", task["metric"]), task["direction"])
        if rate is None:
            return
        yield rate


def check_claims(name: str, task: Task) -> Iterator[str]:
    """Yield a line for each claim about each family of a task: whether it holds."""
    for family, cells in task["families"].items():
        validation = mean_scores(cells, "validation", task["metric"])
        best = best_rate(validation, task["direction"])
        if best is None:
            continue
        place = "inside" if further_rate(validation, task["direction"]) is None else "at an end of"
        yield f"{name} {family}: the best rate {best:g} is {place} the rates that were tried"
        for goal in GOALS.get(name, ()):
            score = mean_scores(cells, "test", goal.metric)[best]
            if family in goal.families and score is not None:
                verdict = "holds" if goal.holds(score) else "does NOT hold"
                yield f"{name} {family}: {goal.metric} {score:.4f} {goal.sign} {goal.bound:g} {verdict}"
    for goal in GOALS.get(name, ()):
        for family in goal.families:
            if not task["families"].get(family):
                yield f"{name} {family}: {goal.metric} {goal.sign} {goal.bound:g} is not measured"


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"names of tasks (default: {', '.join(TASKS)})")
    parser.add_argument("--families", type=lambda text: text.split(","), default=list(FAMILIES), metavar="A,B")
    parser.add_argument(
        "--rates",
        type=lambda text: [float(rate) for rate in text.split(",")],
        metavar="X,Y",
        help="learning rates (default: those of the card, and further ones while the best is at an end)",
    )
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds of each rate (default: 1)")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs (default: runs)")
    parser.add_argument("--threads", type=int, default=1, help="threads of each run (default: 1)")
    parser.add_argument("--write-only", action="store_true", help="train nothing; write the figures and the page again")
    options = parser.parse_args()
    tasks = read_tasks()
    with screen.show_messages():
        for name in () if options.write_only else options.tasks or TASKS:
            measure_task(name, tasks, options)
    _recipe_page.write_page(tasks)
    for name, task in tasks.items():
        for line in check_claims(name, task):
            print(line)


if __name__ == "__main__":
    main()
