from __future__ import annotations

import xml.etree.ElementTree as ET

from seqbench.protocol.reference.task_drawing import draw_example

NAMESPACE = {"svg": "http://www.w3.org/2000/svg"}
EXAMPLE = "input   3 1 .\ntarget  . 1 3\n"


def cells(example: str) -> list[tuple[str, float, float, str]]:
    """The class, position and word of each cell."""
    root = ET.fromstring(draw_example(example))
    rectangles = root.findall("svg:rect", NAMESPACE)
    words = [text for text in root.findall("svg:text", NAMESPACE) if text.get("class") != "label"]
    return [
        (str(rectangle.get("class")), float(str(word.get("x"))), float(str(word.get("y"))), str(word.text))
        for rectangle, word in zip(rectangles, words, strict=True)
    ]


def test_each_word_is_a_cell_below_the_word_of_the_same_column() -> None:
    drawn = cells(EXAMPLE)
    assert [word for *_, word in drawn] == ["3", "1", ".", ".", "1", "3"]
    assert [x for _, x, _, _ in drawn[:3]] == [x for _, x, _, _ in drawn[3:]]
    assert len({y for _, _, y, _ in drawn}) == 2


def test_equal_words_have_one_colour_and_different_words_have_different_ones() -> None:
    colours = {word: colour for colour, _, _, word in cells(EXAMPLE)}
    assert len(set(colours.values())) == 3
    assert colours["."] == "blank"
    assert all(colours[word] == colour for colour, _, _, word in cells(EXAMPLE))


def test_labels_stand_before_all_cells() -> None:
    root = ET.fromstring(draw_example("a  1\nlonger  2\n"))
    labels = root.findall("svg:text[@class='label']", NAMESPACE)
    assert [label.text for label in labels] == ["a", "longer"]
    first = min(x for _, x, _, _ in cells("a  1\nlonger  2\n"))
    assert first > 10 + len("longer") * 7


def test_words_are_escaped() -> None:
    assert [word for *_, word in cells("input  <b> &\n")] == ["<b>", "&"]
