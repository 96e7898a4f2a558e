"""The sample of a task without a sampler of its own: the first wrong answers on test beside the right ones.

It works for every kind of output. For real values, where no answer is exactly right, it holds the largest errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from seqbench.datamodules.base import SequenceDataModule
from seqbench.models.module import SequenceModule
from seqbench.models.objectives.base import metric_weights
from seqbench.protocol import run_folder
from seqbench.protocol.specs import Batch, SequenceValue, StepLabels, StepValues, TokenSequence
from seqbench.running.samples import Sample
from seqbench.utils import atomic_files
from seqbench.utils.number_format import counted

CHECKED, SHOWN = 100, 5
"""Number of test sequences that are checked, and of answers that are shown."""
MOST_STEPS, BEFORE = 40, 5
"""Largest number of steps of an answer that are shown, and of those before the first wrong one."""

AnswerItem = str | float | list[int]
"""One target or prediction: the name of a class or token, a number, or the labels that are on."""


@dataclass(frozen=True)
class Answer:
    """The answer of a trained module to one test sequence, at the scored steps.

    Args:
        index: number of the sequence in the test split.
        text: the inputs as text.
        right: the targets.
        answer: the predictions.
        wrong: positions at which they differ.
        error: mean absolute error; None where answers are right or wrong.
    """

    index: int
    text: str
    right: Sequence[AnswerItem]
    answer: Sequence[AnswerItem]
    wrong: Sequence[int]
    error: float | None = None

    def to_dict(self) -> dict[str, object]:
        """Return the answer as plain data for the record, with at most ``MOST_STEPS`` steps."""
        first, last = self.window()
        shown: dict[str, object] = {"right": list(self.right[first:last]), "answer": list(self.answer[first:last])}
        if self.error is not None:
            shown["error"] = self.error
        return {"index": self.index, "input": self.text, "first_step": first, **shown, "wrong_steps": len(self.wrong)}

    def window(self) -> tuple[int, int]:
        """Return the first scored step that is shown, and the end: the whole answer, or a part around an error."""
        if len(self.right) <= MOST_STEPS:
            return 0, max(len(self.right), len(self.answer))
        first = max((self.wrong[0] if self.wrong else 0) - BEFORE, 0)
        return first, first + MOST_STEPS


@dataclass
class _Collected:
    """The answers so far, and how many sequences were checked."""

    checked: int = 0
    answers: list[Answer] = field(default_factory=list)


def draw_sample(module: SequenceModule, folder: Path) -> Sample:
    """Write ``sample.txt``: the first wrong answers of the tested module, or a sentence that all are right."""
    data = module.data
    assert data is not None
    collected = _Collected()
    module.eval()
    with torch.no_grad():
        for batch in _test_batches(data):
            _collect(module, data, batch, collected)
    has_errors = isinstance(module.spec.output, StepValues | SequenceValue)
    answers = collected.answers
    wrong = len(answers)
    # Without a threshold, the answers that are furthest from the target are the ones to look at.
    shown = sorted(answers, key=lambda one: -(one.error or 0.0))[:SHOWN] if has_errors else answers[:SHOWN]
    text = format_answers(collected.checked, None if has_errors else wrong, shown)
    atomic_files.write_text(folder / run_folder.SAMPLE, text)
    counts = {"split": "test", "checked": collected.checked, **({} if has_errors else {"wrong": wrong})}
    return Sample({**counts, "answers": [one.to_dict() for one in shown]})


def _test_batches(data: SequenceDataModule) -> Iterator[Batch]:
    """Yield the first batches of the test split, cut so that they hold at most ``CHECKED`` sequences."""
    left = CHECKED
    for step in range(1 if data.streaming else data.steps("test")):
        batch = data.stream("test", step)
        yield batch.rows(slice(left)) if len(batch) > left else batch
        left -= len(batch)
        if left <= 0:
            return


def _collect(module: SequenceModule, data: SequenceDataModule, batch: Batch, collected: _Collected) -> None:
    """Add the wrong answers to a batch; all answers, if they are real values."""
    collected.checked += len(batch)
    if isinstance(module.spec.output, TokenSequence):
        pairs = _decoded_pairs(module, batch)
    else:
        pairs = _step_pairs(module, batch)
    for row, (right, answer, error) in enumerate(pairs):
        wrong = [
            step
            for step in range(max(len(right), len(answer)))
            if right[step : step + 1] != answer[step : step + 1] or error is not None
        ]
        if wrong:
            index, text = int(batch.index[row]), data.input_text(batch, row)
            collected.answers.append(Answer(index, text, right, answer, wrong, error))


_Pair = tuple[list[AnswerItem], list[AnswerItem], float | None]
"""The targets and the predictions of one sequence, and the mean absolute error of real values."""


def _decoded_pairs(module: SequenceModule, batch: Batch) -> Iterator[_Pair]:
    """Yield the target tokens and the tokens that were decoded during the test, without the end."""
    output, data = module.spec.output, module.data
    assert isinstance(output, TokenSequence)
    assert data is not None
    decoded = module.decoded["test"]
    for row, index in enumerate(batch.index.tolist()):
        target = batch.targets[row].tolist()
        target = target[: target.index(output.end)] if output.end in target else target
        yield _names(data, target), _names(data, decoded[index]), None


def _step_pairs(module: SequenceModule, batch: Batch) -> Iterator[_Pair]:
    """Yield the targets and the predictions of each sequence at the scored steps."""
    data, output = module.data, module.spec.output
    assert data is not None
    placed = batch.to(module.device)
    hidden = module.body(placed) if batch.first is None else module.body.unroll(placed, None)[0]
    distribution = module.objective.predict_distribution(hidden).cpu()
    targets = batch.targets.expand(*distribution.shape[:2], *batch.targets.shape[2:])
    scored = metric_weights(batch) > 0
    if isinstance(output, StepValues | SequenceValue):
        for row in range(len(batch)):
            right, answer = targets[row][scored[row]].float(), distribution[row][scored[row]]
            error = float((answer - right).abs().mean()) if right.numel() else 0.0
            yield _numbers(right), _numbers(answer), _round(error)
        return
    for row in range(len(batch)):
        right, answer = targets[row][scored[row]], distribution[row][scored[row]]
        if isinstance(output, StepLabels):
            yield _labels_on(right > 0.5), _labels_on(answer > 0), None
        else:
            yield _names(data, right.tolist()), _names(data, answer.argmax(-1).tolist()), None


def _names(data: SequenceDataModule, ids: Sequence[int]) -> list[AnswerItem]:
    """Return the names of classes or tokens; an id without a name stays a number."""
    names = data.output_names
    return [names[number] if number < len(names) else str(number) for number in ids]


def _labels_on(rows: Tensor) -> list[AnswerItem]:
    """Return the numbers of the labels that are on at each step; ``rows`` is ``(steps, labels)``."""
    return [row.nonzero()[:, 0].tolist() for row in rows]


def _numbers(rows: Tensor) -> list[AnswerItem]:
    """Return all numbers of the steps, one after the other; ``rows`` is ``(steps, dim)``."""
    return [_round(number) for number in rows.flatten().tolist()]


def _round(number: float) -> float:
    return float(f"{number:.6g}")


def format_answers(checked: int, wrong: int | None, shown: Sequence[Answer]) -> str:
    """Return answers beside the right ones as text.

    Args:
        checked: number of test sequences that were checked.
        wrong: number of wrong answers; None for real values, where the largest errors are shown.
        shown: the answers to show.
    """
    many = f"the first {checked} test sequences" if checked != 1 else "the first test sequence"
    if wrong is None:
        head = f"largest errors among the answers to {many}"
    elif not wrong:
        return f"all answers to {many} are right\n"
    else:
        those = "" if wrong <= len(shown) else f"; the first {len(shown)} of them"
        head = f"{wrong} of the answers to {many} {'is' if wrong == 1 else 'are'} wrong{those}"
    return "\n\n".join([head, *map(_format_answer, shown)]) + "\n"


def _format_answer(one: Answer) -> str:
    first, last = one.window()
    steps = max(len(one.right), len(one.answer))
    if one.error is not None:
        head = f"sequence {one.index}: mean absolute error {one.error:g}"
    elif steps == 1:
        head = f"sequence {one.index}"
    else:
        head = f"sequence {one.index}: {len(one.wrong)} of {counted(steps, 'step')} wrong"
    if steps > last - first:
        head += f"; steps {first} to {last - 1}"
    right, answer = ([_item_text(item) for item in row[first:last]] for row in (one.right, one.answer))
    length = max(len(right), len(answer))
    right, answer = (row + [""] * (length - len(row)) for row in (right, answer))
    # Marks below a column of numbers would say nothing: all of them differ.
    marks = ["^" if step in set(one.wrong) and one.error is None else "" for step in range(first, first + length)]
    widths = [max(map(len, column)) for column in zip(right, answer, marks, strict=True)]
    lines = [("input", one.text)] if one.text else []
    for name, row in (("right", right), ("answer", answer), ("", marks if length > 1 else [])):
        lines.append((name, " ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=False))))
    return "\n".join([head, *(f"  {name:7} {text}".rstrip() for name, text in lines if text.strip())])


def _item_text(item: AnswerItem) -> str:
    if isinstance(item, list):
        return "+".join(map(str, item)) or "-"
    return f"{item:g}" if isinstance(item, float) else item
