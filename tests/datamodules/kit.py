"""Checks of properties that all datamodules have."""

from __future__ import annotations

import math

import torch

from seqbench.datamodules.base import SequenceDataModule
from seqbench.protocol.specs import Batch, SequenceClass, StepClasses, Tokens


def same(a: Batch, b: Batch) -> bool:
    return all(
        torch.equal(x, y) if isinstance(x, torch.Tensor) else x == y
        for x, y in zip(vars(a).values(), vars(b).values(), strict=True)
    )


def check_repeats(data: SequenceDataModule, again: SequenceDataModule) -> None:
    """Check that a batch depends only on its number, and that two training batches differ."""
    for split in ("train", *data.splits("validation"), *data.splits("test")):
        steps = range(3) if split == "train" else range(data.steps(split))
        first = [data.stream(split, step) for step in steps]
        for step in reversed(steps):
            assert same(again.stream(split, step), first[step])
    assert not same(data.stream("train", 0), data.stream("train", 1))


def check_weights(data: SequenceDataModule) -> None:
    """Check that weights are 0 in the padding and sum to the total, and that all ids are valid."""
    assert isinstance(data.spec.input, Tokens)
    assert isinstance(data.spec.output, StepClasses | SequenceClass)
    for split in ("train", *data.splits("validation"), *data.splits("test")):
        batch = data.stream(split, 0)
        past = torch.arange(batch.inputs.shape[1])[None] >= batch.lengths[:, None]
        assert not batch.weights[past].any()
        assert math.isclose(batch.total, float(batch.weights.sum()), rel_tol=1e-6)
        assert 0 <= int(batch.inputs.min()) <= int(batch.inputs.max()) < data.spec.input.vocab
        assert 0 <= int(batch.targets.min()) <= int(batch.targets.max()) < data.spec.output.classes
        assert batch.inputs.dtype == batch.targets.dtype == torch.int64
        assert batch.inputs.shape[1] <= data.spec.max_length


def check_samples(data: SequenceDataModule, split: str, samples: int) -> None:
    """Check that the batches of a split contain each sample once."""
    index = torch.cat([data.stream(split, step).index for step in range(data.steps(split))])
    assert index.tolist() == list(range(samples))


def score(data: SequenceDataModule, split: str, logits: object) -> dict[str, float]:
    """Return the metrics of a predictor ``batch -> logits`` on a whole split."""
    from seqbench.models import objectives

    objective = objectives.build_objective(data.spec, d_model=1)
    objective.head = torch.nn.Identity()
    scores = objective.build_metrics()
    for step in range(data.steps(split)):
        batch = data.stream(split, step)
        objective.update_metrics(scores, logits(batch), batch)  # type: ignore[operator]
    return {name: float(value) for name, value in scores.compute().items()}
