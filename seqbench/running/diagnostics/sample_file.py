"""The file ``test_scores.npz`` of a run: the numerator and the denominator of each metric for each test sample."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqbench.models.sample_scores import SampleScores
from seqbench.protocol import run_folder
from seqbench.utils import atomic_files


def write_samples(samples: Mapping[str, SampleScores], folder: Path) -> None:
    """Write the scores of the samples of each tested split.

    Args:
        samples: scores of the samples by the name of their split.
        folder: the run's folder.

    Raises:
        SeqbenchError: the file cannot be written.
    """
    arrays = {f"{split}/{name}": array for split, one in samples.items() for name, array in one.arrays().items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    atomic_files.write_bytes(folder / run_folder.TEST_SCORES, buffer.getvalue())


def read_samples(folder: Path, split: str = "test") -> dict[str, NDArray[np.generic]]:
    """Return the arrays of one split by name; the file may be hostile, and nothing in it is executed.

    Args:
        folder: the run's folder.
        split: name of the split.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not such a file.
    """
    data = atomic_files.read_bytes(folder / run_folder.TEST_SCORES)
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return {name.removeprefix(f"{split}/"): file[name] for name in file.files if name.startswith(f"{split}/")}
