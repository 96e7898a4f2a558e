"""Names at the right edge of a chart."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqbench.utils.drawing.end_labels import stack

HEIGHTS = st.lists(st.floats(-500, 500), max_size=30)


@given(HEIGHTS)
def test_names_never_overlap_and_stay_inside_in_the_order_of_their_lines(wanted: list[float]) -> None:
    placed = stack(wanted, 10.0, 0.0, 180.0)
    room = min(10.0, 180.0 / max(len(wanted) - 1, 1))
    in_order = sorted(placed)
    assert all(b - a >= room - 1e-6 for a, b in pairwise(in_order))
    assert all(-1e-6 <= y <= 180.0 + 1e-6 for y in placed)
    by_line = [placed[k] for k in sorted(range(len(wanted)), key=lambda k: round(wanted[k]))]
    assert by_line == in_order


@given(st.lists(st.integers(1, 8), unique=True, max_size=8))
def test_names_with_room_stay_where_they_are(places: list[int]) -> None:
    wanted = [20.0 * place for place in places]
    assert stack(wanted, 10.0, 0.0, 180.0) == pytest.approx(wanted)


def test_names_at_one_height_are_spread_around_it() -> None:
    assert stack([50.0, 50.0, 50.0], 10.0, 0.0, 100.0) == [40.0, 50.0, 60.0]
    assert stack([0.0, 0.0, 0.0], 10.0, 0.0, 100.0) == [0.0, 10.0, 20.0]
    assert stack([], 10.0, 0.0, 100.0) == []
