"""The result of a board in a few sentences: who is first where, and how much the seeds can show.

No sentence says more than the tests of the board: a group of equal rank is named as one, an overall winner is named
only where rows are compared over ten tasks, and a board without ranks has no winner.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from seqbench.leaderboard.board_data import BoardData, OverallData, PublishedCell
from seqbench.leaderboard.pages import score_text
from seqbench.leaderboard.pages.overview.first_groups import first_group, is_at_chance, name_list, ranked_rows
from seqbench.leaderboard.pages.statistics_wording import format_deviations
from seqbench.leaderboard.selection.overall_comparison import LEAST_ORDERED_TASKS
from seqbench.leaderboard.task_data import TaskData
from seqbench.utils import number_format
from seqbench.utils.number_format import counted
from seqbench.utils.visible_text import visible_line

MOST_NAMED = 3
"""Largest number of tasks on which the sentences name a first row."""


def result_sentences(data: BoardData) -> list[str]:
    """Return the result of a board as sentences; the first one says who wins, or why nobody does."""
    if not data.records:
        published = _published_sentence(data.published)
        return ["No record counts yet, so this board has no result.", *published]
    ranked = [task for task in data.tasks if len(ranked_rows(task)) > 1]
    if data.board.seeds < 2:
        sentences = ["Each row has one seed, so no difference between architectures is tested and no winner is named."]
    elif not ranked:
        sentences = ["No task has two architectures with all their seeds, so nothing is compared yet."]
    else:
        sentences = [*_winner_sentences(data, ranked), *_power_sentence(ranked)]
    at_chance = [visible_line(task.task) for task in data.tasks if is_at_chance(task)]
    if at_chance:
        sentences.append(f"No architecture is clearly above chance on {name_list(at_chance)}.")
    return [*sentences, *_published_sentence(data.published)]


def _winner_sentences(data: BoardData, ranked: Sequence[TaskData]) -> list[str]:
    """Return who is first, over all tasks or on each.

    Args:
        data: the board's data.
        ranked: the tasks with at least two ranked rows.
    """
    if data.overall and data.overall.ordered and data.overall.rows:
        return [_overall_sentence(data.overall)]
    groups = {task.task: first_group(task) for task in ranked}
    separated = [task for task in ranked if groups[task.task]]
    if not separated:
        return [f"No difference between architectures is significant on {_tasks(ranked)}."]
    if len(data.tasks) == 1:
        return [_task_sentence(separated[0])]
    firsts = Counter(label for group in groups.values() for label in group)
    most = max(firsts.values())
    leaders = [visible_line(label) for label, count in firsts.items() if count == most]
    verb = "is" if len(leaders) == 1 else "are"
    share = f"on {most} of the {number_format.counted(len(separated), 'task')} that separate architectures"
    sentences = [
        f"No overall winner: an order over tasks needs {LEAST_ORDERED_TASKS} tasks.",
        f"Most often in the first group {verb} {name_list(leaders)}, {share}.",
    ]
    alone = [task for task in separated if len(groups[task.task]) == 1]
    if alone:
        named = "; ".join(_lead(task) for task in alone[:MOST_NAMED])
        more = len(alone) - MOST_NAMED
        sentences.append(f"First alone: {named}{f'; and on {more} more' if more > 0 else ''}.")
    else:
        sentences.append("No architecture is first alone on any task.")
    return sentences


def _power_sentence(tasks: Sequence[TaskData]) -> list[str]:
    """Return which difference the seeds of the board can show, so that nobody takes equal ranks for equal rows."""
    tests = [task.test for task in tasks if task.test and task.test.detectable is not None]
    if not tests:
        return []
    sizes = sorted(test.detectable for test in tests if test.detectable is not None)
    ends = list(dict.fromkeys(format_deviations(size) for size in (sizes[0], sizes[-1])))
    seeds = number_format.counted(tests[0].seeds, "seed")
    return [
        f"With {seeds}, a difference of {' to '.join(ends)} standard deviations of the seeds is seen in 80 % of "
        "boards, so rows of one group may still differ."
    ]


def _tasks(tasks: Sequence[TaskData]) -> str:
    return f"{visible_line(tasks[0].task)}" if len(tasks) == 1 else "any task"


def _task_sentence(task: TaskData) -> str:
    """Return who is first on the only task of a board."""
    group = [visible_line(label) for label in first_group(task)]
    if len(group) == 1:
        return f"First alone: {_lead(task)}."
    return (
        f"On {visible_line(task.task)}, {name_list(group)} share first place: "
        "no difference between them is significant."
    )


def _lead(task: TaskData) -> str:
    """Return the first row of a task with its score and that of the next row."""
    first, second = ranked_rows(task)[:2]
    places = number_format.decimal_places([value for value in (first.mean, second.mean) if value is not None])
    scores = [number_format.format_score(row.mean or 0.0, places) for row in (first, second)]
    return (
        f"{visible_line(first.label)} on {visible_line(task.task)} ({visible_line(task.metric)} {scores[0]}, "
        f"next {visible_line(second.label)} {scores[1]})"
    )


def _overall_sentence(overall: OverallData) -> str:
    """Return the first row over at least ten tasks, and the rows that do not differ from it, as a sentence."""
    first, *others = overall.rows
    equal = [
        visible_line(row.label)
        for row in others
        if row.first_beats is None or row.first_beats.low is None or row.first_beats.low <= 0.5
    ]
    mean = score_text.format_estimate(first.iqm or 0.0, first.low, first.high)
    tasks = counted(len(overall.tasks), "task")
    text = f"Over {tasks}, {visible_line(first.label)} is first with an interquartile mean of {mean}"
    return f"{text}; {name_list(equal)} cannot be told apart from it." if equal else f"{text}."


def _published_sentence(cells: Sequence[PublishedCell]) -> list[str]:
    """Return how many published figures have one of ours, and how many of these agree."""
    if not cells:
        return []
    ours = [cell for cell in cells if cell.ours is not None]
    figures = number_format.counted(len(cells), "published figure")
    if not ours:
        return [f"None of {figures} has a figure of ours yet."]
    counts = Counter(cell.verdict.partition(":")[0] for cell in ours)
    verdicts = ", ".join(f"{count} {visible_line(verdict)}" for verdict, count in counts.items())
    return [f"Of {figures}, {len(ours)} {'has one' if len(ours) == 1 else 'have one'} of ours: {verdicts}."]
