"""A board as plain data: all that its pages say, whatever their form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from seqbench.leaderboard import reproduction
from seqbench.leaderboard.data.board_card import Board
from seqbench.leaderboard.data.checked_records import CheckedRecord
from seqbench.leaderboard.data.record_collection import ExcludedRecord
from seqbench.leaderboard.selection import task_rows
from seqbench.leaderboard.selection.record_selection import Selection, select_records
from seqbench.leaderboard.stats import overall

SCHEMA = 1


def build_board_data(board: Board, found: Iterable[CheckedRecord | ExcludedRecord]) -> dict[str, Any]:
    """The board's document: a pure function of its card, the task cards and the records.

    ``tasks`` are the sections of ``rows.of_task``, ``overall`` that of ``overall.of_tasks``, ``published`` that of
    ``reproduction.of``; ``set_aside`` names each record of the board that does not count, ``problems`` each task that
    cannot be used.
    """
    selection = select_records(board, found)
    named = (row for cells in selection.entries.values() for row in cells.items())
    labels = dict(sorted((label, next(iter(seeds.values())).architecture) for label, seeds in named))
    tasks = [
        task_rows.build_task_data(board, task, card, selection.entries[task], labels)
        for task, card in selection.cards.items()
    ]
    return {
        "schema": SCHEMA,
        "board": {
            "name": board.name,
            "version": board.version,
            "digest": board.digest(),
            "title": board.title,
            "summary": board.summary,
            "tier": board.tier,
            "seeds": board.seeds,
            "columns": list(board.columns),
            "source": board.source,
        },
        "records": _count(selection),
        "tasks": tasks,
        "overall": overall.compare_across_tasks(board, tasks),
        "published": reproduction.compare_with_published(board, selection),
        "set_aside": [asdict(aside) for aside in selection.aside],
        "unrelated": dict(sorted(selection.unrelated.items())),
        "problems": [
            *selection.problems,
            *(f"{task['task']}: {words}" for task in tasks for words in task["problems"]),
        ],
    }


def _count(selection: Selection) -> int:
    return sum(len(seeds) for cells in selection.entries.values() for seeds in cells.values())
