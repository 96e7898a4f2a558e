"""Plain text tables."""

from __future__ import annotations

from seqbench.cli.text_tables import align_columns


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert align_columns([("a", "bbb"), ("cc", "d")], indent="  ") == "  a   bbb\n  cc  d"


def test_lines_have_no_space_at_their_end() -> None:
    assert align_columns([("a", "b"), ("c", "")]) == "a  b\nc"


def test_no_rows_give_an_empty_text() -> None:
    assert align_columns([]) == ""
