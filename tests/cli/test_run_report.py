"""The report at the end of a run."""

from __future__ import annotations

from typing import Any

from seqbench.cli import run_report
from seqbench.protocol import cards
from seqbench.protocol.records import Record
from tests.record_data import complete_record


def example_record(
    tier: str = "paper", arch: str = "lstm", modified: list[str] | None = None, **results: Any
) -> Record:
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
    return complete_record({**scores, **results}, {"seconds": 61.0, "steps_per_second": 20.0}, config)


def test_each_metric_is_beside_its_references() -> None:
    lines = run_report.format_report(example_record(), cards.load_card("copy")).splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["test", "metric", "value", "chance", "5-gram", "best", "possible", "published"],
        ["accuracy", "*", "0.5", "0.125", "0.25", "1", "-"],
        ["loss_all_positions", "0.02", "0.0204", "-", "unknown", "0.0204"],
    ]
    assert lines[3] == "* decides; 12,345 parameters, best of validation at step 30; 61 s, 20.0 steps/s"
    assert lines[4].startswith("published loss_all_positions: delay 1000")
    assert lines[5] == "nobody knows"
    assert len(lines) == 6


def test_a_published_figure_of_another_tier_architecture_or_task_is_left_out() -> None:
    for other in (example_record(tier="small"), example_record(arch="mine"), example_record(modified=["task.delay"])):
        text = run_report.format_report(other, cards.load_card("copy"))
        assert text.splitlines()[2].split()[-2:] == ["unknown", "-"]
        assert "published loss" not in text


def test_a_result_at_chance_has_a_note() -> None:
    assert "accuracy is NOT clearly better than chance" in run_report.format_report(
        example_record(above_chance=False), cards.load_card("copy")
    )


def test_a_run_without_scores_has_a_report_of_its_status() -> None:
    empty = complete_record({"status": "diverged"})
    assert run_report.format_report(empty, cards.load_card("copy")) == "no scores: the run ended as diverged"
