from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import seqbench
from seqbench.protocol import cards, registry
from seqbench.protocol.limits import metric_ranges
from seqbench.protocol.limits.metric_ranges import METRIC_RANGES, MetricRange, ranges_of_task
from seqbench.utils.errors import SeqbenchError

GENERATED = ("copy", "copy-10", "parity", "parity-last", "adding", "plan", "sentiment-order", "sentiment-position")


@pytest.mark.parametrize("name", sorted(registry.list_entries(registry.TASKS)))
def test_the_deciding_metric_of_every_task_has_a_range_and_its_direction(name: str) -> None:
    metric = cards.load_card(name).metric
    assert ranges_of_task(name)[metric.name].direction == metric.direction


@pytest.mark.parametrize("name", GENERATED)
def test_the_metrics_of_a_task_lie_in_their_ranges_at_chance_and_at_best(name: str) -> None:
    data = seqbench.data(name, tier="smoke")
    for scores in (data.chance("test"), data.best("test")):
        assert scores
        for metric, value in scores.items():
            assert value is not None
            assert METRIC_RANGES[metric].objection(value) == ""


@given(st.floats(-1e6, 1e6), st.floats(-1e3, 1e3), st.floats(0, 1e3))
def test_a_value_is_possible_exactly_if_it_is_within_the_limits_up_to_rounding(
    value: float, lowest: float, width: float
) -> None:
    limits = MetricRange(lowest, lowest + width)
    margin = [metric_ranges.rounding(limit) for limit in (lowest, lowest + width)]
    assert (limits.objection(value) == "") == (lowest - margin[0] <= value <= lowest + width + margin[1])
    assert MetricRange().objection(value) == ""


def test_the_card_of_a_task_gives_the_ranges_of_its_own_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    card = cards.parse_card({**plain_card(), "ranges": {"my_score": [-1, 1], "loss": [None, None]}}, "mine.yaml")
    monkeypatch.setattr(metric_ranges, "load_card", lambda name: card)
    ranges_of_task.cache_clear()
    ranges = ranges_of_task("mine")
    monkeypatch.undo()
    ranges_of_task.cache_clear()
    assert ranges["my_score"].objection(-1.5) == "below -1, the lowest possible value"
    assert ranges["loss"].objection(-math.inf) == ""
    assert ranges["accuracy"] == METRIC_RANGES["accuracy"]
    assert ranges_of_task("no-such-task") is METRIC_RANGES


def test_the_ranges_of_a_card_change_no_digest_and_must_be_in_order() -> None:
    plain = cards.parse_card(plain_card(), "mine.yaml")
    assert cards.parse_card({**plain_card(), "ranges": {"x": [0, 1]}}, "mine.yaml").digest("smoke") == plain.digest(
        "smoke"
    )
    with pytest.raises(SeqbenchError, match=r"ranges.x must be \[lowest, highest\]"):
        cards.parse_card({**plain_card(), "ranges": {"x": [1, 0]}}, "mine.yaml")


def plain_card() -> dict[str, object]:
    """Return the plain data of a card with one tier."""
    return {
        "name": "mine",
        "version": 1,
        "summary": "s",
        "example": "e",
        "datamodule": "x:Y",
        "metric": {"name": "my_score", "direction": "max"},
        "citation": "c",
        "licence": "l",
        "tiers": {"smoke": {"optim": {"steps": 4, "batch_size": 2, "validate_every": 2, "lr": 0.1}, "arch": {}}},
    }
