"""A run to log, for the tests of loggers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from seqbench.protocol.config import RunConfig
from seqbench.protocol.logging_options import RunLabels
from seqbench.running import run_config
from seqbench.running.loggers.run_logger import LoggedRun
from seqbench.running.run_request import RunRequest


def make_config(labels: RunLabels | None = None, **given: Any) -> RunConfig:
    """Return the configuration of a short run, validated every 100 steps."""
    request = RunRequest.from_mapping(
        {"arch": "gru", "task": "copy", "tier": "smoke", "optim": {"validate_every": 100}, **given}
    )
    return dataclasses.replace(run_config.resolve_config(request), labels=labels or RunLabels())


def make_logged(folder: Path, **given: Any) -> LoggedRun:
    """Return a run in the given folder of all runs; its identifier is that of the folder's name."""
    run = folder / "copy" / "gru" / "smoke-s0"
    run.mkdir(parents=True, exist_ok=True)
    return LoggedRun(make_config(**given), run, folder, "1a2b3c4d")
