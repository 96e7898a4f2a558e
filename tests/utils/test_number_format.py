"""Numbers as text."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path

import pytest

import seqbench
from seqbench.utils import number_format


def test_decimal_places_show_four_digits_of_the_median() -> None:
    columns = [[0.9, 0.5], [8.2, 11.0], [30.0], [1234.0], [5e-5], [], [0.0]]
    assert [number_format.decimal_places(values) for values in columns] == [4, 3, 2, 0, 4, 3, 3]


@pytest.mark.parametrize(
    ("value", "places", "written"),
    [(0.97, 3, "0.970"), (0.0, 4, "0.0000"), (5.3e-5, 4, "5.3e-05"), (1e30, 2, "1e+30"), (-8.25, 1, "-8.2")],
)
def test_a_score_has_fixed_places_unless_they_would_hide_it(value: float, places: int, written: str) -> None:
    assert number_format.format_score(value, places) == written


def _hand_made_plurals(path: Path) -> list[str]:
    """Return the places of a file at which a count stands in front of a plural that is not made by ``counted``."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.JoinedStr):
            continue
        for value, text in itertools.pairwise(node.values):
            if not (isinstance(value, ast.FormattedValue) and isinstance(text, ast.Constant)):
                continue
            counts = re.search(r"^len\(|^sum\(|count|total|^(more|size|left|steps)$", ast.unparse(value.value))
            plural = re.match(r" (?:more |new )?[a-z-]*[a-rt-z]s\b(?!/)", str(text.value))
            if counts and plural and "counted(" not in ast.unparse(value.value):
                found.append(f"{path}:{node.lineno}:{ast.unparse(node)}")
    return found


def test_every_count_in_a_message_is_written_with_its_noun_by_one_function() -> None:
    files = Path(seqbench.__file__).parent.rglob("*.py")
    assert [place for path in files for place in _hand_made_plurals(path)] == []


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 records"), (1, "1 record"), (2, "2 records"), (1200, "1,200 records")]
)
def test_a_count_has_the_singular_for_one_only(number: int, text: str) -> None:
    assert number_format.counted(number, "record") == text
    assert number_format.counted(number, "process", "processes").endswith("process" if number == 1 else "processes")


def test_only_a_half_width_of_zero_is_shown_as_zero() -> None:
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


def test_extreme_costs_have_short_texts() -> None:
    for written in (number_format.format_count, number_format.format_bytes, number_format.format_time):
        assert len(written(1e99)) < 12
        assert len(written(1e-99)) < 12


def test_a_dash_or_an_empty_text_stands_for_a_missing_number() -> None:
    assert number_format.format_number(None) == number_format.format_large_number(None) == "-"
    assert number_format.format_four_digits(None) == number_format.format_difference(None) == ""
    assert number_format.format_interval(None, 1.0) == number_format.format_interval(0.0, None) == ""


def test_four_digits_include_zeros_and_small_or_large_numbers_have_an_exponent() -> None:
    values = [0.97, 8.45, 30.0, 1234.0, 12345.6, 5.3e-5, -0.5, 0.0]
    written = ["0.9700", "8.450", "30.00", "1234", "1.235e+04", "5.30e-05", "-0.5000", "0"]
    assert [number_format.format_four_digits(value) for value in values] == written


def test_a_mean_has_two_digits_of_its_half_width() -> None:
    assert number_format.format_mean(0.97, 0.00981) == "0.9700 ± 0.0098"
    assert number_format.format_mean(8.45, 14.0) == "8.450 ± 14"
    assert number_format.format_mean(1.0, 0.0) == "1.000, all seeds"
    assert number_format.format_mean(1.0, None) == "1.000"
    assert number_format.format_mean(None, 0.1) == ""


def test_tick_labels_are_short() -> None:
    labels = [number_format.format_tick(value) for value in (0.25, 4000, 1.5e6, 1e-5, 0, -2000.0, 1e18)]
    assert labels == ["0.25", "4k", "1.5M", "1e-05", "0", "-2k", "1e+18"]
