"""The placement of texts in a drawing."""

from __future__ import annotations

from seqbench.utils.drawing.label_placement import Labels, Place


def test_a_text_is_placed_where_nothing_overlaps_or_left_out() -> None:
    labels = Labels(100, 50)
    places: list[Place] = [(0.0, 20.0, "start"), (0.0, 40.0, "start")]
    labels.occupy(5.0, 18.0)
    assert 'y="40"' in str(labels.place("words", places, "label"))
    assert labels.place("words", places, "label") is None
    assert 'y="20"' in str(labels.place("words", places, "label", required=True))
    assert Labels(100, 50).place("x" * 40, places, "label") is None
