from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

import seqbench
from seqbench.cli.run_report import format_report
from seqbench.datamodules.base import SequenceDataModule
from seqbench.leaderboard.data.checked_records import check_record_values
from seqbench.models import length_scores
from seqbench.models.module import SequenceModule
from seqbench.protocol.cards import Metric, load_card
from seqbench.protocol.records import read_record
from seqbench.running import scoring
from seqbench.utils.errors import SeqbenchError


class ProbedData:
    """A task with probes of lengths 10, 40 and 80, trained on lengths up to 10."""

    probes: Mapping[int, str] = {10: "probe-10", 40: "probe-40", 80: "probe-80"}
    validation_probes: Mapping[int, str] = {}
    trained_length = 10
    best_unknown = ""

    def probes_of(self, stage: str) -> Mapping[int, str]:
        return self.probes if stage == "test" else self.validation_probes

    def chance(self, split: str) -> dict[str, float | None]:
        return {"accuracy": 0.5, "loss": 0.7}

    def best(self, split: str) -> dict[str, float | None]:
        return {"accuracy": 1.0, "loss": None}

    def baselines(self, split: str) -> dict[str, dict[str, float]]:
        return {"majority": {"accuracy": 0.5 if split == "test" else 0.6}}


class Evaluated:
    """The parts of an evaluated module that scoring reads."""

    def __init__(self, data: object) -> None:
        self.data = data
        self.decoded: dict[str, Any] = {}
        self.samples: dict[str, Any] = {}
        self.evaluated = {
            "test": {"accuracy": 0.9, "loss": 0.3},
            "probe-10": {"accuracy": 1.0},
            "probe-40": {"accuracy": 0.8},
            "probe-80": {"accuracy": 0.6},
        }
        if isinstance(data, ProbedData):
            over_lengths = length_scores.scores_over_lengths(cast(SequenceDataModule, data), "test", self.evaluated)
            self.evaluated["test"] |= over_lengths


VALIDATION: dict[str, list[float | None]] = {
    "step": [10.0, 20.0, 30.0],
    "accuracy": [0.6, 0.8, 0.7],
    "loss": [0.5, 0.4, 0.45],
}


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> SequenceModule:
    monkeypatch.setattr(scoring, "weights_digest", lambda module: "digest")
    return cast(SequenceModule, Evaluated(ProbedData()))


def test_scores_are_those_of_the_best_step_with_chance_and_best_possible(module: SequenceModule) -> None:
    scores = cast(dict[str, Any], scoring.score_run(module, VALIDATION, 20, Metric("accuracy", "max")))
    assert (scores["best_step"], scores["weights"], scores["above_chance"]) == (20, "digest", True)
    assert scores["metrics"]["validation"] == {
        "accuracy": {"value": 0.8, "chance": 0.5, "best": 1.0},
        "loss": {"value": 0.4, "chance": 0.7, "best": None, "best_unknown": "the task does not say"},
    }
    assert scores["metrics"]["test"]["accuracy"] == {"value": 0.9, "chance": 0.5, "best": 1.0}
    assert scores["baselines"] == {
        "validation": {"majority": {"accuracy": 0.6}},
        "test": {"majority": {"accuracy": 0.5}},
    }
    assert scores["lengths"] == {"length": [10, 40, 80], "accuracy": [1.0, 0.8, 0.6]}


def test_metrics_over_lengths_belong_to_test_and_exclude_trained_lengths(module: SequenceModule) -> None:
    module.evaluated["validation"] = {"accuracy": 0.9}
    metrics = scoring.split_metrics(module, "test")
    assert metrics["solved_length"] == {"value": 10, "chance": 0, "best": 80}
    assert metrics["accuracy_longer"] == {"value": pytest.approx(0.7), "chance": 0.5, "best": 1.0}
    assert set(scoring.split_metrics(module, "validation")) == {"accuracy"}


def test_a_score_at_chance_is_not_above_it(module: SequenceModule) -> None:
    module.evaluated["test"] = {"accuracy": 0.5, "loss": 0.7}
    scores = scoring.score_run(module, VALIDATION, 20, Metric("accuracy", "max"))
    assert scores["above_chance"] is False


def test_chance_and_best_need_no_model() -> None:
    data = cast(SequenceDataModule, ProbedData())
    assert scoring.chance_and_best(data, "test", ["loss", "solved_length", "accuracy_longer"]) == {
        "loss": {"chance": 0.7, "best": None},
        "solved_length": {"chance": 0, "best": 80},
        "accuracy_longer": {"chance": 0.5, "best": 1.0},
    }
    assert scoring.chance_and_best(data, "validation", ["accuracy"]) == {"accuracy": {"chance": 0.5, "best": 1.0}}


def write_silent_music(folder: Path) -> Path:
    """Pieces of which no frame has a note."""
    folder.mkdir()
    silent: list[list[list[int]]] = [[[] for _ in range(12)] for _ in range(5)]
    (folder / "tunes.json").write_text(json.dumps(dict.fromkeys(("train", "valid", "test"), silent)), encoding="utf-8")
    return folder


def test_an_undefined_secondary_metric_is_null_with_a_reason(tmp_path: Path) -> None:
    data = {"name": "music", "data_dir": str(write_silent_music(tmp_path / "silent"))}
    options: dict[str, Any] = {"optim": {"steps": 4, "validate_every": 2}, "trainer": {"threads": 1}, "logger": "csv"}
    finished = seqbench.run({"name": "gru", "d_model": 4}, data, tier="smoke", **options, runs=tmp_path / "runs")
    results = finished.record.results
    assert (results.status, results.reason) == ("ok", None)
    for split in ("validation", "test"):
        assert results.metrics[split]["frame_accuracy"].value is None
        assert "0/0" in results.metrics[split]["frame_accuracy"].undefined
        assert results.metrics[split]["nll_per_frame"].value is not None
    assert results.curves.validation["frame_accuracy"] == [None, None]
    rows = (finished.folder / "metrics.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0].split(",")[-1] == "validation/frame_accuracy"
    assert [row.split(",")[-1] for row in rows[1:]] == ["", ""]
    again = read_record(finished.folder)
    assert again.intact()
    checked = check_record_values(again, "here")
    assert list(checked.test) == ["nll_per_frame"]
    assert "frame_accuracy is undefined (0/0" in format_report(again, load_card("music"))


def test_an_undefined_deciding_metric_is_named() -> None:
    with pytest.raises(SeqbenchError, match=r"the deciding metric, validation accuracy, is undefined \(0/0"):
        scoring.require_defined(None, "validation", "accuracy")
    assert scoring.require_defined(0.5, "validation", "accuracy") == 0.5


class KnownErrors:
    """The samples of a split whose accuracy has a known standard error."""

    def __init__(self, error: float) -> None:
        self.error = error

    def standard_errors(self) -> dict[str, float]:
        return {"accuracy": self.error}


def test_the_mean_over_longer_sequences_has_the_standard_error_of_a_mean(module: SequenceModule) -> None:
    errors = {"test": 0.1, "probe-10": 9.0, "probe-40": 0.3, "probe-80": 0.4}
    module.samples = {split: cast(Any, KnownErrors(error)) for split, error in errors.items()}
    metrics = scoring.split_metrics(module, "test")
    assert metrics["accuracy"]["standard_error"] == 0.1
    assert metrics["accuracy_longer"]["standard_error"] == pytest.approx(0.25)
    assert "standard_error" not in metrics["solved_length"]
    assert "standard_error" not in metrics["loss"]


def test_a_metric_that_the_task_does_not_give_is_named_with_those_that_it_gives() -> None:
    with pytest.raises(SeqbenchError, match="test bleu, is not among the metrics of the task: accuracy, loss;"):
        scoring.require_given({"loss": 1.0, "accuracy": 0.5}, "test", "bleu")
