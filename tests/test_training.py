"""Training to a known result: what lectures state of these architectures, on small tasks; each test takes minutes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import seqbench
from seqbench.protocol import records
from seqbench.protocol.specs import StepClasses
from tests.optional import not_none

pytestmark = pytest.mark.slow

FEW = {"steps": 400, "validate_every": 200}


@pytest.mark.parametrize("arch", ["gru", "lstm"])
def test_a_gated_network_learns_parity_beyond_its_training_lengths(arch: str, tmp_path: Path) -> None:
    results = seqbench.run(arch, "parity", tier="smoke", logger="none", runs=tmp_path).record.results
    assert results.metrics["test"]["accuracy"].value == 1.0
    assert results.metrics["test"]["solved_length"].value == 500
    assert results.above_chance is True


@pytest.mark.parametrize("arch", ["rnn", "gru", "lstm"])
def test_every_architecture_copies_without_delay(arch: str, tmp_path: Path) -> None:
    task = {"name": "copy", "delay": 1, "payload": 2}
    optim = {"steps": 600, "validate_every": 300}
    results = seqbench.run(arch, task, tier="smoke", optim=optim, logger="none", runs=tmp_path).record.results
    assert not_none(results.metrics["test"]["accuracy"].value) > 0.95
    assert not_none(results.metrics["test"]["loss_all_positions"].value) < 0.2


@pytest.mark.parametrize("task", ["char-lm-shakespeare", "char-lm-ptb"])
def test_a_gru_predicts_real_text_better_than_a_unigram_model(task: str, tmp_path: Path, real_data: Path) -> None:
    run = seqbench.run("gru", task, tier="smoke", optim=FEW, logger="none", runs=tmp_path)
    bits = run.record.results.metrics["test"]["bits_per_character"]
    assert not_none(bits.value) < 0.75 * not_none(bits.chance)
    assert run.record.results.baselines["test"]["5-gram"]["bits_per_character"] < not_none(bits.value)
    assert "data" not in run.record.config.modified
    sample = run.record.results.sample
    assert isinstance(sample, str)
    assert len(set(sample)) > 10


def test_a_recurrent_network_uses_the_order_of_words_and_a_bag_of_words_does_not(tmp_path: Path) -> None:
    options: dict[str, Any] = {"tier": "smoke", "logger": "none", "runs": tmp_path}
    for arch, low, high in (("bow", 0.5, 0.5), ("bigru", 0.9, 1.0)):
        results = seqbench.run(arch, "sentiment-order", **options).record.results
        assert low <= not_none(results.metrics["test"]["accuracy"].value) <= high


def test_a_fixed_window_does_not_generalise_to_other_positions(tmp_path: Path) -> None:
    options: dict[str, Any] = {"tier": "smoke", "optim": {"steps": 400}, "logger": "none", "runs": tmp_path}
    for arch, low, high in (({"name": "tdnn", "window": 24}, 0.3, 0.7), ("bigru", 0.95, 1.0)):
        results = seqbench.run(arch, "sentiment-position", **options).record.results
        assert results.curves.train["loss"][-1] < 0.1  # Both learn the positions of training.
        assert low <= not_none(results.metrics["test"]["accuracy"].value) <= high


@pytest.mark.parametrize(("task", "baseline"), [("music-jsb", "repeat"), ("music-nottingham", "repeat")])
def test_a_gru_predicts_music_better_than_repeating_the_last_frame(
    task: str, baseline: str, tmp_path: Path, real_data: Path
) -> None:
    run = seqbench.run("gru", task, tier="smoke", logger="none", runs=tmp_path)
    nats = not_none(run.record.results.metrics["test"]["nll_per_frame"].value)
    assert nats < run.record.results.baselines["test"][baseline]["nll_per_frame"]
    assert run.record.config.modified == []
    assert (run.folder / "continuation.mid").is_file()


def test_attention_learns_the_synthetic_grammar(tmp_path: Path) -> None:
    """On synthetic pairs with exact translations the score comes close to the best possible one, and is modified."""
    task = {"name": "translation", "source": "synthetic", "vocabulary_size": 400}
    arch = {"name": "gru", "d_model": 64}
    optim = {"steps": 600, "validate_every": 300, "batch_size": 64, "lr": 5e-3}
    run = seqbench.run(arch, task, tier="smoke", optim=optim, encoder="bigru", logger="none", runs=tmp_path)
    bleu = run.record.results.metrics["test"]["bleu"]
    assert bleu.best == 100
    assert not_none(bleu.value) > max(40, 2 * not_none(bleu.chance))
    assert {"task.source", "data"} <= set(run.record.config.modified)


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "seqbench", "run", "--arch", "gru", "--logger", "none", *words]


def results_in(folder: Path) -> Any:
    (path,) = folder.rglob("result.json")
    return json.loads(path.read_text())["results"]


@pytest.mark.timeout(900)  # Two runs, and the limits of their processes.
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_process_resumes_to_the_same_results(how: signal.Signals, tmp_path: Path) -> None:
    words = ["--task", "copy", "--tier", "smoke", "--arch.dropout", "0.3", "--arch.num_layers", "2"]
    words += ["--optim.steps", "600", "--optim.validate_every", "100", "--task.samples", "100"]
    subprocess.run(command(*words, "--runs", str(tmp_path / "whole")), check=True, capture_output=True, timeout=400)
    parts = tmp_path / "parts"
    with subprocess.Popen(command(*words, "--runs", str(parts)), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in iter(process.stderr.readline, ""):
            if line.startswith("step 200/"):
                break
        time.sleep(0.3)
        process.send_signal(how)
        process.communicate(timeout=60)
    assert process.returncode != 0
    if how is not signal.SIGKILL:
        assert results_in(parts)["status"] == "interrupted"
    done = subprocess.run(
        command(*words, "--runs", str(parts), "--resume"), check=True, capture_output=True, text=True, timeout=400
    )
    assert "resumed at step" in done.stderr
    assert results_in(parts) == results_in(tmp_path / "whole")


def test_a_run_folder_can_be_moved(tmp_path: Path) -> None:
    run = seqbench.run("gru", "copy", tier="smoke", optim=FEW, logger="none", runs=tmp_path / "here")
    moved = (tmp_path / "here").rename(tmp_path / "there") / run.folder.relative_to(tmp_path / "here")
    assert records.read_record(moved) == run.record
    output = seqbench.load(moved).objective.output
    assert isinstance(output, StepClasses)
    assert output.classes == 10
