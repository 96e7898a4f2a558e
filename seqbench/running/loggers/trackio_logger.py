"""Log a run to trackio, which keeps runs in a database on this machine and has the API of W&B."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import trackio

from seqbench.running.loggers import run_names
from seqbench.running.loggers.run_logger import Ended, LoggedRun, RunLogger

PROJECT = "seqbench"
"""Project of all runs."""


class TrackioRunLogger(RunLogger):
    """Write rows into trackio's database, in ``$TRACKIO_DIR`` or in the cache of Hugging Face.

    Trackio finds a run by its name, so the name ends with the identifier of the run.

    Args:
        logged: the run that is logged.
    """

    key = "trackio"

    def __init__(self, logged: LoggedRun) -> None:
        super().__init__(logged)
        config = logged.config
        with _hide_messages():
            # Trackio is an extra, so its types may not be known.
            self._run: Any = trackio.init(
                project=PROJECT,
                name=f"{run_names.displayed_name(config)}-{logged.run_id}",
                group=run_names.group_name(config),
                config={**config.options(), "job_type": run_names.job_type(config)},
                resume="allow",
                embed=False,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )

    @property
    def state(self) -> str:
        """The folder of the database."""
        return str(trackio.utils.TRACKIO_DIR)

    def store_row(self, row: Mapping[str, float], step: int) -> None:
        """Write the metrics of one step."""
        with _hide_messages():
            self._run.log(dict(row), step=step)

    def close(self, ended: Ended) -> None:
        """Write the final scores and the samples, and wait until they are in the database."""
        samples = {f"sample/{path.stem}": _media(path) for path in ended.sample_files}
        with _hide_messages():
            self._run.log({**ended.summary, **samples}, step=ended.step)
            self._run.finish()
        # Otherwise trackio would finish the run again at the end of the process.
        current = trackio.context_vars.current_run
        if current.get() is self._run:
            current.set(None)


def _media(path: Path) -> object:
    """Return a picture or a text as trackio shows it."""
    if path.suffix == ".png":
        return trackio.Image(str(path))
    text = path.read_text(encoding="utf-8")
    return trackio.Markdown("\n".join(f"    {line}" for line in text.splitlines()))


@contextlib.contextmanager
def _hide_messages() -> Iterator[None]:
    """Keep trackio's messages from the screen until the end of the block."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield
