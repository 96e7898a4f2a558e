"""One run on two processes against one: the largest differences. ``python -m benchmarks.distributed``.

Sequences of unequal lengths, uneven last batches, dropout 0; two processes on this machine's CPU. Curves are those of
two runs from one seed. Metrics are of the test split, for the same weights: those that the first run trained.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks._results import keep
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
    """The folder of a run by the command line, under ``runs``."""
    command = [sys.executable, "-m", "seqbench", "run", *words, *COMMON, *STEPS, "--runs", str(runs)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "MASTER_ADDR": "127.0.0.1"})
    (record,) = runs.rglob(records.NAME)
    return record.parent


def values(folder: Path) -> dict[str, float]:
    """The test metrics of a run, by split and name."""
    metrics = records.read_record(folder).results.metrics
    return {f"{split}/{name}": line.value for split, lines in metrics.items() for name, line in lines.items()}


def compare(words: list[str], scratch: Path) -> dict[str, Any]:
    """The largest differences between one process and two."""
    one, two = run(words, scratch / "one"), run([*words, *TWO], scratch / "two")
    same = scratch / "same" / one.relative_to(scratch / "one")
    shutil.copytree(one, same)
    (same / records.NAME).unlink()
    run([*words, *TWO, "--resume"], scratch / "same")
    curves = [records.read_record(folder).results.curves.train["loss"] for folder in (one, two)]
    ours, theirs = values(one), values(same)
    written = [folder / run_folder.HYPOTHESES for folder in (one, same)]
    decoded = {"same_hypotheses": written[0].read_text() == written[1].read_text()} if written[0].is_file() else {}
    return {
        "curve": max(abs(a - b) for a, b in zip(*curves, strict=True)),
        "metric": max(abs(ours[name] - theirs[name]) for name in ours),
        "metrics": len(ours),
        **decoded,
    }


def main() -> None:
    found = {}
    for name, words in TASKS.items():
        with tempfile.TemporaryDirectory() as scratch:
            found[name] = compare([*words, *MORE.get(name, [])], Path(scratch))
        told = f", hypotheses {'alike' if found[name]['same_hypotheses'] else 'differ'}" if name in MORE else ""
        curve, metric = found[name]["curve"], found[name]["metric"]
        print(
            f"{name}: training loss {curve:.1e}, {found[name]['metrics']} test metrics {metric:.1e}{told}", flush=True
        )
    keep("distributed", {"claims": CLAIMS, "largest_difference": found})


if __name__ == "__main__":
    main()
