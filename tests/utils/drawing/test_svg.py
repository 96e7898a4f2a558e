"""SVG elements as text."""

from __future__ import annotations

from seqbench.utils.drawing.svg import format_coordinate, svg_marker, svg_path, svg_tag, svg_text


def test_attribute_values_and_texts_are_escaped() -> None:
    drawn = svg_tag("g", svg_text("<script>"), data_key='"><b', class_="x", stroke_width=1.26, fill=None)
    assert drawn == '<g data-key="&#34;&gt;&lt;b" class="x" stroke-width="1.3">&lt;script&gt;</g>'


def test_characters_that_reverse_the_text_are_replaced() -> None:
    assert svg_text("a\u202eb\x00\nc") == "a\ufffdb\ufffd c"


def test_coordinates_have_one_decimal_place_and_titles_are_inside_their_mark() -> None:
    assert [format_coordinate(value) for value in (3.0, 3.14, -0.5)] == ["3", "3.1", "-0.5"]
    assert svg_path([(0.0, 1.0), (2.25, 3.0)]) == "M0 1L2.2 3"
    assert "<title>a &amp; b</title></path>" in svg_marker(1.0, 2.0, 0, "a & b")
