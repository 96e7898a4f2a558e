"""Samples that are far longer than others: cut, left out or in small batches, and always named."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqbench.datamodules.length_buckets import BatchLimits
from seqbench.datamodules.long_samples import cut_rows, describe_cut, describe_left_out, describe_small_batches

LENGTHS = np.array([3, 9000, 5, 20_000, 7, 4097])


def place(number: int) -> str:
    return f"dev.tsv, line {number + 1}"


@given(st.lists(st.lists(st.integers(0, 9), max_size=9), max_size=6), st.integers(1, 9))
def test_rows_are_cut_to_their_first_entries(rows: list[list[int]], longest: int) -> None:
    ids = np.array([entry for row in rows for entry in row], np.int32)
    offsets = np.cumsum([0, *map(len, rows)])
    cut, borders = cut_rows(ids, offsets, longest)
    assert [cut[a:b].tolist() for a, b in itertools.pairwise(borders)] == [row[:longest] for row in rows]
    if all(len(row) <= longest for row in rows):
        assert cut is ids
        assert borders is offsets


def test_cut_samples_are_counted_and_the_longest_are_named() -> None:
    assert describe_cut("validation", LENGTHS, 4096, place) == [
        "3 validation samples are cut to the first 4,096 tokens, for every architecture: dev.tsv, line 4 (20,000 "
        "steps), dev.tsv, line 2 (9,000 steps), dev.tsv, line 6 (4,097 steps)"
    ]
    assert describe_cut("test", LENGTHS, 20_000, place) == []


def test_left_out_samples_are_counted_and_the_longest_are_named() -> None:
    (note,) = describe_left_out(LENGTHS, 4, place)
    assert note.startswith(
        "5 train samples are left out, because of more than 4 tokens (--task.max_length): dev.tsv, line 4"
    )
    assert note.endswith(" and 2 more")
    assert describe_left_out(LENGTHS, 20_000, place) == []


def test_the_longest_sample_of_small_batches_is_named() -> None:
    (note,) = describe_small_batches("train", LENGTHS, BatchLimits(64), lambda number: "")
    assert note.startswith("train: batches with very long samples have fewer than 64 rows")
    assert "the longest is number 3 (20,000 steps), and half of all have at most 2,052" in note
    assert describe_small_batches("train", LENGTHS[:1], BatchLimits(64), place) == []


RUN = """
import json, pathlib, resource, sys
import seqbench
from seqbench.running.evaluation import evaluate
folder, runs, arch = map(str, sys.argv[1:])
task = {"name": "sentiment", "data_dir": folder}
optim = {"steps": 2, "validate_every": 2, "batch_size": 8}
run = seqbench.run({"name": arch, "d_model": 64}, task, tier="smoke", optim=optim, logger="none", runs=runs)
evaluation = evaluate(run.folder)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps([run.record.status, evaluation.metrics, evaluation.recorded, dict(evaluation.facts), peak]))
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("arch", ["gru", "transformer", "bitransformer"])
def test_a_line_of_20_000_words_is_evaluated_in_bounded_memory_and_named(
    tmp_path: Path, cache: Path, arch: str
) -> None:
    folder = tmp_path / "reviews"
    folder.mkdir()
    words = ["a", "good", "film", "with", "some", "bad", "actors", "and", "a", "fine", "plot"]
    rows = [(" ".join(words[(n * 7 + k * k) % 11] for k in range(4 + n % 9)), n % 2) for n in range(300)]
    for name, count in (("train", 40), ("dev", 300), ("test", 300)):
        lines = [f"{text}\t{label}" for text, label in rows[:count]]
        lines[16] = f"{'so good ' * 10_000}\t1"
        (folder / f"{name}.tsv").write_text("\n".join(lines), encoding="utf-8")
    command = [sys.executable, "-c", RUN, str(folder), str(tmp_path / "runs"), arch]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    status, metrics, recorded, facts, peak = json.loads(process.stdout.splitlines()[-1])
    assert status == "ok"
    assert {name: line["value"] for name, line in metrics.items()} == recorded
    assert peak < 3 * 2**30
    length = "line 17 (20,000 steps)"
    assert facts["reading"] == [
        f"1 train sample is left out, because of more than 128 tokens (--task.max_length): train.tsv, {length}",
        f"1 validation sample is cut to the first 4,096 tokens, for every architecture: dev.tsv, {length}",
        f"1 test sample is cut to the first 4,096 tokens, for every architecture: test.tsv, {length}",
    ]
    assert "data: 1 train sample is left out" in process.stderr
