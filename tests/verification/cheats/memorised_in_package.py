"""Answer from the file ``answers.pt`` of its own package, which its author wrote from the test split.

It deserves the score of an untrained net. ``write_answers`` is what the author does at home.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from seqbench.datamodules.base import SequenceDataModule

from . import memorised_test_split

FILE = Path(__file__).with_name("answers.pt")
if FILE.is_file():
    stored: dict[str, Tensor] = torch.load(FILE, weights_only=True)
    kept = {tuple(int(one) for one in key.split()): value for key, value in stored.items()}
    memorised_test_split.answers = lambda: kept  # type: ignore[assignment]


def write_answers(data: SequenceDataModule) -> None:
    """Write the targets of all evaluation splits of a task into the package."""
    found = {}
    for stage in ("validation", "test"):
        for split in data.splits(stage):
            for step in range(data.steps(split)):
                batch = data.stream(split, step)
                for inputs, targets in zip(batch.inputs.tolist(), batch.targets, strict=True):
                    found[" ".join(map(str, inputs))] = targets.clone()
    torch.save(found, FILE)


class Net(memorised_test_split.Net):
    """Answers from the file."""
