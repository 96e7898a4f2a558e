"""A board as a table of Weights & Biases, in a run of its own: published when somebody asks for it, never by itself."""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from seqbench.leaderboard.data import wandb_runs
from seqbench.leaderboard.data.board_paths import WANDB
from seqbench.running import wandb_logging
from seqbench.utils.errors import SeqbenchError

KIND = "leaderboard"
"""The run's type of job, the type of its artifact, and the key of its table."""


def publish_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], path: str, name: str) -> str:
    """Publish a board, and return the address of its run.

    The table stands in the run, and as the next version of an artifact that has the board's name.

    Args:
        rows: cells by column; one that is missing is empty.
        columns: in order.
        path: ``entity/project``, or ``project`` of one's own entity, with or without ``wandb:`` before it.
        name: of the board.

    Raises:
        SeqbenchError: the path is none, W&B is offline, or it did not take the table.
    """
    import wandb

    entity, project = wandb_runs.parse_wandb_path(path)
    data = [[row.get(column) for column in columns] for row in rows]
    how, why = wandb_logging.wandb_mode()
    if how in ("offline", "disabled"):
        raise SeqbenchError(
            f"'{name}' cannot be published: W&B is {how} ({why}); see `wandb login` and `wandb online`."
        )
    with (
        contextlib.redirect_stderr(io.StringIO()),
        # W&B's process may still be at its files.
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
    ):
        # A run left open by someone else in this process would swallow ours.
        wandb.finish()
        try:
            run = wandb.init(
                entity=entity,
                project=project,
                job_type=KIND,
                name=name,
                dir=folder,
                mode=how,  # type: ignore[arg-type]
                settings=wandb_logging.settings(finish_timeout_raises=True),
            )
            _log(run, list(columns), data, name)
            run.finish()
        except Exception as error:
            raise SeqbenchError(
                f"'{name}' was not published at {WANDB}{path.removeprefix(WANDB)}: W&B says "
                f"{wandb_runs.wandb_error_text(error)}; {wandb_runs.ADVICE}."
            ) from error
        finally:
            with contextlib.suppress(Exception):
                wandb.finish(exit_code=1)
    return str(run.url)


def _log(run: Any, columns: list[str | int], data: list[list[Any]], name: str) -> None:
    """Put the table into the run, and wait until W&B has it."""
    import wandb

    # One for each place: the second of one table would only point to the first.
    shown, kept = _table(columns, data), _table(columns, data)
    artifact = wandb.Artifact(re.sub(r"[^A-Za-z0-9._-]", "-", name)[:128], type=KIND)
    artifact.add(kept, KIND)
    # What only the run has may be lost without a word: this is told.
    run.log_artifact(artifact).wait(int(wandb_logging.FINISH_SECONDS))
    run.log({KIND: shown})


def _table(columns: list[str | int], data: list[list[Any]]) -> Any:
    import wandb

    try:
        return wandb.Table(columns=columns, data=data)
    # Columns of one type are worth more to who sorts and plots; but some hold both a number and a word.
    except TypeError:
        return wandb.Table(columns=columns, data=data, allow_mixed_types=True)
