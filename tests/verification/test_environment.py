"""Differences of hardware and software between a record and this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seqbench.protocol import records
from seqbench.verification.environment import describe_environment, list_differences
from tests.verification.helpers import resolve


def differences(run: Path, *place: str, value: object = None) -> list[str]:
    """Return the differences of a record with one changed or removed value."""
    data: Any = json.loads(records.read_record(run).to_json())
    target = data
    for key in place[:-1]:
        target = target[key]
    if place and value is None:
        del target[place[-1]]
    elif place:
        target[place[-1]] = value
    record = records.build_record(data["results"], data["measured"], data["config"])
    return list_differences(record, resolve(), record.measured.threads or 0)


def test_a_record_of_this_machine_has_no_differences(run: Path) -> None:
    assert differences(run) == []
    assert "on equal hardware" in describe_environment([])


@pytest.mark.parametrize(
    ("place", "value", "text"),
    [
        (("measured", "device"), "an abacus, 1 thread", "recorded with device 'an abacus, 1 thread', here"),
        (("measured", "processor", "capability"), "SSE", "recorded with processor capability 'SSE', here"),
        (("measured", "processor", "stepping"), "99", "recorded with processor stepping '99', here"),
        (("measured", "processor", "mkl"), "1.0", "recorded with processor mkl '1.0', here"),
        (("measured", "processor"), None, "instruction set are not recorded"),
        (("measured", "trainer", "devices"), 2, "recorded in 2 processes, here in one"),
        (("config", "packages", "torch"), "1.0.0", "recorded with torch '1.0.0', here"),
        (("config", "sources", "seqbench", "digest"), "0" * 64, "recorded with another source of 'seqbench'"),
        (("config", "sources"), None, "its sources are not recorded"),
    ],
)
def test_each_difference_is_named(run: Path, place: tuple[str, ...], value: object, text: str) -> None:
    (found,) = differences(run, *place, value=value)
    assert text in found


def test_a_package_that_computes_no_step_makes_no_difference(run: Path) -> None:
    assert differences(run, "config", "packages", "wandb", value="0.0.1") == []
