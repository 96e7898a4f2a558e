"""The overview of a board in Markdown: its result in a sentence, and a table of all scores."""

from __future__ import annotations

from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.pages.markdown_text import escape_markdown, inline_code, render_table
from seqbench.leaderboard.pages.overview.overview_table import Overview, OverviewCell, build_overview
from seqbench.leaderboard.pages.overview.result_sentence import result_sentences
from seqbench.utils.number_format import counted


def render_result(data: BoardData) -> str:
    """Return the result of a board as a paragraph whose first sentence is bold."""
    first, *others = map(escape_markdown, result_sentences(data))
    return " ".join([f"**{first}**", *others])


def render_overview(data: BoardData, top: int) -> list[str]:
    """Return the table of all scores with its key; nothing for a board without a score.

    Args:
        data: the board's data.
        top: number of rows that are shown.
    """
    overview = build_overview(data)
    if not overview.rows:
        return []
    heads = ["architecture", *(["IQM"] if overview.has_order else [])]
    heads += [inline_code(task.name) for task in overview.tasks]
    heads += [*(["first group"] if overview.has_ranks else []), *(title.lower() for title in overview.cost_heads)]
    table = [heads]
    for row in overview.rows[:top]:
        table.append(
            [
                inline_code(row.label),
                *([row.overall] if overview.has_order else []),
                *map(_cell_text, row.cells),
                *([f"{row.firsts} of {row.ranked}" if row.ranked else ""] if overview.has_ranks else []),
                *(text for text, _ in row.costs),
            ]
        )
    return [render_table(table, texts=(0,)), more_rows(len(overview.rows), top), _key(overview)]


def more_rows(count: int, top: int) -> str:
    """Return a sentence on the rows that a table does not show; empty if it shows all.

    Args:
        count: number of rows.
        top: number of rows that are shown.
    """
    return f"The first {top} of {counted(count, 'row')}; `index.html` and `board.csv` hold all." if count > top else ""


def _cell_text(cell: OverviewCell) -> str:
    text = f"**{cell.text}** ●" if cell.first else cell.text
    marks = [mark for mark, applies in ((r"\*", cell.partial), ("?", cell.unverified)) if applies]
    return " ".join([text, *marks])


def _key(overview: Overview) -> str:
    """Return the meaning of the marks in the table."""
    unscaled = ", ".join(map(inline_code, overview.unscaled))
    sentences = [
        "0 is chance, 1 is the best possible score or the anchor.",
        "●: no row is significantly better, and some row is significantly worse." if overview.has_ranks else "",
        "\\*: some seeds have no record." if overview.has_partial else "",
        "?: some records are not verified." if overview.has_unverified else "",
        "No record is verified." if overview.nothing_verified else "",
        "–: no score.",
        "×: multiple of the median row." if overview.cost_heads else "",
        escape_markdown(overview.order),
        f"Not rescaled, because the best possible score is unknown and there is no anchor: {unscaled}."
        if unscaled
        else "",
    ]
    return " ".join(filter(None, sentences))
