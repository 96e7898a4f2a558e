from __future__ import annotations

import pytest

from seqbench.utils import units
from seqbench.utils.errors import SeqbenchError


def test_durations_are_formatted_in_at_most_two_units() -> None:
    texts = {45.4: "45 s", 185: "3 min 5 s", 7800: "2 h 10 min", 59.6: "1 min 0 s"}
    assert {seconds: units.format_duration(seconds) for seconds in texts} == texts


def test_times_and_sizes_are_parsed() -> None:
    times = {"90": 90, "90s": 90, "1.5m": 90, " 2H ": 7200, "1d": 86400}
    assert {text: units.parse_seconds(text, "--limit") for text in times} == times
    sizes = {"500M": 500 * 2**20, "4g": 4 * 2**30, "1024": 1024}
    assert {text: units.parse_bytes(text, "--memory") for text in sizes} == sizes


@pytest.mark.parametrize("text", ["", "soon", "-1s", "0", "1e3", "4x", "nan", "1 2"])
def test_a_text_that_is_no_quantity_is_refused_with_its_option(text: str) -> None:
    with pytest.raises(SeqbenchError, match="--limit must be a time such as 90s"):
        units.parse_seconds(text, "--limit")
    with pytest.raises(SeqbenchError, match="--memory must be a size such as 500M"):
        units.parse_bytes(text, "--memory")
