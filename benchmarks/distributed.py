"""Measure the largest differences between a run of one process and of two: ``python -m benchmarks.distributed``.

The tasks have sequences of unequal lengths and uneven last batches, and dropout is 0. Both processes run on the CPU of
this machine. The training curves are those of two runs with the same seed. The test metrics are those of the same
weights, which the first run trained.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks._results import write_results
from seqbench.protocol import records, run_folder

CLAIMS = {"curve": 1e-4, "metric": 1e-6}
TASKS = {
    "gru-parity": ["--arch", "gru", "--task", "parity", "--task.samples", "63", "--optim.batch_size", "8"],
    "gru-translation": ["--arch", "gru", "--task", "translation", "--task.source", "synthetic", "--arch.d_model", "32"],
    "rnn-char-lm": ["--arch", "rnn", "--task", "char-lm", "--task.source", "synthetic", "--optim.batch_size", "7"],
}
MORE = {"gru-translation": ["--encoder", "bigru", "--task.vocabulary_size", "400", "--task.longest", "24"]}
COMMON = ["--tier", "smoke", "--logger", "none", "--trainer.accelerator", "cpu", "--trainer.threads", "1"]
STEPS = ["--optim.steps", "200", "--optim.validate_every", "50"]
TWO = ["--trainer.devices", "2", "--trainer.strategy", "ddp"]


def run(words: list[str], runs: Path) -> Path:
    """Train with ``seqbench run`` and return the folder of the run."""
    command = [sys.executable, "-m", "seqbench", "run", *words, *COMMON, *STEPS, "--runs", str(runs)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "MASTER_ADDR": "127.0.0.1"})
    (record,) = runs.rglob(records.NAME)
    return record.parent


def metrics_of_run(folder: Path) -> dict[str, float]:
    """Return the metrics of a run by split and name."""
    metrics = records.read_record(folder).results.metrics
    return {f"{split}/{name}": line.value for split, lines in metrics.items() for name, line in lines.items()}


def compare(words: list[str], scratch: Path) -> dict[str, Any]:
    """Return the largest differences between one process and two."""
    one, two = run(words, scratch / "one"), run([*words, *TWO], scratch / "two")
    same = scratch / "same" / one.relative_to(scratch / "one")
    shutil.copytree(one, same)
    (same / records.NAME).unlink()
    run([*words, *TWO, "--resume"], scratch / "same")
    curves = [records.read_record(folder).results.curves.train["loss"] for folder in (one, two)]
    single, double = metrics_of_run(one), metrics_of_run(same)
    files = [folder / run_folder.HYPOTHESES for folder in (one, same)]
    decoded = {"same_hypotheses": files[0].read_text() == files[1].read_text()} if files[0].is_file() else {}
    return {
        "curve": max(abs(a - b) for a, b in zip(*curves, strict=True)),
        "metric": max(abs(single[name] - double[name]) for name in single),
        "metrics": len(single),
        **decoded,
    }


def main() -> None:
    differences = {}
    for name, words in TASKS.items():
        with tempfile.TemporaryDirectory() as scratch:
            differences[name] = compare([*words, *MORE.get(name, [])], Path(scratch))
        hypotheses = ""
        if name in MORE:
            hypotheses = f", hypotheses {'equal' if differences[name]['same_hypotheses'] else 'different'}"
        curve, metric = differences[name]["curve"], differences[name]["metric"]
        count = differences[name]["metrics"]
        print(f"{name}: training loss {curve:.1e}, {count} test metrics {metric:.1e}{hypotheses}", flush=True)
    write_results("distributed", {"claims": CLAIMS, "largest_difference": differences})


if __name__ == "__main__":
    main()
