r"""A board as tables for a paper: ``\input`` them; they need the package booktabs, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seqbench.leaderboard import board_data
from seqbench.leaderboard.pages import wording
from seqbench.leaderboard.pages.wording import visible_line
from seqbench.utils import number_format
from seqbench.utils.number_format import format_four_digits, format_published

MARKS = {board_data.INCOMPLETE: r"\dagger", "diverged": r"\ddagger", "chance": r"\circ"}
"""What stands at a score that is not all that it seems; the caption explains those that occur."""

_MEANINGS = {
    r"\dagger": "not all seeds have a record, so it has no rank",
    r"\ddagger": "a seed diverged, and counts as chance",
    r"\circ": "not clearly above chance",
}
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
    # After the end of a row these would be taken for its arguments.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
}


def render_latex(document: Mapping[str, Any]) -> str:
    """A board as LaTeX: architectures by tasks, and the published table where there is one.

    Args:
        document: of ``document.make``.
    """
    board = document["board"]
    name = f"{visible_line(board['name'])}, version {board['version']}, digest {board['digest']}"
    head = f"% {name}\n% \\usepackage{{booktabs}}"
    made = [_overall(document)] if any(task["rows"] for task in document["tasks"]) else []
    made += [_published(document)] if document["published"] else []
    return "\n\n".join([head, *made]) + "\n"


def escape_latex(text: Any) -> str:
    """A text that LaTeX sets as its letters; other than ASCII stays as it is, in UTF-8."""
    return "".join(_ESCAPES.get(letter, letter) for letter in visible_line(text))


def _overall(document: Mapping[str, Any]) -> str:
    board, tasks, overall = document["board"], document["tasks"], document["overall"]
    by_label = {task["task"]: {row["label"]: row for row in task["rows"]} for task in tasks}
    means = {row["label"]: row["iqm"] for row in overall["rows"]} if overall else {}
    rest = sorted({label for cells in by_label.values() for label in cells} - set(means))
    body = []
    for label in [*means, *rest]:
        cells = [cell for task in tasks for cell in _cells(task, by_label[task["task"]].get(label))]
        iqm = [f"${means[label]:.3f}$" if label in means else "--"] if overall else []
        body.append([escape_latex(label), *cells, *iqm])
    lines = [
        [name, *(_number(line[key]) for task in tasks for line in _lines(task)), *([value] if overall else [])]
        for name, key, value in (
            ("best possible", "best", "$1$"),
            ("anchor", "anchor", "$1$"),
            ("chance", "chance", "$0$"),
        )
        if key != "anchor" or any(task["anchor"] is not None for task in tasks)
    ]
    heads = [
        "architecture",
        *(text for task in tasks for text in [escape_latex(task["task"]), *[""] * len(task["secondary"])]),
    ]
    metrics = ["", *(text for task in tasks for text in _metrics(task))]
    heads, metrics = [*heads, *(["across tasks"] if overall else [])], [*metrics, *(["IQM"] if overall else [])]
    return _table([heads, metrics], [body, lines], _caption(document), f"tab:{board['name']}")


def _metrics(task: Mapping[str, Any]) -> list[str]:
    """The metrics of a task, each a column: the one that decides, and those beside it."""
    beside = (escape_latex(line["metric"]) for line in task["secondary"])
    return [_metric(task["metric"], task["direction"]), *beside]


def _lines(task: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The lines of each of a task's metrics; an anchor is of the one that decides alone."""
    return [task, *({"anchor": None, **line} for line in task["secondary"])]


def _cells(task: Mapping[str, Any], row: Mapping[str, Any] | None) -> list[str]:
    beside = (wording.format_secondary(row or {}, line["metric"]) for line in task["secondary"])
    return [_cell(row), *(f"${_digits(words)}$" if words else "--" for words in beside)]


def _cell(row: Mapping[str, Any] | None) -> str:
    r"""``$\mathbf{0.9990 \pm 0.0010}$`` for one of the best; a dash for none."""
    if row is None or row["state"] == board_data.MISSING:
        return "--"
    if row["state"] == board_data.NOT_APPLICABLE:
        return "n/a"
    marks = "".join(_marks(row))
    score = _digits(number_format.format_mean(row["mean"], row["half_width"])) or "?"
    score = rf"\mathbf{{{score}}}" if row["rank"] == 1 else score
    return f"${score}^{{{marks}}}$" if marks else f"${score}$"


def _marks(row: Mapping[str, Any]) -> Iterable[str]:
    if row["state"] == board_data.INCOMPLETE:
        yield MARKS[board_data.INCOMPLETE]
    if row.get("diverged"):
        yield MARKS["diverged"]
    if row.get("above_chance") is False:
        yield MARKS["chance"]


def _caption(document: Mapping[str, Any]) -> str:
    board = document["board"]
    seeds = "one seed" if board["seeds"] == 1 else f"{board['seeds']} seeds, $\\pm$ half of the 95\\,\\% interval"
    said = [
        f"{escape_latex(board['title'])}.",
        f"Test scores at tier {escape_latex(board['tier'])}: means over {seeds}.",
    ]
    if any(row["rank"] == 1 for task in document["tasks"] for row in task["rows"]):
        said.append("Bold: no other architecture is significantly better.")
    if any(task["secondary"] for task in document["tasks"]):
        said.append("By a metric without an arrow nobody ranks.")
    if document["overall"]:
        said.append("IQM: the interquartile mean of scores between chance (0) and the best possible or the anchor (1).")
        without = [escape_latex(task) for task in document["overall"]["left_out"]]
        said += [f"It leaves out {', '.join(without)}."] if without else []
    used = {mark for task in document["tasks"] for row in task["rows"] for mark in _marks(row)}
    said += [f"${mark}$: {meaning}." for mark, meaning in _MEANINGS.items() if mark in used]
    return " ".join(said)


def _published(document: Mapping[str, Any]) -> str:
    board = document["board"]
    body: list[list[str]] = []
    for cell in document["published"]:
        first = not body or cell["row"] != document["published"][len(body) - 1]["row"]
        body.append(
            [
                escape_latex(cell["row"]) if first else "",
                _metric(cell["metric"], cell["direction"]) if first else "",
                escape_latex(cell["architecture"]),
                f"${_digits(format_published(cell['published']))}$",
                _ours(cell),
                escape_latex(wording.format_parameters(cell)) or "--",
                _number(cell["chance"]),
                # What a cell needs, or why a run ended, is for the page.
                escape_latex(cell["verdict"] if cell["ours"] is not None else cell["verdict"].partition(":")[0]),
            ]
        )
    heads = ["", "metric", "architecture", "published", "ours", "parameters", "chance", "verdict"]
    source = f" Published: {escape_latex(board['source'])}." if board["source"] else ""
    departs = " ".join(
        f"{escape_latex(task)} departs from the published recipe: {escape_latex('; '.join(texts).rstrip('.'))}."
        for task, texts in wording.deviations_by_task(document["published"]).items()
    )
    caption = f"{escape_latex(board['title'])}.{source}"
    return _table([heads], [body], caption, f"tab:{board['name']}-published", texts=(0, 1, 2, 7), below=departs)


def _ours(cell: Mapping[str, Any]) -> str:
    """Our figure, and whether it is not the mean of our seeds but the best of them."""
    if cell["ours"] is None:
        return "--"
    best = wording.best_of_seeds(cell)
    return f"${_digits(number_format.format_mean(cell['ours'], cell['half_width']))}$" + f" ({best})" * bool(best)


def _metric(name: str, direction: str) -> str:
    return rf"{escape_latex(name)} $\{'uparrow' if direction == 'max' else 'downarrow'}$"


def _number(value: float | None) -> str:
    return "--" if value is None else f"${_digits(format_four_digits(value))}$"


def _digits(text: str) -> str:
    """A figure as mathematics: ``5.3e-05`` is a power of ten, and ``±`` a sign between two numbers."""
    powers = re.sub(r"e([+-])0*(\d+)", lambda m: rf"\cdot 10^{{{m[1].strip('+')}{m[2]}}}", text)
    return powers.replace("±", r"\pm")


def _table(
    heads: Sequence[Sequence[str]],
    parts: Sequence[Sequence[Sequence[str]]],
    caption: str,
    label: str,
    texts: Sequence[int] = (0,),
    below: str = "",
) -> str:
    columns = "".join("l" if place in texts else "r" for place in range(len(heads[0])))
    ruled = [line for part in parts for line in [r"\midrule", *(_row(cells) for cells in part)]]
    inside = [r"\toprule", *(_row(cells) for cells in heads), *ruled, r"\bottomrule"]
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{caption}}}",
            rf"  \label{{{label}}}",
            rf"  \begin{{tabular}}{{{columns}}}",
            *(f"    {line}" for line in inside),
            r"  \end{tabular}",
            *([rf"  \par\medskip\parbox{{\linewidth}}{{\footnotesize {below}}}"] if below else []),
            r"\end{table}",
        ]
    )


def _row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"
