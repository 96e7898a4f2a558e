from __future__ import annotations

import pytest

from seqbench.protocol.search.search_rule import DEFAULT_RUNGS, Rung, SearchRule, SecondOption, parse_rungs
from seqbench.utils.errors import SeqbenchError

GRID = (5e-4, 1e-3, 2e-3, 5e-3, 1e-2)


def test_the_default_rungs_cost_two_and_a_half_whole_runs_for_five_rates() -> None:
    assert SearchRule(GRID).usual_trials() == [0.2] * 5 + [0.5] * 3
    assert sum(SearchRule(GRID).usual_trials()) == 2.5


def test_further_options_are_tried_with_the_steps_of_the_last_rung_that_runs() -> None:
    second = (SecondOption("arch.dropout", 0.0, (0.2, 0.5)),)
    assert SearchRule(GRID, second=second).usual_trials() == [0.2] * 5 + [0.5] * 5
    assert SearchRule((1e-3,), second=second).usual_trials() == [0.2] * 3


def test_a_rung_without_a_number_takes_all_rates() -> None:
    assert parse_rungs("1", "x") == (Rung(1.0, 0),)
    assert SearchRule(GRID, parse_rungs("0.1,1", "x")).usual_trials() == [0.1] * 5 + [1.0] * 5
    assert parse_rungs(" 0.2, 0.5:3, 1:1", "x") == DEFAULT_RUNGS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be shares of the steps"),
        ("a", "must be shares of the steps"),
        ("0.5:", "must be shares of the steps"),
        ("1.2.3", "must be shares of the steps"),
        ("2", "above 0 and up to 1, got 2"),
        ("0", "above 0 and up to 1, got 0"),
        ("0.5,0.2", "must rise"),
        ("0.5,0.5", "must rise"),
        ("0.2:3,0.5:4", "counts must not"),
    ],
)
def test_rungs_that_cannot_be_used_are_refused(text: str, message: str) -> None:
    with pytest.raises(SeqbenchError, match=message) as caught:
        parse_rungs(text, "--tune-rungs")
    assert "--tune-rungs" in str(caught.value)


def test_a_rule_is_described_in_words() -> None:
    second = (SecondOption("arch.dropout", 0.0, (0.2,)),)
    assert SearchRule(GRID, parse_rungs("0.5,1:2", "x"), second).describe() == (
        "5 rates for 50 % of the steps, the best 2 for 100 %; up to 3 more on each side; then arch.dropout of 2 values"
    )
