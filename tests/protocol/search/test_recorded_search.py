from __future__ import annotations

from typing import Any

import pytest

from seqbench.protocol.record_fields import Tuning
from seqbench.protocol.records import TUNING_SEED
from seqbench.protocol.search.rate_search import Scale, Trial, advance_search
from seqbench.protocol.search.recorded_search import compute_search, describe_search, find_fault, read_search
from seqbench.protocol.search.search_rule import Rung, SearchRule, SecondOption
from seqbench.utils.errors import SeqbenchError

RULE = SearchRule((1e-3, 2e-3, 5e-3), (Rung(0.5, 0), Rung(1.0, 2)), (SecondOption("arch.dropout", 0.0, (0.2,)),))
SCALE = Scale("max", 0.1, None)


def recorded(**changes: Any) -> Tuning:
    """Return the record of a search in which the rate 0.01, beyond the grid, and dropout win."""
    scores: dict[Trial, float | None] = {}
    while (state := advance_search(RULE, SCALE, scores)).pending:
        for trial in state.pending:
            scores[trial] = (0.5 if trial.lr == 1e-2 else 0.2 + trial.lr) + sum(value for _, value in trial.options)
    rows = [
        {"lr": one.lr, "value": scores[one], "status": "ok", "run": "x", "rung": one.rung, "options": dict(one.options)}
        for one in state.asked
    ]
    data = {
        "seed": TUNING_SEED,
        "split": "validation",
        "metric": "accuracy",
        "tried": rows,
        "lr": 1e-2,
        "options": {"arch.dropout": 0.2},
        "search": describe_search(RULE, SCALE).to_dict(),
        "extended": [1e-2, 2e-2],
    }
    return Tuning.model_validate({**data, **changes})


def test_a_rule_is_read_as_it_was_written() -> None:
    assert read_search(describe_search(RULE, SCALE), "max") == (RULE, SCALE)


def test_the_choice_of_a_record_is_computed_from_its_trials() -> None:
    assert compute_search(recorded(), "max").chosen == Trial(1, 1e-2, (("arch.dropout", 0.2),))
    assert find_fault(recorded(), "max") == ""
    assert find_fault(recorded(search=None), "max") == ""


def recorded_rows() -> list[Any]:
    return [row.to_dict() for row in recorded().tried]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"lr": 5e-3}, "its trials select the rate 0.01, but it states 0.005"),
        ({"lr": None}, "its trials select the rate 0.01, but it states none"),
        ({"options": {"arch.dropout": 0.0}}, "its trials select"),
        ({"bound": "highest"}, "its bound is ''"),
        ({"tried": recorded_rows()[:-1]}, "needs a trial of the rate 0.01 in rung 1"),
        ({"tried": recorded_rows()[1:]}, "needs a trial of the rate 0.001 in rung 0"),
        ({"tried": recorded_rows() * 2}, "recorded twice"),
        (
            {"tried": [*recorded_rows(), {"lr": 7.0, "value": 0.9, "status": "ok", "run": "x"}]},
            "no trial of the rate 7",
        ),
    ],
)
def test_a_choice_that_does_not_follow_from_the_trials_is_found(changes: dict[str, Any], fault: str) -> None:
    assert fault in find_fault(recorded(**changes), "max")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grid": []}, "1 to 100 positive rates"),
        ({"grid": [-1.0]}, "1 to 100 positive rates"),
        ({"extensions": 4}, "by 0 to 3 rates, got 4"),
        ({"rungs": [[1.0]]}, "a share and a number"),
        ({"rungs": []}, "at least one rung"),
        ({"rungs": [[2.0, 0]]}, "above 0 and up to 1"),
        ({"tuned": {"arch.dropout": []}}, "each tuned option has a value"),
    ],
)
def test_a_rule_that_no_search_can_have_is_refused(changes: dict[str, Any], message: str) -> None:
    description = describe_search(RULE, SCALE).with_values(**changes)
    with pytest.raises(SeqbenchError, match=message):
        read_search(description, "max")
    assert message in find_fault(recorded(search=description.to_dict()), "max")
