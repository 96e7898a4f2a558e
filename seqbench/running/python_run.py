"""Run a configuration for a Python program or a notebook: show progress, and raise again the signal that ended it."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from pathlib import Path
from typing import Never

from seqbench.protocol.config import RunConfig
from seqbench.protocol.run_folder import Existing
from seqbench.running import runner
from seqbench.running.attempt import Run
from seqbench.running.callbacks.stopping import Stopped
from seqbench.utils import screen


def run_in_python(config: RunConfig, runs: Path, existing: Existing, progress: bool | None = None) -> Run:
    """Run a configuration; return the run unless a signal ended it.

    Args:
        config: configuration of the run.
        runs: folder in which the run's own folder is created.
        existing: treatment of an earlier run of this configuration.
        progress: whether to show progress on standard error; None shows it in a notebook and in an interactive session,
            unless the program handles the messages of ``logging`` itself.

    Raises:
        KeyboardInterrupt: Ctrl-C ended the run; its record and checkpoint were written before.
        SystemExit: another signal ended the run.
        SeqbenchError: the run cannot start; see ``runner.run``.
    """
    shown = _is_interactive() and not _has_own_handlers() if progress is None else progress
    with screen.show_messages() if shown else contextlib.nullcontext():
        try:
            finished = runner.run(config, runs, existing)
        except Stopped as stopped:  # The signal came before training began, or while files were written.
            _raise_signal(stopped.name, f"the run was stopped by {stopped.name}")
    if finished.stopped_by is not None:
        reason = finished.record.results.reason
        _raise_signal(finished.stopped_by, f'{reason}; existing="resume" continues the run in {finished.folder}')
    return finished


def _raise_signal(name: str, message: str) -> Never:
    """Raise what ends a loop over runs as well, so that Ctrl-C does not merely start the next run."""
    if name == "Ctrl-C":
        raise KeyboardInterrupt(message) from None
    raise SystemExit(os.EX_TEMPFAIL) from None


def _is_interactive() -> bool:
    """Return whether this is a notebook or an interactive session of Python."""
    ipython = sys.modules.get("IPython")
    return hasattr(sys, "ps1") or (ipython is not None and ipython.get_ipython() is not None)


def _has_own_handlers() -> bool:
    """Return whether the program itself handles the messages of seqbench."""
    loggers = (logging.getLogger(screen.PACKAGE), logging.getLogger())
    return any(not isinstance(handler, logging.NullHandler) for logger in loggers for handler in logger.handlers)
