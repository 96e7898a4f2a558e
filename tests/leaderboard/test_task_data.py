from __future__ import annotations

from seqbench.leaderboard.stats.intervals import Interval
from seqbench.leaderboard.task_data import MISSING, Curve, RowData, SeedData


def test_a_seed_without_a_record_has_no_keys_of_a_record() -> None:
    plain = SeedData(1, MISSING, "no record", None, None).to_plain()
    assert plain == {
        "seed": 1,
        "status": "missing",
        "reason": "no record",
        "value": None,
        "score": None,
        "secondary": {},
    }
    keys = (
        SeedData(0, "ok", "", 0.5, 0.5, record="a.json", checksum="x", verified="", verification="unverified")
        .to_plain()
        .keys()
    )
    assert keys - plain.keys() == {"record", "checksum", "verified", "verification"}


def test_a_row_without_records_has_only_the_keys_that_identify_it() -> None:
    plain = RowData("gru", "gru", MISSING, "no record that counts").to_plain()
    assert plain == {
        "label": "gru",
        "architecture": "gru",
        "state": "missing",
        "reason": "no record that counts",
        "rank": None,
        "seeds": [],
    }


def test_a_curve_names_its_axis() -> None:
    curve = Curve("length", x=[10, 20], mean=[0.5, 0.75], low=[0.5, 0.5], high=[0.5, 1.0])
    assert curve.to_plain() == {"length": [10, 20], "mean": [0.5, 0.75], "low": [0.5, 0.5], "high": [0.5, 1.0]}


def test_a_row_without_curves_has_empty_ones() -> None:
    seed = SeedData(0, "failed", "x", None, None, record="a.json", checksum="x", verified="")
    row = RowData("gru", "gru", "incomplete", "", seeds=[seed], secondary={"longer": Interval(0.5, None)})
    plain = row.to_plain()
    assert (plain["curve"], plain["lengths"]) == ({}, {})
    assert plain["secondary"] == {"longer": {"mean": 0.5, "half_width": None}}
