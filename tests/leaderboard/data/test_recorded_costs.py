"""The costs in a record, and what a token is."""

from __future__ import annotations

import pytest

from seqbench.leaderboard.data import recorded_costs
from seqbench.protocol.records import Record
from tests.leaderboard.kit import example_record
from tests.record_data import changed_record


def with_input(kind: str, training_tokens: int | None = None) -> Record:
    """Return a record with 8,800 tokens per second whose inputs are of a kind, of size 88."""
    size = {"vocab": 88} if kind == "Tokens" else {"dim": 88}
    spec = {"input": {"kind": kind, **size}, "output": {"kind": "x"}, "max_length": 9, "look_ahead": False}
    return changed_record(
        example_record(tokens_per_second=8800.0, training_tokens=training_tokens), "config.spec", spec
    )


@pytest.mark.parametrize(("kind", "speed"), [("Features", 100.0), ("Tokens", 8800.0), ("Context", None)])
def test_a_step_of_many_features_is_one_token_in_older_records(kind: str, speed: float | None) -> None:
    assert recorded_costs.tokens_per_second(with_input(kind)) == speed


def test_a_record_that_counts_time_steps_is_taken_as_it_is() -> None:
    record = with_input("Features", training_tokens=5)
    assert recorded_costs.tokens_per_second(record) == 8800.0
    assert recorded_costs.counts_padding(with_input("Features"))
    assert not recorded_costs.counts_padding(record)


def test_costs_that_a_record_lacks_are_left_out() -> None:
    costs = recorded_costs.recorded_costs(example_record(peak_memory_bytes=None))
    assert "peak_memory_bytes" not in costs
    assert (costs["seconds"], costs["flops_per_token"]) == (60.0, 200_000.0)


def test_an_older_record_names_its_device_alone() -> None:
    machine = recorded_costs.recorded_machine(example_record())
    assert machine == recorded_costs.Machine("a processor, 1 thread")
