"""Texts as one visible line."""

from __future__ import annotations

from seqbench.utils.visible_text import visible_line


def test_invisible_characters_are_replaced() -> None:
    assert visible_line("a\u202eb\x00 \n c\ud800") == "a\ufffdb\ufffd c\ufffd"
