"""Records of runs in a project of Weights & Biases, read page by page from the summaries of the runs.

Everyone who can write to the project can edit these records, so the caller checks ``Record.intact``.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from seqbench.leaderboard.data.board_paths import WANDB
from seqbench.protocol import records
from seqbench.protocol.records import Record
from seqbench.running.loggers import wandb_connection, wandb_files
from seqbench.utils import redaction
from seqbench.utils.errors import SeqbenchError, one_line
from seqbench.utils.plain_data import parse_json, short_repr

if TYPE_CHECKING:
    from wandb.apis.public import Run, Runs

PAGE = 50
"""Number of runs in one answer of the server; each takes about ten thousand characters."""
SECONDS = 20.0
"""Time limit for one answer of the server, in seconds."""
MOST_TEXT = 200
"""Largest number of characters of an error of W&B."""
ADVICE = "check the API key (`wandb login --verify`), or try again later"
_PATH = re.compile(r"(?:([^/\\#?%:\x00-\x1f]+)/)?([^/\\#?%:\x00-\x1f]+)")
"""``entity/project`` or ``project``, with the characters that W&B allows."""


def read_wandb_records(path: str, tasks: Collection[str], tier: str) -> Iterator[tuple[str, Record | SeqbenchError]]:
    """Yield the records of a project's finished runs; one page of them is in memory at a time.

    The server filters the runs by the configuration that every run logs. W&B gives the state ``failed`` to a run that
    diverged or ended with an error; such a run has a record as well.

    Args:
        path: ``entity/project``, or ``project`` of the user's default entity; the prefix ``wandb:`` is optional.
        tasks: names of the task cards.
        tier: tier of the task cards.

    Yields:
        The origin, ``wandb:entity/project/RUN_ID``, and the record, or the error that says why there is none.

    Raises:
        SeqbenchError: the path is not valid, W&B cannot be reached, or it does not know the project or the key.
    """
    entity, project = parse_wandb_path(path)
    path = path.removeprefix(WANDB)
    if missing := wandb_connection.out_of_reach():
        raise SeqbenchError(f"{WANDB}{path} cannot be read: {missing}; see `wandb login`, or read a folder of runs.")
    with _wandb_errors(path):
        runs = _runs(entity, project, _filters(tasks, tier))
    while True:
        with _wandb_errors(path):
            run = next(runs, None)
        if run is None:
            return
        # The iterator keeps a reference to every run that it returned; without this line memory would grow.
        runs.objects[runs.index] = None  # type: ignore[call-overload]
        _remove_empty_folders(Path(run.dir))
        yield f"{WANDB}{runs.entity}/{runs.project}/{run.id}", _record(run)


def parse_wandb_path(path: str) -> tuple[str | None, str]:
    """Return entity (None for the user's default) and project of ``wandb:entity/project``.

    Raises:
        SeqbenchError: the path has another form.

    >>> parse_wandb_path("wandb:me/seqbench")
    ('me', 'seqbench')
    """
    match = _PATH.fullmatch(path.removeprefix(WANDB))
    if not match:
        raise SeqbenchError(f"expected {WANDB}entity/project or {WANDB}project, got {short_repr(path)}.")
    return match[1], match[2]


def wandb_error_text(error: BaseException | str) -> str:
    """Return the text of an error of W&B in one line, without secrets."""
    text = redaction.redact(one_line(error))[:MOST_TEXT].rstrip(".")
    return text.replace("<no message>", "nothing") or type(error).__name__


def _filters(tasks: Collection[str], tier: str) -> dict[str, object]:
    # W&B stores each key of a config as {"value": ...}.
    return {
        "state": {"$in": ["finished", "failed"]},
        "config.task.value.name": {"$in": sorted(tasks)},
        "config.tier.value": tier,
    }


def _runs(entity: str | None, project: str, filters: dict[str, object]) -> Runs:
    import wandb

    api = wandb.Api(timeout=SECONDS)  # type: ignore[arg-type]
    path = f"{entity}/{project}" if entity else project
    # Not lazy: otherwise each run's summary would be a request of its own.
    runs: Runs = iter(api.runs(path, filters=filters, per_page=PAGE, lazy=False))
    return runs


@contextlib.contextmanager
def _wandb_errors(path: str) -> Iterator[None]:
    """Turn every error of W&B into one sentence, and keep its messages off the screen.

    Raises:
        SeqbenchError: W&B raised an error.
    """
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    except Exception as error:  # W&B raises errors of its own, of requests and of urllib3.
        if isinstance(error, ValueError) and str(error).startswith("Could not find project"):
            raise SeqbenchError(f"W&B has no project '{path}' that your API key can access; check its name.") from error
        raise SeqbenchError(f"{WANDB}{path} cannot be read: W&B says {wandb_error_text(error)}; {ADVICE}.") from error


def _remove_empty_folders(folder: Path) -> None:
    """Remove the empty folders that W&B creates for a run, its project and its entity."""
    for path in (folder, folder.parent, folder.parent.parent):
        try:
            path.rmdir()
        except OSError:
            return


def _record(run: Run) -> Record | SeqbenchError:
    """Return the record in the summary of a run, or the error that says why there is none."""
    where = "its record in W&B"
    try:
        summary = run.summary_metrics
        text, left_out = summary.get(wandb_files.RECORD), summary.get(wandb_files.LEFT_OUT)
        if text is None and isinstance(left_out, str):
            return SeqbenchError(f"W&B has no record of it: {wandb_error_text(left_out)}.")
        if text is None:
            return SeqbenchError("W&B has no record of it: seqbench did not log it, or an older version did.")
        if not isinstance(text, str):
            return SeqbenchError(f"{where} must be a text, got {short_repr(text)}.")
        # Only a submission can state how a record was verified; this field could be written by anybody.
        return replace(records.parse_record(parse_json(text.encode("utf-8"), where), where), verified=None)
    except SeqbenchError as error:
        return error
    except Exception as error:  # The summary is hostile data.
        return SeqbenchError(f"{where} is not readable: {wandb_error_text(error)}.")
