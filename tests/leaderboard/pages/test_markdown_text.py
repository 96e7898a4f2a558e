"""Markdown texts: tables, inline code and escaped texts."""

from __future__ import annotations

import html
import re

import pytest

from seqbench.leaderboard.pages import markdown_text
from seqbench.utils.visible_text import visible_line
from tests.leaderboard.hostile import MARKDOWN_TEXTS


def test_a_table_aligns_texts_to_the_left_and_numbers_to_the_right() -> None:
    assert markdown_text.render_table([["name", "score"], ["gru", "0.5"]], texts=(0,)).splitlines() == [
        "| name | score |",
        "| ---- | ----: |",
        "| gru  |   0.5 |",
    ]


def test_a_name_with_a_special_character_is_code_with_html_escapes() -> None:
    assert markdown_text.inline_code("gru") == "`gru`"
    assert markdown_text.inline_code("a|b") == "<code>a&#124;b</code>"
    assert markdown_text.inline_code("a`b") == "<code>a&#96;b</code>"


def test_pairs_of_backticks_make_code_and_a_single_one_is_escaped() -> None:
    assert markdown_text.escape_markdown("at `step` 7") == "at `step` 7"
    assert markdown_text.escape_markdown("one `tick") == "one \\`tick"


def test_an_address_is_no_link() -> None:
    assert "://" not in markdown_text.escape_markdown("http://e.il")
    assert markdown_text.escape_markdown("a@b.example") == "`a@b.example`"


def test_an_escaped_text_renders_as_it_is() -> None:
    parser = pytest.importorskip("markdown_it").MarkdownIt("gfm-like", {"html": True, "linkify": False})
    ours = r"</?(code|p|ul|li|h1|table|thead|tbody|tr|td|th)>"
    for text in MARKDOWN_TEXTS:
        for context in ("- {}", "text: {}", "{}", "# {}", "| a | b |\n| --- | --- |\n| {} | y |"):
            for written in (markdown_text.inline_code(text), markdown_text.escape_markdown(text)):
                rendered = re.sub(ours, "", parser.render(context.format(written)))
                shown = html.unescape(rendered)
                assert visible_line(text).replace("`", "") in shown.replace("`", ""), (context, written)
                assert not re.search(r"</?[a-z!]", rendered), (context, written)
