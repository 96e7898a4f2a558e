"""The default sample: wrong answers beside the right ones, for every kind of output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

import seqbench
from seqbench.datamodules.base import Scores, SequenceDataModule
from seqbench.models.module import SequenceModule
from seqbench.protocol import run_folder
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import (
    Batch,
    Output,
    SequenceClass,
    SequenceSpec,
    SequenceValue,
    StepClasses,
    StepLabels,
    Tokens,
    TokenSequence,
)
from seqbench.running.samples import answers_sample
from seqbench.running.samples.answers_sample import CHECKED, MOST_STEPS, SHOWN


class Fixed(SequenceDataModule):
    """Test batches with given targets, of which all steps count."""

    def __init__(self, output: Output, targets: Tensor, rows: int = 4) -> None:
        super().__init__(rows, Keys(0, "fixed", 1))
        self.spec, self.targets = SequenceSpec(Tokens(10), output, max_length=targets.shape[1]), targets

    def stream(self, split: str, step: int) -> Batch:
        index = torch.arange(step * self.batch_size, min((step + 1) * self.batch_size, len(self.targets)))
        targets = self.targets[index]
        shape = targets.shape[:2]
        lengths = torch.full((len(index),), shape[1])
        return Batch(index[:, None].expand(shape) % 10, targets, lengths, torch.ones(shape), 1.0, index)

    def steps(self, split: str) -> int:
        return -(-len(self.targets) // self.batch_size)

    def chance(self, split: str) -> Scores:
        return {}

    def best(self, split: str) -> Scores:
        return {}


def trained(data: SequenceDataModule, predict: Callable[[Tensor], Tensor], **more: Any) -> SequenceModule:
    """Return a module whose predicted distribution is a function of the samples' indices."""
    objective = SimpleNamespace(predict_distribution=lambda batch: predict(batch.index))
    parts = {"data": data, "spec": data.spec, "device": "cpu", "objective": objective, "body": lambda batch: batch}
    return cast(SequenceModule, SimpleNamespace(**parts, eval=lambda: None, **more))


def one_hot(ids: Tensor, classes: int) -> Tensor:
    return torch.nn.functional.one_hot(ids, classes).float()


def draw(module: SequenceModule, folder: Path) -> tuple[dict[str, Any], str]:
    sample = answers_sample.draw_sample(module, folder)
    return cast(dict[str, Any], sample.data), (folder / run_folder.SAMPLE).read_text()


def step_classes(count: int, time: int = 3) -> Fixed:
    return Fixed(StepClasses(10), torch.arange(time).expand(count, time) % 10)


def test_right_answers_give_one_sentence(tmp_path: Path) -> None:
    data = step_classes(6)
    sample, text = draw(trained(data, lambda index: one_hot(data.targets[index], 10)), tmp_path)
    assert sample == {"split": "test", "checked": 6, "wrong": 0, "answers": []}
    assert text == "all answers to the first 6 test sequences are right\n"


def test_wrong_steps_are_marked_below_the_answer(tmp_path: Path) -> None:
    data = step_classes(6)

    def predict(index: Tensor) -> Tensor:
        answers = data.targets[index].clone()
        answers[index == 5, 1] = 9
        return one_hot(answers, 10)

    sample, text = draw(trained(data, predict), tmp_path)
    assert sample["wrong"] == 1
    assert sample["answers"] == [
        {
            "index": 5,
            "input": "5 5 5",
            "first_step": 0,
            "right": ["0", "1", "2"],
            "answer": ["0", "9", "2"],
            "wrong_steps": 1,
        }
    ]
    assert text.splitlines()[2:] == [
        "sequence 5: 1 of 3 steps wrong",
        "  input   5 5 5",
        "  right   0 1 2",
        "  answer  0 9 2",
        "            ^",
    ]


def test_only_the_first_sequences_are_checked_and_the_first_wrong_ones_shown(tmp_path: Path) -> None:
    data = step_classes(CHECKED + 50)
    drawn: list[int] = []

    def predict(index: Tensor) -> Tensor:
        drawn.extend(index.tolist())
        return one_hot(9 - data.targets[index], 10)

    sample, text = draw(trained(data, predict), tmp_path)
    assert drawn == list(range(CHECKED))
    assert (sample["checked"], sample["wrong"]) == (CHECKED, CHECKED)
    assert [one["index"] for one in sample["answers"]] == list(range(SHOWN))
    assert f"{CHECKED} of the answers to the first {CHECKED} test sequences are wrong; the first {SHOWN}" in text


def test_a_long_answer_is_cut_to_the_steps_around_the_first_error(tmp_path: Path) -> None:
    data = step_classes(1, time=200)

    def predict(index: Tensor) -> Tensor:
        answers = data.targets[index].clone()
        answers[:, 100] = 7
        return one_hot(answers, 10)

    sample, text = draw(trained(data, predict), tmp_path)
    (one,) = sample["answers"]
    assert len(one["right"]) == len(one["answer"]) == MOST_STEPS
    assert one["answer"][100 - one["first_step"]] == "7"
    assert "1 of 200 steps wrong; steps 95 to 134" in text
    assert "(160 more)" in text


def test_steps_that_are_not_scored_are_left_out(tmp_path: Path) -> None:
    data = step_classes(1)

    class Scored(Fixed):
        def stream(self, split: str, step: int) -> Batch:
            batch = super().stream(split, step)
            batch.scored = torch.tensor([[0.0, 0.0, 1.0]])
            return batch

    scored = Scored(data.spec.output, data.targets)
    sample, _ = draw(trained(scored, lambda index: one_hot(torch.zeros(1, 3, dtype=torch.int64), 10)), tmp_path)
    (one,) = sample["answers"]
    assert (one["right"], one["answer"]) == (["2"], ["0"])


def test_classes_have_their_names(tmp_path: Path) -> None:
    data = Fixed(SequenceClass(2), torch.tensor([[0], [1]]))
    data.output_names = ("bad", "good")
    sample, text = draw(trained(data, lambda index: one_hot(torch.ones(len(index), 1).long(), 2)), tmp_path)
    assert [(one["right"], one["answer"]) for one in sample["answers"]] == [(["bad"], ["good"])]
    assert "^" not in text


def test_labels_are_shown_as_the_numbers_that_are_on(tmp_path: Path) -> None:
    data = Fixed(StepLabels(4), torch.tensor([[[0.0, 1, 0, 1], [0, 0, 0, 0]]]))
    answer = torch.tensor([[[-1.0, 2, -1, -1], [-1, -1, -1, -1]]])
    sample, text = draw(trained(data, lambda index: answer), tmp_path)
    (one,) = sample["answers"]
    assert (one["right"], one["answer"]) == ([[1, 3], []], [[1], []])
    assert "1+3" in text


def test_values_show_the_largest_errors(tmp_path: Path) -> None:
    data = Fixed(SequenceValue(1), torch.zeros(8, 1, 1))
    sample, text = draw(trained(data, lambda index: index[:, None, None] / 10), tmp_path)
    assert "wrong" not in sample
    assert [one["index"] for one in sample["answers"]] == [7, 6, 5, 4, 3]
    assert sample["answers"][0]["error"] == pytest.approx(0.7)
    assert text.startswith("largest errors among the answers to the first 8 test sequences")


def test_decoded_tokens_are_compared_up_to_the_end(tmp_path: Path) -> None:
    output = TokenSequence(10, start=0, end=1, longest=5)
    data = Fixed(output, torch.tensor([[4, 5, 1, 0], [6, 1, 0, 0]]))
    decoded: dict[str, dict[int, Sequence[int]]] = {"test": {0: [4, 5], 1: [6, 7]}}
    sample, _ = draw(trained(data, lambda index: index, decoded=decoded), tmp_path)
    (one,) = sample["answers"]
    assert (one["index"], one["right"], one["answer"]) == (1, ["6"], ["6", "7"])


@pytest.mark.parametrize("task", ["parity", "adding"])
def test_every_generated_task_has_a_sample_in_record_and_folder(task: str, tmp_path: Path) -> None:
    optim = {"steps": 4, "batch_size": 4, "validate_every": 2}
    arch = {"name": "gru", "d_model": 8}
    run = seqbench.run(
        arch, {"name": task, "samples": 20}, tier="smoke", optim=optim, logger="none", runs=tmp_path, progress=False
    )
    sample = run.record.results.sample
    assert run.record.results.sample_error == ""
    assert isinstance(sample, dict)
    assert sample["checked"] == 20
    assert (run.folder / run_folder.SAMPLE).read_text().count("sequence ") == len(cast(list[Any], sample["answers"]))
    assert run.record.without_sample().results.sample is None
