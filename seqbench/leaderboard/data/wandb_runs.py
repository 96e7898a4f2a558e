"""Records from runs of Weights & Biases: read back, page by page, from what ``tracking`` put into their summaries.

W&B is a view: what it hands back may have been edited, and whoever uses it asks the record whether it is ``intact``.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from seqbench.leaderboard.data.board_paths import WANDB
from seqbench.protocol import records
from seqbench.protocol.records import Record
from seqbench.running import wandb_logging
from seqbench.utils import redaction
from seqbench.utils.errors import SeqbenchError, one_line
from seqbench.utils.plain_data import parse_json, short_repr

PAGE = 50
"""Runs in one answer of the server; each is some ten thousand letters."""
SECONDS = 20.0
"""How long the server may take for one answer."""
ADVICE = "look at the API key (`wandb login --verify`), or try again later"
_PLACE = re.compile(r"(?:([^/\\#?%:\x00-\x1f]+)/)?([^/\\#?%:\x00-\x1f]+)")
"""What W&B takes for ``entity/project``, or for a project alone."""


def read_wandb_records(path: str, tasks: Collection[str], tier: str) -> Iterator[tuple[str, Record | SeqbenchError]]:
    """The records of a project's finished runs, one after another; a page of them is held at a time.

    The server filters, by what every run of seqbench's has in its config. It calls a run that diverged or broke
    ``failed``; such a run has its record as well, and counts.

    Args:
        path: ``entity/project``, or ``project`` of one's own entity, with or without ``wandb:`` before it.
        tasks: names of cards.
        tier: of the cards.

    Yields:
        Where it was found, ``wandb:entity/project/RUN_ID``, and the record, or why there is none.

    Raises:
        SeqbenchError: the path is none, W&B is out of reach, or it does not know the project or the key.
    """
    entity, project = parse_wandb_path(path)
    if missing := wandb_logging.out_of_reach():
        path = path.removeprefix(WANDB)
        raise SeqbenchError(f"{WANDB}{path} cannot be read: {missing}; see `wandb login`, or read a folder of runs.")
    with _asking(path):
        runs = _runs(entity, project, _filters(tasks, tier))
    while True:
        with _asking(path):
            run = next(runs, None)
        if run is None:
            return
        # The iterator would keep all that it has given.
        runs.objects[runs.index] = None
        _tidy(Path(run.dir))
        yield f"{WANDB}{runs.entity}/{runs.project}/{run.id}", _record(run)


def parse_wandb_path(path: str) -> tuple[str | None, str]:
    """Entity (None for one's own) and project of ``wandb:entity/project``.

    Raises:
        SeqbenchError: it is no such path.
    """
    found = _PLACE.fullmatch(path.removeprefix(WANDB))
    if not found:
        raise SeqbenchError(f"expected {WANDB}entity/project or {WANDB}project, got {short_repr(path)}.")
    return found[1], found[2]


def wandb_error_text(error: BaseException) -> str:
    """What W&B says, in one line and without secrets."""
    text = redaction.redact(one_line(error))[:200].rstrip(".")
    return text.replace("<no message>", "nothing") or type(error).__name__


def _filters(tasks: Collection[str], tier: str) -> dict[str, Any]:
    # W&B keeps each key of a config as {"value": ...}.
    return {
        "state": {"$in": ["finished", "failed"]},
        "config.task.value.name": {"$in": sorted(tasks)},
        "config.tier.value": tier,
    }


def _runs(entity: str | None, project: str, filters: dict[str, Any]) -> Any:
    import wandb

    api = wandb.Api(timeout=SECONDS)  # type: ignore[arg-type]
    # Not lazily: each run would be a request of its own.
    path = f"{entity}/{project}" if entity else project
    return iter(api.runs(path, filters=filters, per_page=PAGE, lazy=False))


@contextlib.contextmanager
def _asking(path: str) -> Iterator[None]:
    """What W&B raises as a sentence, and nothing of what it says on the screen.

    Raises:
        SeqbenchError: it raised something.
    """
    path = path.removeprefix(WANDB)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    except Exception as error:
        if isinstance(error, ValueError) and str(error).startswith("Could not find project"):
            raise SeqbenchError(f"W&B has no project '{path}' that your API key may see; look for its name.") from error
        raise SeqbenchError(f"{WANDB}{path} cannot be read: W&B says {wandb_error_text(error)}; {ADVICE}.") from error


def _tidy(folder: Path) -> None:
    """Remove the empty folder that W&B makes for each run it hands out, and those of its project and entity."""
    for path in (folder, folder.parent, folder.parent.parent):
        try:
            path.rmdir()
        except OSError:
            return


def _record(run: Any) -> Record | SeqbenchError:
    """The record in a run's summary, or why there is none; whatever stands there is a stranger's."""
    try:
        summary = run.summary_metrics
        text, left_out = summary.get(wandb_logging.RECORD), summary.get(wandb_logging.LEFT_OUT)
        if text is None and isinstance(left_out, str):
            return SeqbenchError(f"W&B has no record of it: {wandb_error_text(ValueError(left_out))}.")
        if text is None:
            return SeqbenchError("W&B has no record of it: an older seqbench logged it, or none.")
        if not isinstance(text, str):
            return SeqbenchError(f"its record in W&B must be a text, got {short_repr(text)}.")
        # How a record was verified is said where it was submitted, not by whoever can write to the project.
        here = "its record in W&B"
        return replace(records.parse_record(parse_json(text.encode("utf-8"), here), here), verified=None)
    except SeqbenchError as error:
        return error
    except Exception as error:
        return SeqbenchError(f"its record in W&B is not readable: {wandb_error_text(error)}.")
