from __future__ import annotations

import json
import subprocess
import sys

REPORT = """
import gc, json, signal, sys, threading
import seqbench.sweep.workers.preload
import torch
print(json.dumps({
    "modules": [name for name in sys.modules if name.startswith("seqbench.running")],
    "threads": threading.active_count(),
    "cuda": torch.cuda.is_initialized(),
    "frozen": gc.get_freeze_count(),
    "ignored": [number for number in signal.Signals if signal.getsignal(number) == signal.SIG_IGN],
}))
"""


def test_the_fork_server_has_imported_the_runner_and_can_be_forked_safely() -> None:
    done = subprocess.run([sys.executable, "-c", REPORT], capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    assert "seqbench.running.runner" in report["modules"]
    # Neither threads nor a CUDA context survive a fork.
    assert (report["threads"], report["cuda"]) == (1, False)
    assert report["frozen"] > 10_000


def test_the_fork_server_ignores_the_signals_of_schedulers() -> None:
    from seqbench.sweep.workers.ignored_signals import IGNORED_SIGNALS

    done = subprocess.run([sys.executable, "-c", REPORT], capture_output=True, text=True, check=True)
    assert {int(number) for number in IGNORED_SIGNALS} <= set(json.loads(done.stdout)["ignored"])
