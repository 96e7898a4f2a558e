r"""A board as LaTeX tables for a paper: use them with ``\input``; they need the package booktabs and no other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from seqbench.leaderboard.board_data import BoardData, OverallData, PublishedCell
from seqbench.leaderboard.pages import wording
from seqbench.leaderboard.pages.overview.overview_table import TOP, build_overview
from seqbench.leaderboard.task_data import INCOMPLETE, MISSING, NOT_APPLICABLE, RowData, TaskData
from seqbench.utils import number_format
from seqbench.utils.number_format import counted
from seqbench.utils.visible_text import visible_line

DAGGER, DOUBLE_DAGGER, CIRCLE = r"\dagger", r"\ddagger", r"\circ"

MARKS = {
    DAGGER: "not all seeds have a record, so the row has no rank",
    DOUBLE_DAGGER: "a seed diverged and counts with the chance score",
    CIRCLE: "not clearly above chance",
}
"""Marks at scores, with their meanings. The caption explains the marks that occur."""

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    # After the end of a row, LaTeX would take these for its arguments.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
}

Lines = Sequence[Sequence[str]]
"""Lines of a table, each with one text for each column."""

# Tables are not written by pandas. Its ``Styler.to_latex`` leaves ``[``, ``*`` and line breaks of a text unescaped, has
# no rule before the references and no note below the table, and pandas takes half a second to import.


@dataclass(frozen=True)
class _Table:
    """The parts of a LaTeX table.

    Args:
        heads: the lines of its head.
        parts: groups of lines, separated by rules.
        caption: its caption.
        label: its label.
        texts: the columns that hold texts and are aligned to the left; the others hold numbers.
        note: a paragraph below the table; may be empty.
    """

    heads: Lines
    parts: Sequence[Lines]
    caption: str
    label: str
    texts: Sequence[int] = (0,)
    note: str = ""


def render_latex(data: BoardData, top: int = TOP) -> str:
    """Return a board as LaTeX: a table of architectures by tasks, and the published table where there is one.

    Args:
        data: the board's data.
        top: number of architectures that the table shows.
    """
    board = data.board
    head = f"% {visible_line(board.name)}, version {board.version}, digest {board.digest}\n% \\usepackage{{booktabs}}"
    tables = [_results_table(data, top)] if any(task.rows for task in data.tasks) else []
    tables += [_published_table(data)] if data.published else []
    return "\n\n".join([head, *map(_render_table, tables)]) + "\n"


def escape_latex(text: object) -> str:
    r"""Return a text that LaTeX prints as it is; characters outside ASCII stay as they are, in UTF-8.

    >>> print(escape_latex("d_model & 5 %"))
    d\_model \& 5 \%
    """
    return "".join(_ESCAPES.get(letter, letter) for letter in visible_line(text))


def _ordered(data: BoardData) -> OverallData | None:
    """Return the comparison across tasks if it has an overall order; otherwise None."""
    return data.overall if data.overall and data.overall.ordered else None


def _results_table(data: BoardData, top: int) -> _Table:
    """Return the table with a line for each row of the board, and columns for the metrics of each task."""
    tasks, overall = data.tasks, _ordered(data)
    first = [row.label for row in build_overview(data).rows]
    by_label = {task.task: {row.label: row for row in task.rows} for task in tasks}
    means = {row.label: row.iqm or 0.0 for row in overall.rows} if overall else {}
    others = sorted({label for rows in by_label.values() for label in rows} - set(first))
    labels = [*first, *others]
    body = []
    for label in labels[:top]:
        cells = [cell for task in tasks for cell in _task_cells(task, by_label[task.task].get(label))]
        iqm = [f"${means[label]:.3f}$" if label in means else "--"] if overall else []
        body.append([escape_latex(label), *cells, *iqm])
    names = [text for task in tasks for text in [escape_latex(task.task), *[""] * len(task.secondary)]]
    metrics = [text for task in tasks for text in _metric_names(task)]
    heads = [
        ["architecture", *names, *(["across tasks"] if overall else [])],
        ["", *metrics, *(["IQM"] if overall else [])],
    ]
    return _Table(heads, [body, _reference_lines(data)], _caption(data, len(labels), top), f"tab:{data.board.name}")


def _metric_names(task: TaskData) -> list[str]:
    secondary = (escape_latex(line.metric) for line in task.secondary)
    return [_metric(task.metric, task.direction), *secondary]


def _reference_lines(data: BoardData) -> list[list[str]]:
    """Return the lines of the best possible scores, the anchors where there are any, and chance."""
    tasks, overall = data.tasks, _ordered(data)
    best = [value for task in tasks for value in (task.best, *(line.best for line in task.secondary))]
    chance = [value for task in tasks for value in (task.chance, *(line.chance for line in task.secondary))]
    anchor = [value for task in tasks for value in (task.anchor, *(None for _ in task.secondary))]
    lines = [("best possible", best, "$1$"), ("anchor", anchor, "$1$"), ("chance", chance, "$0$")]
    return [
        [name, *map(_number, values), *([scaled] if overall else [])]
        for name, values, scaled in lines
        if name != "anchor" or any(task.anchor is not None for task in tasks)
    ]


def _task_cells(task: TaskData, row: RowData | None) -> list[str]:
    intervals = (row.secondary.get(line.metric) if row else None for line in task.secondary)
    secondary = (number_format.format_mean(item.mean, item.half_width or None) if item else "" for item in intervals)
    return [_score(row), *(f"${_math(text)}$" if text else "--" for text in secondary)]


def _score(row: RowData | None) -> str:
    r"""Return a score as ``$\mathbf{0.9990 \pm 0.0010}$``, bold for the first rank; dashes for a missing one."""
    if row is None or row.state == MISSING:
        return "--"
    if row.state == NOT_APPLICABLE:
        return "n/a"
    marks = "".join(_marks(row))
    score = _math(number_format.format_mean(row.mean, row.half_width or None)) or "?"
    score = rf"\mathbf{{{score}}}" if row.rank == 1 else score
    return f"${score}^{{{marks}}}$" if marks else f"${score}$"


def _marks(row: RowData) -> list[str]:
    """Return the marks of a row's score."""
    marks = {DAGGER: row.state == INCOMPLETE, DOUBLE_DAGGER: row.diverged > 0, CIRCLE: row.above_chance is False}
    return [mark for mark, applies in marks.items() if applies]


def _caption(data: BoardData, count: int, top: int) -> str:
    """Return the caption of the table of results.

    Args:
        data: the board's data.
        count: number of architectures.
        top: number of architectures that the table shows.
    """
    board = data.board
    seeds = "one seed" if board.seeds == 1 else f"{board.seeds} seeds, $\\pm$ the half width of the 95\\,\\% interval"
    sentences = [
        escape_latex(wording.as_sentence(board.title)),
        f"Test scores at tier {escape_latex(board.tier)}: means over {seeds}.",
    ]
    if count > top:
        sentences.append(f"The first {top} of {counted(count, 'architecture')}.")
    if any(row.half_width == 0 for task in data.tasks for row in task.rows):
        sentences.append("A mean without $\\pm$ is the score of all seeds.")
    if any(row.rank == 1 for task in data.tasks for row in task.rows):
        sentences.append("Bold: no other row is significantly better.")
    if any(task.secondary for task in data.tasks):
        sentences.append("Metrics without an arrow are not used for ranking.")
    overall = _ordered(data)
    if overall:
        sentences.append(
            "IQM: interquartile mean of the scores, rescaled from chance (0) to the best possible or the anchor (1)."
        )
        left_out = [escape_latex(task) for task in overall.left_out]
        sentences += [f"It leaves out the tasks {', '.join(left_out)}."] if left_out else []
    used = {mark for task in data.tasks for row in task.rows for mark in _marks(row)}
    sentences += [f"${mark}$: {meaning}." for mark, meaning in MARKS.items() if mark in used]
    return " ".join(sentences)


def _published_table(data: BoardData) -> _Table:
    """Return the published table with our figures; a row's name and metric stand in its first line only."""
    board = data.board
    body: list[list[str]] = []
    previous: str | None = None
    for cell in data.published:
        first = cell.row != previous
        previous = cell.row
        # The page says what a cell needs, or why a run failed; here the verdict is short.
        verdict = cell.verdict if cell.ours is not None else cell.verdict.partition(":")[0]
        body.append(
            [
                escape_latex(cell.row) if first else "",
                _metric(cell.metric, cell.direction) if first else "",
                escape_latex(cell.shown),
                f"${_math(number_format.format_published(cell.published))}$",
                _our_figure(cell),
                escape_latex(wording.format_parameters(cell)) or "--",
                _number(cell.chance),
                escape_latex(verdict),
            ]
        )
    heads = ["", "metric", "architecture", "published", "ours", "parameters", "chance", "verdict"]
    source = f" Published: {escape_latex(wording.as_sentence(board.source))}" if board.source else ""
    note = " ".join(
        f"{escape_latex(task)} deviates from the published recipe: {escape_latex('; '.join(texts).rstrip('.'))}."
        for task, texts in wording.deviations_by_task(data.published).items()
    )
    statistic = escape_latex(wording.statistic_sentence(data.published)).replace("±", r"$\pm$")
    caption = f"{escape_latex(wording.as_sentence(board.title))}{source} {statistic}"
    return _Table([heads], [body], caption, f"tab:{board.name}-published", texts=(0, 1, 2, 7), note=note)


def _our_figure(cell: PublishedCell) -> str:
    """Return our figure with the half width of its interval."""
    if cell.ours is None:
        return "--"
    return f"${_math(number_format.format_mean(cell.ours, cell.half_width or None))}$"


def _metric(name: str, direction: str) -> str:
    return rf"{escape_latex(name)} $\{'uparrow' if direction == 'max' else 'downarrow'}$"


def _number(value: float | None) -> str:
    return "--" if value is None else f"${_math(number_format.format_four_digits(value))}$"


def _math(text: str) -> str:
    r"""Return a formatted number for math mode: ``5.3e-05`` as a power of ten, and ``±`` as ``\pm``."""
    powers = re.sub(r"e([+-])0*(\d+)", lambda m: rf"\cdot 10^{{{m[1].strip('+')}{m[2]}}}", text)
    return powers.replace("±", r"\pm")


def _render_table(table: _Table) -> str:
    columns = "".join("l" if place in table.texts else "r" for place in range(len(table.heads[0])))
    body = [line for part in table.parts for line in [r"\midrule", *map(_render_line, part)]]
    lines = [r"\toprule", *map(_render_line, table.heads), *body, r"\bottomrule"]
    note = [rf"  \par\medskip\parbox{{\linewidth}}{{\footnotesize {table.note}}}"] if table.note else []
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{table.caption}}}",
            rf"  \label{{{table.label}}}",
            rf"  \begin{{tabular}}{{{columns}}}",
            *(f"    {line}" for line in lines),
            r"  \end{tabular}",
            *note,
            r"\end{table}",
        ]
    )


def _render_line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"
