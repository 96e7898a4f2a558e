"""Computation of a board's data from its card, the task cards and the records."""

from __future__ import annotations

from collections.abc import Iterable

from seqbench.leaderboard import reproduction
from seqbench.leaderboard.board_data import BoardData, BoardFacts
from seqbench.leaderboard.data.board_card import Board
from seqbench.leaderboard.data.record_collection import CollectedRecord
from seqbench.leaderboard.selection import overall_comparison, row_groups, task_rows
from seqbench.leaderboard.selection.record_eligibility import Selection, select_records
from seqbench.leaderboard.task_data import count_verifications


def build_board_data(board: Board, records: Iterable[CollectedRecord]) -> BoardData:
    """Return the data of a board; the same records in any order give the same data.

    Args:
        board: the board.
        records: records from any place, checked or excluded.
    """
    selection = select_records(board, records)
    labels = _architectures_by_label(selection)
    tasks = [
        task_rows.build_task_data(board, task, card, selection.cells[task], labels)
        for task, card in selection.cards.items()
    ]
    groups = row_groups.group_rows(tasks)
    return BoardData(
        board=BoardFacts(
            name=board.name,
            version=board.version,
            digest=board.digest(),
            title=board.title,
            summary=board.summary,
            tier=board.tier,
            seeds=board.seeds,
            columns=board.columns,
            source=board.source,
        ),
        records=sum(len(seeds) for cells in selection.cells.values() for seeds in cells.values()),
        verification=count_verifications(tasks),
        tasks=tasks,
        overall=overall_comparison.compare_across_tasks(board, tasks, groups),
        groups=groups,
        published=reproduction.compare_with_published(board, selection),
        set_aside=selection.excluded,
        unrelated=dict(sorted(selection.unrelated.items())),
        problems=[
            *selection.problems,
            *(f"{task.task}: {problem}" for task in tasks for problem in task.problems),
        ],
    )


def _architectures_by_label(selection: Selection) -> dict[str, str]:
    """Return the architecture of each row of the board, sorted by label."""
    rows = (row for cells in selection.cells.values() for row in cells.items())
    return dict(sorted((label, next(iter(seeds.values())).architecture) for label, seeds in rows))
