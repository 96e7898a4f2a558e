from __future__ import annotations

from typing import Any

from seqbench import cards
from seqbench.cli import report
from seqbench.cli.tables import aligned, number
from seqbench.records import Record


def record(tier: str = "paper", arch: str = "lstm", modified: list[str] | None = None, **results: Any) -> Record:
    scores = {
        "metrics": {
            "test": {
                "accuracy": {"value": 0.5, "chance": 0.125, "best": 1.0},
                "loss_all_positions": {"value": 0.02, "chance": 0.0204, "best": None, "best_unknown": "nobody knows"},
            }
        },
        "baselines": {"test": {"5-gram": {"accuracy": 0.25}}},
        "above_chance": True,
        "best_step": 30,
    }
    config = {"architecture": {"name": arch}, "card": {"tier": tier}, "parameters": 12345, "modified": modified or []}
    return Record({"status": "ok", **scores, **results}, {"seconds": 61.0, "steps_per_second": 20.0}, config)


def test_each_metric_stands_between_its_lines() -> None:
    lines = report.of(record(), cards.load("copy")).splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["test", "metric", "value", "chance", "5-gram", "best", "possible", "published"],
        ["accuracy", "*", "0.5", "0.125", "0.25", "1", "-"],
        ["loss_all_positions", "0.02", "0.0204", "-", "unknown", "0.0204"],
    ]
    assert lines[3] == "* decides; 12,345 parameters, best of validation at step 30; 61 s, 20.0 steps/s"
    assert lines[4].startswith("published loss_all_positions: delay 1000")
    assert lines[5] == "nobody knows"
    assert len(lines) == 6


def test_a_figure_published_of_another_task_is_not_put_beside_ours() -> None:
    for other in (record(tier="small"), record(arch="mine"), record(modified=["task.delay"])):
        text = report.of(other, cards.load("copy"))
        assert text.splitlines()[2].split()[-2:] == ["unknown", "-"]
        assert "published loss" not in text


def test_a_result_at_chance_says_so() -> None:
    assert "accuracy is NOT clearly better than chance" in report.of(record(above_chance=False), cards.load("copy"))


def test_a_run_without_scores_says_how_it_ended() -> None:
    empty = Record({"status": "diverged"}, {}, {})
    assert report.of(empty, cards.load("copy")) == "no scores: the run ended as diverged"


def test_tables_and_numbers() -> None:
    assert aligned([("a", "bbb"), ("cc", "d")], indent="  ") == "  a   bbb\n  cc  d"
    assert aligned([]) == ""
    assert [number(x) for x in (None, 500, 0.123456, 1.0)] == ["-", "500", "0.1235", "1"]
