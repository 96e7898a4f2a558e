from __future__ import annotations

from typing import Any

import pytest

from seqbench.protocol.differences import compare_values, find_differences
from seqbench.utils.errors import SeqbenchError


def test_equal_data_agree_bit_for_bit() -> None:
    data = {"a": [1, 2.5, None, True], "b": {"c": "x"}}
    assert compare_values(data, {"b": {"c": "x"}, "a": (1, 2.5, None, True)}, 0) == "bit for bit"


@pytest.mark.parametrize(
    ("recorded", "computed", "size"),
    [
        (1.0, 1.5, 0.5),
        (100.0, 101.0, 0.01),
        (0.0, 0.5, 0.5),
        (1, True, float("inf")),
        (1.0, None, float("inf")),
        ("a", "b", float("inf")),
        ([1], [1, 2], float("inf")),
        ({"a": 1}, [1], float("inf")),
    ],
)
def test_the_size_of_a_difference_is_infinite_except_for_numbers(recorded: Any, computed: Any, size: float) -> None:
    (one,) = find_differences({"x": recorded}, {"x": computed}, "here")
    assert (one.where, one.recorded, one.computed, one.size) == ("here.x", recorded, computed, size)


def test_the_largest_difference_is_named() -> None:
    recorded, computed = {"a": 1.0, "b": [2.0, 4.0]}, {"a": 1.001, "b": [2.0, 4.4]}
    assert compare_values(recorded, computed, 0.2, "test") == "within 0.2, at most 1.0e-01 off (test.b[1])"
    with pytest.raises(SeqbenchError, match=r"test\.b\[1\] is recorded as 4\.0 and is 4\.4"):
        compare_values(recorded, computed, 0.01, "test")
    with pytest.raises(SeqbenchError, match="c is recorded as None and is 1"):
        compare_values(computed, {**computed, "c": 1}, 1e9)


def test_a_difference_of_the_size_of_the_tolerance_is_accepted_and_a_larger_one_is_not() -> None:
    assert compare_values(0.0, 0.25, 0.25, "x").startswith("within 0.25")
    with pytest.raises(SeqbenchError, match="x is recorded as"):
        compare_values(0.0, 0.375, 0.25, "x")
