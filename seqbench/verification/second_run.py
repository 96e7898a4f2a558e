"""Check of a record by a second run: bit for bit on equal hardware, otherwise within the spread of the seeds."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

from seqbench.protocol import records
from seqbench.protocol.differences import compare_values
from seqbench.protocol.records import Record
from seqbench.running.stored import own_files
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import format_number
from seqbench.utils.plain_data import json_digest
from seqbench.verification import environment, seed_spread, training_process
from seqbench.verification.record_subject import SkippedError, Subject

NEW_SCORE_FIELDS = ("standard_error", "sample_groups")
"""Fields of a score that older records lack."""

CHECKPOINT_CHECKS = frozenset({"weights", "scores", "predictions", "fresh test", "causality", "consistency"})
"""Checks that need a checkpoint; that of a second run serves if none is beside the record."""

ROUNDING_FIELDS = ("weights", "best_step", "predictions")
"""Fields of ``results`` that the smallest difference of rounding may change completely."""


def check_second_run(subject: Subject) -> str:
    """Repeat the run in a process of its own, and compare its results with the record."""
    config, _ = subject.rebuilt
    differences = environment.list_differences(subject.record, config, subject.threads)
    return compare_runs(subject, training_process.repeat_run(subject), differences)


def compare_runs(subject: Subject, repeated: Record, differences: list[str]) -> str:
    """Compare a record with that of a second run, and return the result in words.

    Args:
        subject: the record under verification.
        repeated: record of the second run.
        differences: how this machine and its software differ from those of the record.

    Raises:
        SeqbenchError: the results differ on equal hardware and software, or by more than the spread of the seeds.
        SkippedError: the results differ on other hardware or software, and no spread of seeds is known.
    """
    then: dict[str, object] = {**subject.record.without_sample().results.to_dict()}
    now = _without_new_fields(then, repeated.without_sample().results.to_dict())
    if json_digest(then) == json_digest(now):
        return "run again, with the same results bit for bit"
    note = environment.describe_environment(differences)
    for results in (then, now):
        for key in ROUNDING_FIELDS:
            results.pop(key, None)
    try:
        return f"run again: {compare_values(then, now, subject.tolerance, 'results')}{note}"
    except SeqbenchError as error:
        if not differences:
            raise SeqbenchError(f"the results of a second run differ: {error}{note}") from error
        return f"run again: {_compare_scores(subject, repeated)}{note}"


def _compare_scores(subject: Subject, repeated: Record) -> str:
    """Compare the deciding test scores of two runs on different hardware or software.

    Raises:
        SeqbenchError: they differ by more than the spread of the seeds.
        SkippedError: they differ, and the spread of the seeds is not known.
    """
    record = subject.record
    then, now = (seed_spread.deciding_score(one) for one in (record, repeated))
    if then is None or now is None:
        raise SkippedError(
            f"the record ended as {record.status} and the second run as {repeated.status}, which other hardware or "
            f"software may explain; repeat it on the hardware of the record"
        )
    tolerance = seed_spread.score_tolerance(record, seed_spread.find_siblings(record, files_of_siblings(subject)))
    name = f"test {record.config.card.metric}"
    scores = f"{name} is recorded as {format_number(then)} and is {format_number(now)}"
    if tolerance.size is not None and abs(then - now) <= tolerance.size:
        spread = "the spread of its seeds" if tolerance.from_seeds else "the sampling error of its test"
        return f"{scores}: agrees within {spread}, {format_number(tolerance.size)} ({tolerance.rule})"
    if tolerance.from_seeds:
        size = format_number(tolerance.size)
        raise SeqbenchError(f"a second run differs by more than the spread of its seeds, {size}: {scores}")
    raise SkippedError(
        f"{scores}, and this machine or its software is another one, so a difference proves nothing "
        f"({tolerance.rule}); give records of other seeds by --beside, or repeat the run on the hardware of the record"
    )


def files_of_siblings(subject: Subject) -> list[Path]:
    """Return files that may be records of other seeds: below the given folder, or else beside the record or run."""
    if subject.beside is not None:
        return list(itertools.islice(subject.beside.rglob("*.json"), seed_spread.MOST_FILES))
    path = subject.path.absolute()
    folder = path if path.is_dir() else path.parent
    if own_files.has_run_name(folder):
        return sorted(folder.parent.glob(f"*/{records.NAME}"))
    return [] if path.is_dir() else sorted(folder.glob("*.json"))


def _without_new_fields(then: Mapping[str, object], now: Mapping[str, object]) -> dict[str, object]:
    """Return the results of a second run without the fields that older records lack."""
    kept = {key: value for key, value in now.items() if key != "predictions" or key in then}
    metrics, recorded = kept.get("metrics"), then.get("metrics")
    if isinstance(metrics, Mapping) and isinstance(recorded, Mapping):
        kept["metrics"] = {split: _without_new_errors(recorded.get(split), scores) for split, scores in metrics.items()}
    return kept


def _without_new_errors(then: object, now: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    if not isinstance(then, Mapping):
        return dict(now)
    return {
        name: {key: value for key, value in score.items() if key not in NEW_SCORE_FIELDS or key in then.get(name, ())}
        for name, score in now.items()
    }
