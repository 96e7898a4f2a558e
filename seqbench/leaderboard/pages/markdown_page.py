"""A board in Markdown, as GitHub renders it, and good to read as it is; strings of strangers stay letters."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

from seqbench.leaderboard.pages import wording
from seqbench.leaderboard.pages.wording import visible_line
from seqbench.utils import number_format
from seqbench.utils.number_format import format_four_digits, format_interval, format_published

MOST_ASIDE = 200
"""Records set aside that are named here; ``board.json`` names all."""

Table = list[list[str]]


def render_markdown(document: Mapping[str, Any]) -> str:
    """A board's ``README.md``: rules, published figures, rows across tasks, each task, what does not count, checking.

    Args:
        document: of ``document.make``.
    """
    board = document["board"]
    parts = [
        f"# {_prose(board['title'])}",
        _prose(board["summary"]),
        _rules(document),
        *_published(document["published"], board),
        *_overall(document["overall"]),
        *(part for task in document["tasks"] for part in _task(task, board["columns"])),
        *_left_out(document),
        _checking(board["name"]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _rules(document: Mapping[str, Any]) -> str:
    board, count = document["board"], document["records"]
    seeds = "one seed" if board["seeds"] == 1 else f"{board['seeds']} seeds"
    return f"""\
- Tier {inline_code(board["tier"])}, {seeds} for each cell; {count:,} record{"s" * (count != 1)} count.
- A score is the mean over seeds on the test split, ± half of its 95 % interval (Student's t).
- Only runs that leave the task's card unmodified count. A diverged seed counts as chance.
- A row's rank is one more than the number of rows that are significantly better (parametric bootstrap of the largest
  Welch statistic, which corrects for all comparisons at once), and never before a row with a better mean; several rows
  may share one. {wording.RANK_ERRORS}
- A score less than 5 % of the way from chance to the best possible is not clearly above chance; a seed that reaches
  99 % of that way has solved the task."""


def _overall(section: Mapping[str, Any] | None) -> list[str]:
    """The rows that have all tasks, compared as a whole."""
    if section is None:
        return []
    head = ["architecture", "IQM", "95 % interval", "the first is better"]
    table = [[*head, *(inline_code(task) for task in section["tasks"])]]
    for row in section["rows"]:
        beats = row["first_beats"]
        better = (
            f"{beats['value']:.2f} ({format_interval(beats['low'], beats['high'], 2) or 'unknown'})" if beats else ""
        )
        span = format_interval(row["low"], row["high"])
        table.append(
            [inline_code(row["label"]), f"{row['iqm']:.3f}", span, better, *(f"{mean:.3f}" for mean in row["means"])]
        )
    said = (
        "Scores between chance (0) and the best possible or the anchor (1), over all tasks that have a scale: the "
        "interquartile mean with its stratified bootstrap interval, and the probability that a run of the first row is "
        "better than one of this row on a task drawn at random (Agarwal et al. 2021, arXiv 2108.13264)."
    )
    notes = [f"- without a scale here: {inline_code(task)}, {_prose(why)}" for task, why in section["left_out"].items()]
    notes += [f"- {inline_code(label)}: {_prose(why)}" for label, why in section["incomplete"].items()]
    return ["## Across tasks", said, _table(table, texts=(0,)), "\n".join(notes)]


def _task(task: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    """The section of one task: what it is, its rows and references, and what must be said of them."""
    size = task["size"]
    facts = [
        f"Metric {inline_code(task['metric'])}, {wording.direction_text(task['direction'])}",
        _prose(wording.secondary_summary(task)),
        f"models of {size['parameters']:,} parameters ± {100 * size['tolerance']:g} %" if size else "",
        f"card {inline_code(task['name'])} version {task['card']['version']}, digest {inline_code(task['card']['digest'][:8])}",
    ]
    said = f"{_prose(task['summary'])}\n\n{'; '.join(fact for fact in facts if fact)}."
    if not task["rows"]:
        return [f"## {inline_code(task['task'])}", said, "No record counts yet.", _references(task)]
    once = wording.shared_costs(task, columns)
    said_once = [f"{_heading(column)} {_prose(text)}" for column, text in once.items() if text]
    table, notes = _rows(task, [column for column in columns if column not in once])
    below = [f"In all rows: {'; '.join(said_once)}."] if said_once else []
    return [f"## {inline_code(task['task'])}", said, table, notes, *below, _references(task)]


def _rows(task: Mapping[str, Any], columns: Sequence[str]) -> tuple[str, str]:
    """The table of a task, and its footnotes: one for all rows that have the same reason."""
    published = wording.published_figures(task)
    columns = [column for column in columns if any(row.get("costs", {}).get(column) for row in task["rows"])]
    beside = [line["metric"] for line in task["secondary"]]
    fixed = [
        "rank",
        "architecture",
        "score",
        *map(inline_code, beside),
        "solved",
        *(["published"] if published else []),
    ]
    table = [[*fixed, *(_heading(column) for column in columns), "remarks"]]
    notes: dict[tuple[str, str], list[str]] = {}
    for row in task["rows"]:
        marks = []
        for words, reason in wording.row_remarks(row):
            if reason:
                notes.setdefault((words, reason), []).append(inline_code(row["label"]))
            marks.append(f"{words} ({list(notes).index((words, reason)) + 1})" if reason else words)
        costs = row.get("costs", {})
        table.append(
            [
                str(row["rank"] or ""),
                inline_code(row["label"]),
                number_format.format_mean(row.get("mean"), row.get("half_width")),
                *(wording.format_secondary(row, metric) for metric in beside),
                wording.format_solved(row),
                *([published.get(row["architecture"], "")] if published else []),
                *(_prose(wording.format_cost(column, costs.get(column))) for column in columns),
                ", ".join(marks),
            ]
        )
    for name, value, source in wording.reference_scores(task):
        empty = [""] * (len(table[0]) - 4)
        table.append(["", f"*{_prose(name)}*", format_four_digits(value), *empty, _prose(source)])
    texts = [fixed.index("architecture"), len(table[0]) - 1]
    texts += [
        len(fixed) + place for place, column in enumerate(columns) if wording.COLUMNS[column].format_value is None
    ]
    lines = (
        f"- ({place}) {', '.join(labels)}, {words}: {_prose(reason)}"
        for place, ((words, reason), labels) in enumerate(notes.items(), start=1)
    )
    return _table(table, texts), "\n".join(lines)


def _heading(column: str) -> str:
    title = wording.COLUMNS[column].title
    return title if title[1].isupper() else title.lower()


def _references(task: Mapping[str, Any]) -> str:
    """What is known of the lines, and whose the published figures are."""
    said = []
    if task["best"] is None and task["best_unknown"]:
        said.append(f"- The best possible is unknown: {_prose(task['best_unknown'])}.")
    if task["anchor"] is not None:
        source = f" ({_prose(task['anchor_source'])})" if task["anchor_source"] else ""
        said.append(f"- Across tasks, the anchor {format_published(task['anchor'])}{source} counts as 1.")
    sources: dict[tuple[str, str], list[str]] = {}
    for item in task["published"]:
        words = f"{inline_code(item['architecture'])} {format_published(item['value'])}"
        sources.setdefault((item["source"], item["setting"]), []).append(words)
    for (source, setting), figures in sources.items():
        said.append(f"- Published: {', '.join(figures)} ({_prose(', '.join(filter(None, (setting, source))))}).")
    return "\n".join(said)


def _published(cells: Sequence[Mapping[str, Any]], board: Mapping[str, Any]) -> list[str]:
    """The published table, cell by cell."""
    if not cells:
        return []
    heads = ["table row", "architecture", "published", "ours", "seeds", "parameters", "chance", "difference"]
    table = [[*heads, "verdict", "command"]]
    settings: dict[str, str] = {}
    for cell in cells:
        settings.setdefault(cell["row"], wording.row_description(cell))
        seeds = f"{cell['seeds']}/{board['seeds']}" if cell["ours"] is not None else ""
        table.append(
            [
                _prose(cell["row"]),
                inline_code(cell["architecture"]),
                format_published(cell["published"]),
                wording.format_our_figure(cell),
                seeds,
                wording.format_parameters(cell),
                format_four_digits(cell["chance"]),
                number_format.format_difference(cell["difference"]),
                _prose(cell["verdict"]),
                inline_code(cell["command"]) if cell["command"] else "",
            ]
        )
    source = f"Source: {_prose(board['source'])}." if board["source"] else ""
    rows = "\n".join(f"- {_prose(row)}: {_prose(setting)}" for row, setting in settings.items())
    aside = "\n".join(f"- not counted: {_prose(line)}" for cell in cells for line in cell.get("aside", ()))
    departs = [
        f"Where {inline_code(task)} at tier {inline_code(board['tier'])} departs from the published recipe:\n\n"
        + "\n".join(f"- {_prose(text)}" for text in texts)
        for task, texts in wording.deviations_by_task(cells).items()
    ]
    return ["## Published and ours", source, _table(table, texts=(0, 1, 8, 9)), rows, *departs, aside]


def _left_out(document: Mapping[str, Any]) -> list[str]:
    """Tasks that cannot be used, records that do not count, and how many are of something else."""
    parts = []
    if document["problems"]:
        problems = "\n".join(f"- {_prose(problem)}" for problem in document["problems"])
        parts += ["## Tasks that cannot be used", problems]
    aside = document["set_aside"]
    if aside:
        named = [f"- {inline_code(item['origin'])}: {_prose(item['reason'])}" for item in aside[:MOST_ASIDE]]
        more = [f"- and {len(aside) - MOST_ASIDE:,} more, which `board.json` names"] if len(aside) > MOST_ASIDE else []
        parts += ["## Records set aside", "\n".join(named + more)]
    if document["unrelated"]:
        counts = ", ".join(f"{count:,} {_prose(what)}" for what, count in document["unrelated"].items())
        parts.append(f"Not of this board: {counts}.")
    return parts


def _checking(name: str) -> str:
    return f"""## Check it

Made from the records alone. `board.json` holds every figure of this page; `index.html` shows curves and each seed.

```sh
seqbench leaderboard build {name} --from leaderboards/{name}/results --out leaderboards/{name}
seqbench leaderboard check {name}
seqbench verify RECORD --retrain
```"""


def _table(rows: Table, texts: Sequence[int]) -> str:
    """A pipe table whose columns are as wide as their widest cell; the numbered columns are texts, others figures."""
    widths = [max(3, *(len(row[place]) for row in rows)) for place in range(len(rows[0]))]
    rule = ["-" * width if place in texts else "-" * (width - 1) + ":" for place, width in enumerate(widths)]
    lines = []
    for row in [rows[0], rule, *rows[1:]]:
        cells = [c.ljust(w) if i in texts else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def inline_code(text: Any) -> str:
    """A name as code; one that could end the code or a table's cell, letter by letter in HTML's escapes."""
    line = visible_line(text)
    if line and not re.search(r"[`|\\]", line):
        return f"`{line}`"
    return f"<code>{re.sub('[!-/:-@[-`{-~]', lambda sign: f'&#{ord(sign[0])};', line)}</code>"


def _prose(text: Any) -> str:
    """A sentence that renders as its letters, but for pairs of backticks, which make code as in any Markdown."""
    parts = visible_line(text).split("`")
    if len(parts) % 2 == 0:  # One backtick is left alone.
        parts[-2:] = [f"{parts[-2]}`{parts[-1]}"]
    return "".join(inline_code(part) if place % 2 else _inert(part) for place, part in enumerate(parts))


def _inert(text: str) -> str:
    """Text without Markdown, HTML, or what GitHub makes links of by itself."""
    if "@" in text:  # An address is a link however its letters are written.
        return inline_code(text)
    escaped = re.sub(r"[\\`*\[\]|~$#]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", html.escape(text, quote=False))
    escaped = re.sub(r"(?i)(?<=www)\.|:(?=//)", lambda sign: f"&#{ord(sign[0])};", escaped)
    # What would begin a list, a rule or a heading.
    escaped = re.sub(r"^([-+=])", r"\\\1", escaped)
    return re.sub(r"^(\d{1,9})([.)])(?=\s|$)", r"\1\\\2", escaped)
