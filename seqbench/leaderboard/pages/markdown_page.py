"""A board in Markdown, as GitHub renders it.

The texts come from records of others and are escaped by `markdown_text`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from seqbench.leaderboard.board_commands import CheckCommands, committed_commands
from seqbench.leaderboard.board_data import BoardData, BoardFacts, OverallData, PublishedCell, RowGroups
from seqbench.leaderboard.pages import cost_columns, markdown_overview, score_text, statistics_wording, wording
from seqbench.leaderboard.pages.markdown_overview import more_rows
from seqbench.leaderboard.pages.markdown_text import escape_markdown, inline_code, render_table
from seqbench.leaderboard.pages.overview.overview_table import TOP
from seqbench.leaderboard.pages.series_style import rows_with_scores
from seqbench.leaderboard.task_data import RowData, TaskData
from seqbench.utils.number_format import (
    counted,
    format_difference,
    format_four_digits,
    format_mean,
    format_published,
)

MOST_SET_ASIDE = 200
"""The largest number of records set aside that the page names; ``board.json`` names all."""

Notes = dict[tuple[str, str], list[str]]
"""The footnotes of a table: labels of rows by remark and reason."""


def render_markdown(data: BoardData, commands: CheckCommands | None = None, top: int = TOP) -> str:
    """Return a board's ``README.md``.

    It begins with the result in a sentence and the scores of all architectures on all tasks. Published figures, the
    comparison across tasks, each task, what does not count, the rules, and how to check the page follow.

    Args:
        data: the board's data.
        commands: the commands by which a reader checks the page; by default those of a committed board.
        top: number of rows that each table shows.
    """
    board = data.board
    parts = [
        f"# {escape_markdown(board.title)}",
        markdown_overview.render_result(data),
        *markdown_overview.render_overview(data, top),
        escape_markdown(board.summary),
        *_published_section(data.published, board),
        *(_overall_section(data.overall, data.groups, top) if data.overall else []),
        *(part for task in data.tasks for part in _task_section(task, board.columns, top)),
        *_left_out_sections(data),
        _rules(data),
        _checking_section(commands or committed_commands(board.name)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _rules(data: BoardData) -> str:
    board = data.board
    seeds = "one seed" if board.seeds == 1 else f"{board.seeds} seeds"
    count = "counts" if data.records == 1 else "count"
    return f"""\
## Rules

- Tier {inline_code(board.tier)}, {seeds} for each row; {counted(data.records, "record")} {count}.
- Verified: {wording.verification_summary(data)}. {wording.SUBMITTERS_WORD}
- A score is the mean over seeds on the test split, ± the half width of its 95 % interval over seeds only
  (Student's t); `index.html` shows the interval over seeds and test samples where the records hold its figures.
- Only runs that follow the task's card without changes count. A seed whose training diverged counts with the chance
  score.
- The rank of a row is 1 + the number of rows that are significantly better. The test is a parametric bootstrap of the
  largest Welch statistic, which corrects for all comparisons of a task. No row ranks before a row with a better mean,
  and several rows may share a rank.
  {wording.RANK_ERRORS}
- Times, speeds and memory are medians over seeds, with the lowest and the highest seed in parentheses. A token is a
  time step of a sequence. FLOPs per token, state and parameters do not depend on the machine.
- A score is not clearly above chance if it is less than 5 % of the way from chance to the best possible score. A seed
  has solved the task if it reaches 99 % of that way."""


def _overall_section(overall: OverallData, groups: Sequence[RowGroups], top: int) -> list[str]:
    """Return the comparison of the rows that have all tasks.

    Args:
        overall: the comparison across tasks.
        groups: the ranks of each row over the tasks.
        top: number of rows that are shown.
    """
    notes = [
        f"- {inline_code(task)} is left out: {escape_markdown(reason)}" for task, reason in overall.left_out.items()
    ]
    notes += [f"- {inline_code(label)}: {escape_markdown(reason)}" for label, reason in overall.incomplete.items()]
    text, table = _order_table(overall, top) if overall.ordered else _groups_table(overall, groups, top)
    return [
        "## Across tasks",
        text,
        render_table(table, texts=(0,)),
        more_rows(len(overall.rows), top),
        "\n".join(notes),
    ]


def _order_table(overall: OverallData, top: int) -> tuple[str, list[list[str]]]:
    """Return the text and the table of an overall order, with the first ``top`` rows."""
    heads = ["architecture", "IQM", "95 % interval", "optimality gap", "average rank", "the first is better"]
    table = [[*heads, *(inline_code(task) for task in overall.tasks)]]
    for row in overall.rows[:top]:
        gap, beats = (score_text.format_optional(figure, 3) for figure in (row.gap, row.first_beats))
        figures = [f"{row.iqm:.3f}", score_text.format_ends(row.low, row.high), gap, f"{row.average_rank:.2f}"]
        table.append([inline_code(row.label), *figures, beats, *(f"{mean:.3f}" for mean in row.means)])
    text = (
        "Scores are rescaled, so that chance is 0 and the best possible score or the anchor is 1. IQM is the "
        "interquartile mean over all tasks with such a scale, and the optimality gap the mean distance from 1, with "
        "their 95 % intervals over seeds. *The first is better* is the probability that a run of the first row is "
        "better than a run of this row on a randomly drawn task (Agarwal et al. 2021, arXiv 2108.13264)."
    )
    if overall.rank_test:
        test = overall.rank_test
        text += (
            f" Average ranks differ significantly from {test.critical_difference:.2f} on (Nemenyi); Friedman's test of "
            f"all rows: p = {statistics_wording.format_p(test.p)} (Demšar 2006)."
        )
    return text, table


def _groups_table(overall: OverallData, groups: Sequence[RowGroups], top: int) -> tuple[str, list[list[str]]]:
    """Return the text and the table of a board without an overall order.

    Args:
        overall: the comparison across tasks.
        groups: the ranks of each row over the tasks.
        top: number of rows that are shown.
    """
    table = [["architecture", "first in", "last in", *(inline_code(task) for task in overall.tasks)]]
    by_label = {row.label: row for row in groups}
    for row in overall.rows[:top]:
        group = by_label.get(row.label)
        counts = [str(group.firsts), str(group.lasts)] if group else ["", ""]
        table.append([inline_code(row.label), *counts, *(f"{mean:.3f}" for mean in row.means)])
    text = (
        f"{statistics_wording.order_sentence(overall)} *First in* and *last in* count the tasks where a row is in the "
        "first and in the last group of rows that do not differ significantly; tasks that separate no rows do not "
        "count. Scores are rescaled, so that chance is 0 and the best possible score or the anchor is 1."
    )
    return text, table


def _task_section(task: TaskData, columns: Sequence[str], top: int) -> list[str]:
    """Return the section of a task: facts, table, footnotes, and sources.

    Args:
        task: the task.
        columns: the cost columns of the board's card.
        top: number of rows that the table shows.
    """
    card = f"card {inline_code(task.name)} version {task.card.version}, digest {inline_code(task.card.digest[:8])}"
    facts = [
        f"Metric {inline_code(task.metric)}, {wording.direction_text(task.direction)}",
        escape_markdown(wording.secondary_summary(task)),
        f"models of {wording.format_size(task.size)}" if task.size else "",
        card,
    ]
    heading = f"## {inline_code(task.task)}"
    prose = [escape_markdown(text) for text in (task.summary, task.limits) if text]
    text = "\n\n".join([*prose, f"{'; '.join(fact for fact in facts if fact)}."])
    scored = rows_with_scores(task)
    if not scored:
        return [heading, text, "No row has a score yet.", _without_score(task), _references(task)]
    columns = cost_columns.page_columns(columns)
    shared = cost_columns.shared_costs(task, columns)
    shared_texts = [f"{_column_title(column)} {escape_markdown(value)}" for column, value in shared.items() if value]
    more = more_rows(len(scored), top)
    shown = replace(task, rows=scored[:top])
    table, notes = _task_table(shown, [column for column in columns if column not in shared])
    test = escape_markdown(" ".join(statistics_wording.test_sentences(task.test)))
    below = [f"In all rows: {'; '.join(shared_texts)}."] if shared_texts else []
    below += [wording.as_sentence(note[0].upper() + note[1:]) for note in cost_columns.machine_notes(task, columns)]
    notes = "\n".join(filter(None, (notes, _without_score(task))))
    return [heading, text, *[test] * bool(test), table, more, notes, *below, _references(task)]


def _task_table(task: TaskData, columns: Sequence[str]) -> tuple[str, str]:
    """Return the table of a task and its footnotes; rows with the same remark and reason share a footnote."""
    published = wording.published_figures(task)
    columns = [column for column in columns if any(row.costs.get(column) for row in task.rows)]
    secondary = [line.metric for line in task.secondary]
    heads = ["rank", "architecture", "score", *map(inline_code, secondary), "solved", *["published"] * bool(published)]
    table = [[*heads, *(_column_title(column) for column in columns), "remarks"]]
    notes: Notes = {}
    for row in task.rows:
        table.append(
            [
                statistics_wording.format_rank(row),
                inline_code(row.label),
                format_mean(row.mean, row.half_width),
                *(wording.format_secondary(row, metric) for metric in secondary),
                wording.format_solved(row),
                *([published.get(row.architecture, "")] if published else []),
                *(escape_markdown(_cost(row, column)) for column in columns),
                _remarks(row, notes),
            ]
        )
    for name, value, source in wording.reference_scores(task):
        empty = [""] * (len(table[0]) - 4)
        table.append(["", f"*{escape_markdown(name)}*", format_four_digits(value), *empty, escape_markdown(source)])
    texts = [heads.index("architecture"), len(table[0]) - 1]
    texts += [
        len(heads) + place for place, name in enumerate(columns) if cost_columns.COLUMNS[name].format_value is None
    ]
    lines = (
        f"- ({number}) {', '.join(labels)}, {remark}: {escape_markdown(reason)}"
        for number, ((remark, reason), labels) in enumerate(notes.items(), start=1)
    )
    return render_table(table, texts), "\n".join(lines)


def _without_score(task: TaskData) -> str:
    """Return a list of the rows without a score, by reason."""
    groups = wording.rows_without_score(task)
    return "\n".join(
        f"- {', '.join(map(inline_code, labels))}: {escape_markdown(reason)}" for reason, labels in groups.items()
    )


def _cost(row: RowData, column: str) -> str:
    """Return a cost, with its lowest and highest seed if it depends on the machine."""
    ends = cost_columns.format_range(column, row.cost_ranges.get(column)) if cost_columns.COLUMNS[column].timed else ""
    return cost_columns.format_cost(column, row.costs.get(column)) + (f" ({ends})" if ends else "")


def _remarks(row: RowData, notes: Notes) -> str:
    """Return a row's remarks with the numbers of their footnotes, and add the row to these footnotes."""
    remarks = []
    for remark, reason in wording.row_remarks(row):
        if reason:
            notes.setdefault((remark, reason), []).append(inline_code(row.label))
            remarks.append(f"{remark} ({list(notes).index((remark, reason)) + 1})")
        else:
            remarks.append(remark)
    return ", ".join(remarks)


def _column_title(column: str) -> str:
    title = cost_columns.COLUMNS[column].title
    return title if title[1].isupper() else title.lower()


def _references(task: TaskData) -> str:
    """Return the notes on the best possible score and the anchor, and the sources of published figures."""
    notes = []
    if task.best is None and task.best_unknown:
        notes.append(f"- The best possible score is unknown: {escape_markdown(wording.as_sentence(task.best_unknown))}")
    if task.anchor is not None:
        source = f" ({escape_markdown(task.anchor_source)})" if task.anchor_source else ""
        notes.append(
            f"- In the comparison across tasks, the anchor {format_published(task.anchor)}{source} counts as 1."
        )
    sources: dict[tuple[str, str], list[str]] = {}
    for item in task.published:
        figure = f"{inline_code(item.shown)} {format_published(item.value)}"
        sources.setdefault((item.source, item.setting), []).append(figure)
    for (source, setting), figures in sources.items():
        where = escape_markdown(", ".join(filter(None, (setting, source))))
        notes.append(f"- Published: {', '.join(figures)} ({where}).")
    return "\n".join(notes)


def _published_section(cells: Sequence[PublishedCell], board: BoardFacts) -> list[str]:
    """Return the published table beside our figures; nothing for a board without one."""
    if not cells:
        return []
    heads = ["table row", "architecture", "published", "ours", "seeds", "parameters", "chance", "difference"]
    table = [[*heads, "verdict", "command"]]
    for cell in cells:
        table.append(
            [
                escape_markdown(cell.row),
                inline_code(cell.shown),
                format_published(cell.published),
                wording.format_our_figure(cell),
                f"{cell.seeds}/{board.seeds}" if cell.ours is not None else "",
                wording.format_parameters(cell),
                format_four_digits(cell.chance),
                format_difference(cell.difference),
                escape_markdown(cell.verdict),
                inline_code(cell.command) if cell.command else "",
            ]
        )
    statistic = wording.statistic_sentence(cells)
    source = f"Source: {escape_markdown(wording.as_sentence(board.source))}" if board.source else ""
    descriptions: dict[str, str] = {}
    for cell in cells:
        descriptions.setdefault(cell.row, wording.row_description(cell))
    rows = "\n".join(f"- {escape_markdown(row)}: {escape_markdown(text)}" for row, text in descriptions.items())
    aside = "\n".join(f"- not counted: {escape_markdown(line)}" for cell in cells for line in cell.aside)
    deviations = [
        f"Where {inline_code(task)} at tier {inline_code(board.tier)} deviates from the published recipe:\n\n"
        + "\n".join(f"- {escape_markdown(text)}" for text in texts)
        for task, texts in wording.deviations_by_task(cells).items()
    ]
    return [
        "## Published and ours",
        f"{statistic} {source}".rstrip(),
        render_table(table, texts=(0, 1, 8, 9)),
        rows,
        *deviations,
        aside,
    ]


def _left_out_sections(data: BoardData) -> list[str]:
    """Return the tasks that cannot be used, the records that do not count, and the number of unrelated records."""
    parts = []
    if data.problems:
        problems = "\n".join(f"- {escape_markdown(problem)}" for problem in data.problems)
        parts += ["## Tasks that cannot be used", problems]
    if data.set_aside:
        named = data.set_aside[:MOST_SET_ASIDE]
        lines = [f"- {inline_code(item.origin)}: {escape_markdown(item.reason)}" for item in named]
        more = len(data.set_aside) - len(named)
        lines += [f"- {counted(more, 'more record')}, which `board.json` names"] if more else []
        parts += ["## Records set aside", "\n".join(lines)]
    if data.unrelated:
        counts = ", ".join(f"{count:,} {escape_markdown(what)}" for what, count in data.unrelated.items())
        parts.append(f"Records that do not belong to this board: {counts}.")
    return parts


def _checking_section(commands: CheckCommands) -> str:
    where = "" if commands.committed else f" In {commands.folder}:"
    lines = "\n".join(filter(None, (commands.build, commands.check, commands.verify)))
    return f"""## How to check this page

This page is generated from the records alone. `board.json` holds every figure of it; `index.html` shows curves and
the result of each seed.{where}

```sh
{lines}
```"""
