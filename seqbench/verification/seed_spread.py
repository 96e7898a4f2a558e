"""The spread of a score over seeds, as a tolerance for a second run on other hardware or with other software.

There the rounding differs, training amplifies it, and at worst the second run is like one with another seed. Two such
runs differ by less than t * s * sqrt(2) with the stated confidence, where s is the standard deviation over other seeds
of the same configuration (Student's t). Without other seeds, the sampling error of the test score is all that is known.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqbench.protocol import records
from seqbench.protocol.records import Record
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted, format_number

CONFIDENCE = 0.99
"""Probability with which two honest runs differ by less than the tolerance."""

SAMPLING_ERRORS = 3.0
"""Number of standard errors of a difference that count as sampling error of the test."""

MOST_FILES = 5000
"""Largest number of files of a folder that are read to find records of other seeds."""

PLACE_OPTIONS = ("data_dir", "source")
"""Options of a task that say where the data are."""


@dataclass(frozen=True)
class Tolerance:
    """The largest difference of two scores that other hardware explains.

    Args:
        size: the largest difference; None if nothing is known about the spread.
        rule: origin of the size, in words.
        from_seeds: whether it comes from the spread of other seeds.
    """

    size: float | None
    rule: str
    from_seeds: bool


def score_tolerance(record: Record, siblings: Sequence[Record]) -> Tolerance:
    """Return the tolerance for the deciding test score of a record.

    Args:
        record: the record.
        siblings: records of other seeds of the same configuration, one for each seed.
    """
    score = record.results.metrics["test"][record.config.card.metric]
    error = score.standard_error
    sampling = None if error is None else SAMPLING_ERRORS * math.sqrt(2) * error
    values = [value for one in siblings if (value := deciding_score(one)) is not None]
    if len(values) >= 2:
        size = seed_tolerance(values)
        rule = f"{CONFIDENCE:.0%} of two runs among {counted(len(values), 'other seed')} differ by less"
        if sampling is not None and sampling > size:
            return Tolerance(sampling, _sampling_rule(error), True)
        return Tolerance(size, rule, True)
    if sampling is not None:
        return Tolerance(sampling, f"{_sampling_rule(error)}; no two other seeds are at hand", False)
    return Tolerance(None, "neither other seeds nor a standard error are at hand", False)


def seed_tolerance(values: Sequence[float]) -> float:
    """Return the largest difference of two runs with the spread of some seeds: t * s * sqrt(2).

    Args:
        values: scores of at least two seeds.

    >>> round(seed_tolerance([0.80, 0.82, 0.84]), 3)
    0.281
    """
    from scipy import stats  # Imported here, because the import takes some tenths of a second.

    quantile = float(stats.t.ppf(0.5 + CONFIDENCE / 2, len(values) - 1))
    return quantile * statistics.stdev(values) * math.sqrt(2)


def deciding_score(record: Record) -> float | None:
    """Return the deciding test score of a record; None if it has none."""
    score = record.results.metrics.get("test", {}).get(record.config.card.metric)
    return None if score is None else score.value


def find_siblings(record: Record, files: Iterable[Path]) -> list[Record]:
    """Return the finished records that differ from a record in the seed alone, one for each seed.

    Args:
        record: the record.
        files: files that may be records; others are passed over.
    """
    own = _configuration(record)
    found: dict[int, Record] = {}
    for path in sorted(files):
        try:
            other = records.read_record(path)
        except SeqbenchError:
            continue
        if other.status == "ok" and other.config.seed != record.config.seed and _configuration(other) == own:
            found.setdefault(other.config.seed, other)
    return [found[seed] for seed in sorted(found)]


def _sampling_rule(error: float | None) -> str:
    return f"{SAMPLING_ERRORS:g} standard errors of a difference, {format_number(error)} each over the test samples"


def _configuration(record: Record) -> Mapping[str, object]:
    """Return what all seeds of a cell have in common."""
    options = record.config.options.to_dict()
    task = options.pop("task")
    assert isinstance(task, Mapping)
    shared = {name: value for name, value in options.items() if name not in ("seed", "trainer", "logger")}
    shared["task"] = {name: value for name, value in task.items() if name not in PLACE_OPTIONS}
    return {"options": shared, "card": record.config.card.digest, "name": record.config.architecture.name}
