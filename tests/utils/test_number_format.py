from __future__ import annotations

import pytest

from seqbench.utils import number_format


def test_a_column_has_four_digits_of_its_typical_value() -> None:
    columns = [[0.9, 0.5], [8.2, 11.0], [30.0], [1234.0], [5e-5], [], [0.0]]
    assert [number_format.decimal_places(values) for values in columns] == [4, 3, 2, 0, 4, 3, 3]


@pytest.mark.parametrize(
    ("value", "places", "written"),
    [(0.97, 3, "0.970"), (0.0, 4, "0.0000"), (5.3e-5, 4, "5.3e-05"), (1e30, 2, "1e+30"), (-8.25, 1, "-8.2")],
)
def test_a_score_is_aligned_unless_that_would_hide_it(value: float, places: int, written: str) -> None:
    assert number_format.format_score(value, places) == written


def test_half_widths_never_read_zero_unless_they_are() -> None:
    assert [number_format.format_half_width(value, 3) for value in (0.0, 0.0001, 0.0123)] == [
        "0.000",
        "<0.001",
        "0.012",
    ]


def test_costs_have_units() -> None:
    assert [number_format.format_count(value) for value in (0, 3, 512, 99_139, 999_999, 1.85e6, 0.5)] == [
        "0", "3", "512", "99.1k", "1.00M", "1.85M", "0.50",
    ]  # fmt: skip
    assert [number_format.format_bytes(value) for value in (512, 2016, 422_857_240, 3.2e9)] == [
        "512 B", "1.97 KiB", "403 MiB", "2.98 GiB",
    ]  # fmt: skip
    assert [number_format.format_time(value) for value in (0.25, 26.04, 126, 9000)] == [
        "0.2 s",
        "26.0 s",
        "2.1 min",
        "2.5 h",
    ]


def test_absurd_costs_stay_short() -> None:
    for written in (number_format.format_count, number_format.format_bytes, number_format.format_time):
        assert len(written(1e99)) < 12
        assert len(written(1e-99)) < 12
