"""Checks that batches depend on nothing but the seed, the split and the step."""

from __future__ import annotations

from dataclasses import fields

import torch
from torch import Tensor

from seqbench.protocol.specs import Batch
from seqbench.testing.report import Failure, expect
from seqbench.testing.task_subject import TaskSubject

OTHER_SEEDS = (1, 2, 3)
"""Seeds whose training batches are compared with those of seed 0."""

COMPARED = 8
"""Number of batches of a split that are compared."""


def check_batches_repeatable(task: TaskSubject) -> None:
    """The same split and step give the same batch, in any order and from any instance of the datamodule."""
    another = task.build_datamodule()
    for split in ("train", *task.evaluation_splits):
        batches = task.batches(split)
        for step in reversed(range(min(len(batches), COMPARED))):
            for data in (task.data, another):
                field = first_different_field(batches[step], data.stream(split, step))
                expect(
                    field is None,
                    f"{split} batch {step} has other {field} when it is drawn again; draw from "
                    f"keys.generator(split, step) only, and keep nothing between calls.",
                )


def first_different_field(a: Batch, b: Batch) -> str | None:
    """Return the name of the first field in which two batches differ; None if they are equal."""
    for field in fields(Batch):
        x, y = getattr(a, field.name), getattr(b, field.name)
        equal = torch.equal(x, y) if isinstance(x, Tensor) and isinstance(y, Tensor) else x is y or x == y
        if not equal:
            return field.name
    return None


def check_training_steps_differ(task: TaskSubject) -> None:
    """Different training steps have different batches."""
    first, *others = task.batches("train")
    for step, batch in enumerate(others, start=1):
        equal = torch.equal(first.inputs, batch.inputs) and torch.equal(first.targets, batch.targets)
        expect(not equal, f"training batches 0 and {step} are equal; draw from keys.generator('train', step).")


def check_seed_changes_training(task: TaskSubject) -> None:
    """Another seed of the run gives other training batches."""
    # One seed may give the same batches by chance: where few samples are shuffled or an epoch starts at an offset.
    for seed in OTHER_SEEDS:
        other = task.data_of_other_seed if seed == 1 else task.build_datamodule(seed)
        for step, batch in enumerate(task.batches("train")[:4]):
            if first_different_field(batch, other.stream("train", step)) is not None:
                return
    raise Failure(f"seeds 0 and {OTHER_SEEDS} give the same training batches; draw from keys.generator('train', ...).")


def check_seed_keeps_evaluation(task: TaskSubject) -> None:
    """Validation and test are the same for every seed of the run."""
    other = task.data_of_other_seed
    for split in task.evaluation_splits:
        expect(
            other.steps(split) == len(task.batches(split)), f"{split} has another number of batches with another seed."
        )
        for step, batch in enumerate(task.batches(split)[:COMPARED]):
            field = first_different_field(batch, other.stream(split, step))
            expect(
                field is None,
                f"{split} batch {step} has other {field} with another seed; draw from keys.generator('{split}', ...), "
                f"so that all runs are scored on the same samples.",
            )
