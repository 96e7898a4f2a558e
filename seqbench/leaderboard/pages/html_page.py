"""A board as one self-contained HTML page: tables, charts, rules, and every record.

The texts come from records of others and are not trusted. All of them are escaped, and a Content-Security-Policy with
the digests of the page's style and script lets the browser run and load nothing else.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from seqbench.leaderboard.board_commands import CheckCommands, committed_commands
from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.pages import html_sections, score_text, series_style, wording
from seqbench.leaderboard.pages.anchors import task_anchors
from seqbench.leaderboard.pages.overview.overview_table import TOP, build_overview
from seqbench.leaderboard.pages.overview.result_sentence import result_sentences
from seqbench.utils import number_format
from seqbench.utils.plain_data import json_digest
from seqbench.utils.visible_text import visible_line

MOST_RECORDS = 2_000
"""Largest number of records that the page lists; ``board.csv`` lists all."""

_FOLDER = Path(__file__).parent / "templates"


def render_html(data: BoardData, commands: CheckCommands | None = None, top: int = TOP) -> str:
    """Return a board as one HTML page; equal arguments give equal bytes.

    Args:
        data: the board's data.
        commands: the commands by which a reader checks the page; by default those of a committed board.
        top: number of rows of each table that are shown first; a box on the page shows all.
    """
    slots = series_style.assign_slots(data)
    records = html_sections.list_records(data)
    css, script = _read_asset("page.css") + _read_asset("heat.css"), _read_asset("page.js")
    anchors = task_anchors(task.task for task in data.tasks)
    overview = build_overview(data)
    return (
        _environment()
        .get_template("page.html")
        .render(
            board=data.board,
            data=data,
            commands=commands or committed_commands(data.board.name),
            digest=json_digest(sorted(str(record.seed.checksum) for record in records)),
            tasks=[
                html_sections.build_task_section(anchors[task.task], task, data.board.columns, slots[task.task], top)
                for task in data.tasks
            ],
            result=result_sentences(data),
            overview=overview,
            top=top,
            most_rows=max([len(overview.rows), *(len(task.rows) for task in data.tasks)]),
            overall=html_sections.build_overall_section(data, data.overall, top) if data.overall else None,
            published=[html_sections.format_published_row(cell) for cell in data.published],
            statistic=wording.statistic_sentence(data.published),
            published_aside=[text for cell in data.published for text in cell.aside],
            published_deviations=wording.deviations_by_task(data.published),
            rank_errors=wording.RANK_ERRORS,
            records=records[:MOST_RECORDS],
            verified=wording.verification_summary(data),
            verification_text=wording.verification_text,
            css=Markup(css),
            script=Markup(script),
            policy=f"default-src 'none'; script-src '{_policy_hash(script)}'; style-src '{_policy_hash(css)}'; "
            "img-src data:; base-uri 'none'; form-action 'none'",
        )
    )


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.globals["estimate"] = score_text.format_estimate
    environment.filters.update(
        count=number_format.format_count,
        counted=number_format.counted,
        time=number_format.format_time,
        sentence=wording.as_sentence,
        prose=_render_backticks,
    )
    return environment


def _finalize(value: object) -> object:
    """Return the form of a value in the page: nothing for None, and one visible line for a text."""
    if value is None:
        return ""
    return visible_line(value) if type(value) is str else value


def _render_backticks(text: str) -> Markup:
    """Return an escaped text in which `text between backticks` is code."""
    parts = visible_line(text).split("`")
    return Markup().join(Markup("<code>{}</code>" if k % 2 else "{}").format(part) for k, part in enumerate(parts))


@functools.cache
def _read_asset(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _policy_hash(text: str) -> str:
    """Return the digest of a style or script in the form of a Content-Security-Policy."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
