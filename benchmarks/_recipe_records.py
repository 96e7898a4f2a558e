"""The records of sweeps as ``results/recipes.json`` holds them: searches of learning rates, and scores of all seeds.

Every choice is that of the record. A record counts if it counts on the board ``small``, whose rules hold for the
further tasks of the page as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks._recipe_goals import metrics_of_goals
from benchmarks._recipe_sweeps import FAMILIES, recipe_board
from benchmarks._results import RESULTS
from seqbench.leaderboard.data.checked_records import CheckedRecord
from seqbench.leaderboard.data.record_collection import ExcludedRecord, collect_records
from seqbench.leaderboard.selection.record_eligibility import select_records
from seqbench.protocol.cards import Card, load_card
from seqbench.protocol.record_fields import Tuning
from seqbench.protocol.records import Record, read_record
from seqbench.utils import atomic_files, plain_data
from seqbench.utils.errors import SeqbenchError

PATH = RESULTS / "recipes.json"
BOARD_RECORDS = RESULTS.parents[1] / "leaderboards" / "small" / "results"

# Any: plain data as JSON holds it; the functions of this module are the only writers.
Task = dict[str, Any]
"""The rows of a task, as in ``results/recipes.json``."""


def read_records(places: Iterable[Path]) -> tuple[dict[str, Task], list[ExcludedRecord]]:
    """Return the rows of each task that has records under some folders, and the records that do not count.

    Args:
        places: folders of runs, or of a board's results. Of two records of a cell the first counts.

    Raises:
        SeqbenchError: there is no such folder, or the seeds of a row state different searches.
    """
    selection = select_records(recipe_board(), collect_records(places, named=True))
    tasks = {name: describe_task(selection.cards[name], rows) for name, rows in selection.cells.items() if rows}
    return tasks, selection.excluded


def _place(row: str) -> tuple[int, str]:
    """Return the place of a row on the page: the families in their order, then the others by name."""
    return (FAMILIES.index(row) if row in FAMILIES else len(FAMILIES), row)


def describe_task(card: Card, rows: Mapping[str, Mapping[int, CheckedRecord]]) -> Task:
    """Return the rows of one task as plain data.

    Args:
        card: card of the task.
        rows: the records that count, by the name of the row and by the seed.
    """
    families = {name: describe_family(card, name, list(rows[name].values())) for name in sorted(rows, key=_place)}
    return {
        "card_version": card.version,
        "tier": recipe_board().tier,
        "metric": card.metric.name,
        "direction": card.metric.direction,
        "families": families,
    }


def describe_family(card: Card, name: str, seeds: Sequence[CheckedRecord]) -> dict[str, Any]:
    """Return one row of a task as plain data: its search, its size, and the scores of its seeds.

    Args:
        card: card of the task.
        name: name of the row.
        seeds: the records of the row.

    Raises:
        SeqbenchError: the seeds state different searches.
    """
    records = [read_record(Path(one.origin)) for one in seeds]
    tuning = records[0].config.tuning
    for record in records:
        if record.config.tuning != tuning:
            raise SeqbenchError(
                f"the seeds of {name} on {card.name} state different searches of the learning rate; train all of them "
                f"by one `seqbench sweep --tune`."
            )
    metrics = {card.metric.name, card.metric.selected_by, *metrics_of_goals(card.name)}
    return {
        "recipes": list(seeds[0].recipes),
        "card_digest": seeds[0].card_digest,
        "parameters": records[0].config.parameters,
        "lr": seeds[0].learning_rate,
        "search": None if tuning is None else describe_search(tuning, seeds[0].search.rule),
        "seeds": [describe_seed(record, metrics) for record in records],
    }


def describe_search(tuning: Tuning, rule: str) -> dict[str, Any]:
    """Return a search of the learning rate with all its trials.

    Args:
        tuning: the search, as the record states it.
        rule: its rule in words.
    """
    trials = [
        {
            "rung": trial.rung,
            "steps": trial.steps,
            "lr": trial.lr,
            "value": trial.value,
            "status": trial.status,
            **({"options": trial.options} if trial.options else {}),
        }
        for trial in tuning.tried
    ]
    return {
        "rule": rule,
        "grid": list(tuning.search.grid) if tuning.search else sorted({trial.lr for trial in tuning.tried}),
        "metric": tuning.metric,
        "seed": tuning.seed,
        "trials": trials,
        "lr": tuning.lr,
        "bound": tuning.bound,
        "options": tuning.options,
        "cost": tuning.cost,
    }


def describe_seed(record: Record, metrics: Iterable[str]) -> dict[str, Any]:
    """Return the scores of some metrics, and the cost, of one run."""
    results, measured = record.results, record.measured
    scores = {
        split: {name: lines[name].value for name in sorted(metrics) if name in lines}
        for split, lines in ((split, results.metrics.get(split, {})) for split in ("validation", "test"))
    }
    return {
        "seed": record.config.seed,
        "status": results.status,
        **scores,
        "seconds": None if measured.seconds is None else round(measured.seconds, 1),
        "threads": measured.threads,
        "device": measured.device,
    }


def read_tasks(path: Path | None = None) -> dict[str, Task]:
    """Return the committed rows of all tasks; a row of a recipe that has changed is left out."""
    path = path or PATH
    tasks: dict[str, Task] = json.loads(path.read_text(encoding="utf-8"))["tasks"] if path.exists() else {}
    for name, task in tasks.items():
        card = load_card(name)
        task["families"] = {
            row: family
            for row, family in sorted(task["families"].items(), key=lambda item: _place(item[0]))
            if family["card_digest"] == card.digest(task["tier"], family["recipes"])
        }
    return {name: task for name, task in tasks.items() if task["families"]}


def write_tasks(tasks: Mapping[str, Task], path: Path | None = None) -> None:
    """Write the rows of all tasks, in the order of the page."""
    order = {name: tasks[name] for name in recipe_board().tasks if name in tasks}
    atomic_files.write_text(
        path or PATH, plain_data.to_json({"command": "python -m benchmarks.recipes", "tasks": order})
    )
