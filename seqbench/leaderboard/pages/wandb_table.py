"""A board as a table of Weights & Biases, in a run of its own. It is published only on request."""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from seqbench.leaderboard.data import wandb_runs
from seqbench.leaderboard.data.board_paths import WANDB
from seqbench.running.loggers import wandb_connection
from seqbench.utils.errors import SeqbenchError

if TYPE_CHECKING:
    import wandb

    from seqbench.leaderboard.pages.csv_table import CsvCell

KIND = "leaderboard"
"""The job type of the run, the type of its artifact, and the key of its table."""


def publish_table(rows: Sequence[Mapping[str, CsvCell]], columns: Sequence[str], path: str, name: str) -> str:
    """Publish a board's table to W&B, and return the address of its run.

    The table is logged in the run, and as the next version of an artifact with the board's name.

    Args:
        rows: the cells of each line by column; a missing cell is empty.
        columns: the columns in their order.
        path: ``entity/project``, or ``project`` of the user's own entity; ``wandb:`` may stand before it.
        name: the board's name.

    Raises:
        SeqbenchError: the path is not of this form, W&B is offline, or it did not accept the table.
    """
    import wandb

    entity, project = wandb_runs.parse_wandb_path(path)
    data = [[row.get(column) for column in columns] for row in rows]
    mode, reason = wandb_connection.wandb_mode()
    if mode in ("offline", "disabled"):
        raise SeqbenchError(
            f"'{name}' cannot be published: W&B is {mode} ({reason}); see `wandb login` and `wandb online`."
        )
    with (
        contextlib.redirect_stderr(io.StringIO()),
        # W&B's process may still use its files.
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
    ):
        # If this process has an open run, `wandb.init` would return it.
        wandb.finish()
        try:
            run = wandb.init(
                entity=entity,
                project=project,
                job_type=KIND,
                name=name,
                dir=folder,
                mode=mode,  # type: ignore[arg-type]
                settings=wandb_connection.build_settings(finish_timeout_raises=True),
            )
            _log_table(run, list(columns), data, name)
            run.finish()
        # W&B raises errors of many classes, its own and those of the network.
        except Exception as error:
            raise SeqbenchError(
                f"'{name}' was not published at {WANDB}{path.removeprefix(WANDB)}: W&B says "
                f"{wandb_runs.wandb_error_text(error)}; {wandb_runs.ADVICE}."
            ) from error
        finally:
            # Closing a run that failed may fail as well; the first error is the one to report.
            with contextlib.suppress(Exception):
                wandb.finish(exit_code=1)
    return str(run.url)


def _log_table(run: wandb.Run, columns: list[str | int], data: list[list[CsvCell]], name: str) -> None:
    """Log the table in the run and as an artifact, and wait until W&B has stored the artifact."""
    import wandb

    # Each place needs a table of its own: W&B stores a table once, and a second use only refers to the first.
    logged, stored = _build_table(columns, data), _build_table(columns, data)
    artifact = wandb.Artifact(re.sub(r"[^A-Za-z0-9._-]", "-", name)[:128], type=KIND)
    artifact.add(stored, KIND)
    # W&B reports no error for a table that is lost in the run, but it does for an artifact.
    run.log_artifact(artifact).wait(int(wandb_connection.FINISH_SECONDS))
    run.log({KIND: logged})


def _build_table(columns: list[str | int], data: list[list[CsvCell]]) -> wandb.Table:
    import wandb

    try:
        return wandb.Table(columns=columns, data=data)
    # W&B sorts and plots columns of one type better, but some columns hold both numbers and texts.
    except TypeError:
        return wandb.Table(columns=columns, data=data, allow_mixed_types=True)
