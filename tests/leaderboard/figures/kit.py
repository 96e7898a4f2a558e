"""Records with learning curves, for figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from seqbench.protocol.records import Record
from tests.leaderboard.kit import example_record
from tests.record_data import merged


def with_curves(
    validation: Sequence[float | None] = (0.5, 0.7, 0.9), loss: Sequence[float] = (2.0, 1.0, 0.5), **record: Any
) -> Record:
    """Return a record of a run on copy that validated every 100 steps."""
    base = example_record(training_seconds=40.0, tokens_per_second=1000.0, **record)
    steps = [100 * (number + 1) for number in range(len(validation))]
    curves = {
        "validation": {"step": steps, base.config.card.metric: list(validation)},
        "train": {"step": steps[: len(loss)], "loss": list(loss)},
    }
    results = merged(base.results.to_dict(), {"curves": curves})
    return dataclasses.replace(base, results=type(base.results).model_validate(results))
