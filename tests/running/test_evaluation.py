from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqbench.protocol import records
from seqbench.running import run_config, runner
from seqbench.running.evaluation import evaluate
from seqbench.running.run_request import RunRequest
from seqbench.utils.errors import SeqbenchError
from tests.optional import not_none

OPTIM = {"steps": 40, "batch_size": 8, "validate_every": 20}
COPY = {"name": "copy", "delay": 2, "samples": 40}
PARITY = {"name": "parity", "samples": 20, "max_length": 8, "probe_lengths": [10, 20], "probe_samples": 16}
HERE = "tests.running.test_evaluation"


class Short(nn.Module):
    """A backbone with a learned vector for each of 30 steps, which fails on longer sequences."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.zeros(30, d_model))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return x + self.places[torch.arange(x.shape[1])]


def train(folder: Path, task: dict[str, Any], arch: str = "gru", **changed: Any) -> Path:
    config = run_config.resolve_config(
        RunRequest.from_mapping(
            {
                "arch": {"name": arch, "d_model": 8},
                "task": task,
                "tier": "smoke",
                "optim": OPTIM,
                "logger": "none",
                **changed,
            }
        )
    )
    run = runner.run(config, folder)
    assert run.record.status == "ok", run.record.results.reason
    return run.folder


def values(folder: Path, split: str = "test") -> dict[str, float]:
    return {name: not_none(line.value) for name, line in records.read_record(folder).results.metrics[split].items()}


def scored(found: Any) -> dict[str, float]:
    return {name: line["value"] for name, line in found.metrics.items()}


def files(folder: Path) -> dict[Path, Any]:
    return {path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("copy"), COPY)


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("parity"), PARITY)


def test_the_scores_of_a_run_are_repeated_and_its_folder_stays_as_it_is(run: Path) -> None:
    before, threads = files(run), torch.get_num_threads()
    results = records.read_record(run).results
    for split in ("test", "validation"):
        found = evaluate(run, split=split)
        recorded: Any = results.to_dict()["metrics"]
        # Only a record holds the influences of the groups of test samples, for its deciding metric.
        recorded[split]["accuracy"].pop("sample_groups", None)
        assert found.metrics == recorded[split]
        assert found.recorded == values(run, split)
        assert found.baselines == results.baselines[split]
        assert (found.changed, found.best_step) == ({}, results.best_step)
    assert evaluate(run / "result.json", trainer_options={"threads": 2}).device.endswith("2 threads")
    assert torch.get_num_threads() == threads
    assert files(run) == before


def test_another_length_changes_scores_and_chance_and_is_reported(run: Path) -> None:
    found = evaluate(run, {"delay": 20})
    assert found.changed == {"task.delay": {"recorded": 2, "now": 20}}
    chance = not_none(evaluate(run).metrics["loss_all_positions"]["chance"])
    assert not_none(found.metrics["loss_all_positions"]["chance"]) < chance
    assert found.metrics["loss"]["value"] != values(run)["loss"]
    assert evaluate(run, {"delay": 3}, arguments=["--task.delay=20"]).metrics == found.metrics
    json.dumps(found.to_dict(), allow_nan=False)


def test_probes_give_scores_by_length(probed: Path) -> None:
    assert evaluate(probed).lengths == records.read_record(probed).results.lengths
    found = evaluate(probed, arguments=["--task.probe_lengths", "[10, 30, 50]"])
    assert found.lengths["length"] == [10, 30, 50]
    assert found.lengths["accuracy"][0] == records.read_record(probed).results.lengths["accuracy"][0]
    assert found.metrics["solved_length"]["best"] == 50
    assert evaluate(probed, split="validation").lengths == {}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"arguments": ["--task.alphabet", "9"]}, r"model reads Tokens \(vocab 10\), but these data need .*vocab 11"),
        ({"arguments": ["--optim.lr", "1"]}, "a trained model keeps its optim: --optim.lr cannot be changed"),
        ({"arguments": ["--arch.d_model=9"]}, "a trained model keeps its arch"),
        ({"arguments": ["--task.dely", "9"]}, r"unknown option --task.dely. Did you mean --task.delay"),
        ({"arguments": ["--task.delay", "many"]}, "option --task.delay: expected int, got"),
        ({"task_options": {"dely": 9}}, "unknown option 'task.dely' in the configuration. Did you mean task.delay"),
        ({"trainer_options": {"devices": 2}}, "an evaluation runs in one process"),
        ({"trainer_options": {"threads": 10**6}}, "trainer.threads must be at most"),
        ({"split": "train"}, "--split 'train' is unknown"),
    ],
)
def test_options_that_do_not_fit_a_trained_model_are_refused(run: Path, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        evaluate(run, **given)


def test_a_length_at_which_an_architecture_fails_is_one_sentence(tmp_path: Path) -> None:
    folder = train(tmp_path, COPY, f"{HERE}:Short")
    assert scored(evaluate(folder)) == values(folder)
    with pytest.raises(SeqbenchError, match=r"fails on the test split, .* up to 50 steps \(IndexError: .*give shorter"):
        evaluate(folder, {"delay": 40})


def test_a_run_without_checkpoint_or_record_is_named(run: Path, tmp_path: Path) -> None:
    with pytest.raises(SeqbenchError, match="no record at"):
        evaluate(tmp_path)
    (tmp_path / "result.json").write_bytes((run / "result.json").read_bytes())
    with pytest.raises(SeqbenchError, match=r"holds no checkpoints/best\.ckpt"):
        evaluate(tmp_path)


# The test split is the same and the training split has other words, so another vocabulary would change every score.


def text_data(folder: Path, words: list[str]) -> Path:
    lines = {"train": words, "valid": ["the cat sat", "a dog ran"], "test": ["a cat ran", "the dog sat"]}
    for number, (split, some) in enumerate(lines.items()):
        rows = [some[(n * n + n // 3 + number) % len(some)] for n in range(150 if split == "train" else 12)]
        (folder / "texts").mkdir(parents=True, exist_ok=True)
        (folder / "sentences").mkdir(parents=True, exist_ok=True)
        (folder / "pairs").mkdir(parents=True, exist_ok=True)
        (folder / "texts" / f"{split}.txt").write_text("\n".join(rows))
        labelled = [f"{row}\t{int('cat' in row)}" for row in rows]
        (folder / "sentences" / f"{split}.tsv").write_text("\n".join(labelled))
        for language, shown in (("en", rows), ("de", [row[::-1] for row in rows])):
            (folder / "pairs" / f"{split}.{language}").write_text("\n".join(shown) + "\n")
    return folder


ONE, TWO = ["the cat sat", "a dog ran", "the man sat"], ["AN OX DUG A BIG cat", "zebras yawn", "yaks yell at me"]
TEXTS: dict[str, dict[str, str | int]] = {
    "texts": {"name": "char-lm", "length": 8, "window": 16, "evaluation_rows": 2},
    "sentences": {"name": "sentiment"},
    "pairs": {"name": "translation", "vocabulary_size": 280, "longest": 8},
}


@pytest.mark.parametrize("kind", TEXTS)
def test_other_data_are_read_with_the_vocabulary_of_the_run(tmp_path: Path, kind: str) -> None:
    one, two = text_data(tmp_path / "one", ONE), text_data(tmp_path / "two", TWO)
    folder = train(tmp_path, {**TEXTS[kind], "data_dir": str(one / kind)})
    found = evaluate(folder, {"data_dir": str(two / kind)})
    assert scored(found) == values(folder)
    assert set(found.changed) == {"data"}
    if kind != "sentences":  # Their classes are as frequent in both.
        loss = "token_loss" if kind == "pairs" else "loss"
        assert found.metrics[loss]["chance"] != records.read_record(folder).results.metrics["test"][loss].chance
    if kind == "texts":
        _without_vocabulary_or_data(folder, one / kind, two / kind)
    if kind == "pairs":
        _with_another_tokenizer(folder, two / kind)
    if kind == "sentences":
        _with_other_classes(folder, two / kind)


def _without_vocabulary_or_data(folder: Path, own: Path, other: Path) -> None:
    kept = folder / "vocabulary.json"
    own.rename(own.with_name("away"))
    assert scored(evaluate(folder, {"data_dir": str(other)})) == values(folder)
    kept.rename(folder / "away.json")
    with pytest.raises(SeqbenchError, match="other data must be read with the run's vocabulary, but the run folder"):
        evaluate(folder, {"data_dir": str(other)})
    own.with_name("away").rename(own)
    assert scored(evaluate(folder, {"data_dir": str(other)})) == values(folder)
    broken = {'["a", "b"]': "reads Tokens", "{": "a JSON list of characters", '["b", "a"]': "in code-point order"}
    for text, sentence in broken.items():
        kept.write_text(text)
        with pytest.raises(SeqbenchError, match=sentence):
            evaluate(folder, {"data_dir": str(other)})


def _with_another_tokenizer(folder: Path, data: Path) -> None:
    kept = folder / "tokenizer.json"
    kept.write_text(kept.read_text() + " ")
    with pytest.raises(SeqbenchError, match=r"tokenizer\.json is not the one in the run's record"):
        evaluate(folder, {"data_dir": str(data)})
    assert scored(evaluate(folder)) == values(folder)  # The run's own data need no vocabulary.


def _with_other_classes(folder: Path, data: Path) -> None:
    for path in data.iterdir():
        path.write_text(path.read_text().replace("\t1", "\tyes").replace("\t0", "\tno"))
    with pytest.raises(SeqbenchError, match=r"these sentences have the classes \['no', 'yes'\]"):
        evaluate(folder, {"data_dir": str(data)})


def test_generated_sentences_keep_the_words_of_the_run(tmp_path: Path) -> None:
    folder = train(tmp_path, {"name": "sentiment-position", "sentences": 300, "samples": 40})
    assert scored(evaluate(folder, {"sentences": 200})) == values(folder)
