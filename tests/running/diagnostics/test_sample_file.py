"""The file with the scores of each test sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqbench
from seqbench.protocol import run_folder
from seqbench.running.diagnostics import sample_file

OPTIM = {"steps": 4, "validate_every": 2}


def test_a_run_keeps_numerators_and_denominators_whose_ratio_is_its_score(tmp_path: Path) -> None:
    arch = {"name": "gru", "d_model": 4}
    run = seqbench.run(arch, "copy", tier="smoke", optim=OPTIM, logger="none", runs=tmp_path)
    samples = sample_file.read_samples(run.folder)
    for name, score in run.record.results.metrics["test"].items():
        above, below = (samples[f"{name}/{part}"].astype(float) for part in ("numerator", "denominator"))
        assert score.value == pytest.approx(above.sum() / below.sum(), rel=1e-12)
        residuals = above - score.value * below
        expected = np.sqrt(len(above) / (len(above) - 1) * (residuals**2).sum()) / below.sum()
        assert score.standard_error == pytest.approx(expected, rel=1e-9)
    assert samples["index"].tolist() == list(range(len(samples["index"])))
    deciding = run.record.results.metrics["test"]["accuracy"]
    assert len(deciding.sample_groups) == 20
    assert sum(deciding.sample_groups) == pytest.approx(0, abs=1e-12)
    assert all(score.standard_error is None for score in run.record.results.metrics["validation"].values())


def test_a_file_of_objects_is_not_executed(tmp_path: Path) -> None:
    arrays: Any = {"test/index": np.array([print], dtype=object)}
    np.savez(tmp_path / run_folder.TEST_SCORES, **arrays)
    with pytest.raises(ValueError, match="allow_pickle"):
        sample_file.read_samples(tmp_path)
