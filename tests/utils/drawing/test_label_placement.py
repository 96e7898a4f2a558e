"""The placement of texts in a drawing."""

from __future__ import annotations

from seqbench.utils.drawing.label_placement import Anchor, Labels, Place, places_around, text_box

ANCHORS: tuple[Anchor, ...] = ("start", "middle", "end")


def test_a_text_is_placed_where_nothing_overlaps_or_left_out() -> None:
    labels = Labels(100, 50)
    places: list[Place] = [(3.0, 20.0, "start"), (3.0, 40.0, "start")]
    labels.occupy(5.0, 18.0)
    place = labels.find_place("words", places)
    assert place == places[1]
    labels.occupy_text("words", place)
    assert labels.find_place("words", places) is None
    assert Labels(100, 50).find_place("x" * 40, places) is None


def test_no_text_is_placed_on_a_line() -> None:
    for end in ((100.0, 30.0), (100.0, 90.0), (0.0, 90.0)):
        labels = Labels(100, 100)
        labels.occupy_line((0.0, 30.0), end, 1.0)
        for share in range(11):
            x, y = end[0] * share / 10, 30.0 + (end[1] - 30.0) * share / 10
            assert labels.find_place("ab", [(x, y + 3.0, "middle")]) is None


def test_places_are_tried_beside_the_point_first_and_then_further_away() -> None:
    places = places_around(50.0, 50.0)
    assert places[0] == (58.0, 53.5, "start")
    assert max(abs(x - 50.0) for x, _, _ in places) > 50


def test_the_box_of_a_text_follows_its_anchor() -> None:
    start, middle, end = (text_box("abcd", 50.0, 20.0, anchor) for anchor in ANCHORS)
    assert start[0] > middle[0] > end[0]
    assert round(start[2] - start[0], 6) == round(end[2] - end[0], 6)
    assert start[1] < 20.0 < start[3]
