"""The tolerance from the spread of seeds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqbench.protocol import records
from seqbench.verification import seed_spread


def test_two_runs_differ_by_less_than_the_tolerance_as_often_as_stated() -> None:
    generator, count = np.random.default_rng(0), 4000
    for seeds in (2, 3, 5):
        values = generator.normal(size=(count, seeds))
        pairs = generator.normal(size=(count, 2))
        inside = [
            abs(one - other) <= seed_spread.seed_tolerance(list(row))
            for row, (one, other) in zip(values, pairs, strict=True)
        ]
        assert np.mean(inside) == pytest.approx(seed_spread.CONFIDENCE, abs=0.007)


def edited(record: records.Record, **options: Any) -> records.Record:
    data: Any = json.loads(record.to_json())
    for name, value in options.items():
        group, _, key = name.partition("__")
        if key:
            data["config"]["options"][group][key] = value
        else:
            data["config"]["options"][group] = value
    data["config"]["seed"] = data["config"]["options"]["seed"]
    return records.build_record(data["results"], data["measured"], data["config"])


def test_other_seeds_of_the_same_configuration_are_found_and_no_others(run: Path, tmp_path: Path) -> None:
    record = records.read_record(run)
    kept = {
        "a": edited(record, seed=3),
        "b": edited(record, seed=1, trainer__threads=7),
        "c": edited(record, seed=3),
        "d": edited(record),
        "e": edited(record, seed=2, arch__d_model=9),
        "f": edited(record, seed=2, optim__lr=0.5),
    }
    for name, one in kept.items():
        one.write(tmp_path, f"{name}.json")
    (tmp_path / "broken.json").write_text("{")
    found = seed_spread.find_siblings(record, tmp_path.glob("*.json"))
    assert [one.config.seed for one in found] == [1, 3]


def test_equal_seeds_leave_the_sampling_error_as_the_tolerance(run: Path) -> None:
    record = records.read_record(run)
    tolerance = seed_spread.score_tolerance(record, [edited(record, seed=1), edited(record, seed=2)])
    error = record.results.metrics["test"]["accuracy_longer"].standard_error
    assert error is not None
    assert tolerance.size == pytest.approx(3 * 2**0.5 * error)
    assert tolerance.from_seeds
    alone = seed_spread.score_tolerance(record, [edited(record, seed=1)])
    assert (alone.size, alone.from_seeds) == (tolerance.size, False)
