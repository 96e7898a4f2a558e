"""The loggers that a run can have, and the start of those that it asks for."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seqbench.running.loggers import wandb_connection
from seqbench.utils import redaction
from seqbench.utils.errors import NotAtHand, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from seqbench.running.loggers.run_logger import Ended, LoggedRun, RunLogger

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoggerEntry:
    """A logger that ``--logger`` can name.

    Args:
        title: name in messages.
        class_path: path of its class, which is imported when it is used.
        library: module that it needs.
        extra: extra of seqbench that installs the library; empty if seqbench always needs it.
        viewing: command that shows all runs, with ``{runs}`` for their folder; empty for W&B, which shows single runs.
        check: checks the environment before training.
    """

    title: str
    class_path: str
    library: str
    extra: str = ""
    viewing: str = ""
    check: Callable[[], None] = lambda: None


TABLE: Mapping[str, LoggerEntry] = {
    "wandb": LoggerEntry(
        "W&B", "seqbench.running.loggers.wandb_logger:WandbRunLogger", "wandb", check=wandb_connection.check_environment
    ),
    "tensorboard": LoggerEntry(
        "TensorBoard",
        "seqbench.running.loggers.tensorboard_logger:TensorBoardRunLogger",
        "tensorboard",
        "tensorboard",
        "tensorboard --logdir {runs}",
    ),
    "trackio": LoggerEntry(
        "trackio",
        "seqbench.running.loggers.trackio_logger:TrackioRunLogger",
        "trackio",
        "trackio",
        "trackio show --project seqbench",
    ),
}
"""Loggers by name. ``csv`` and ``none`` are no loggers of Lightning."""


def check_loggers(names: Iterable[str]) -> None:
    """Check that loggers can be used, before training.

    Args:
        names: names of ``protocol.choices.LOGGERS``.

    Raises:
        NotAtHand: the library of a logger is not installed.
        SeqbenchError: the environment sets an option of a logger to a wrong value.
    """
    for name in names:
        entry = TABLE.get(name)
        if entry is None:
            continue
        if importlib.util.find_spec(entry.library) is None:
            raise NotAtHand(
                f"the logger {name} needs the library {entry.library}, which is not installed; install it with "
                f"`pip install 'seqbench[{entry.extra or name}]'`, or choose another logger."
            )
        entry.check()


def start_loggers(logged: LoggedRun) -> list[RunLogger]:
    """Start the loggers of a run; one that cannot start is left out, with a message.

    Args:
        logged: the run that is logged.
    """
    started = []
    for name in logged.config.loggers:
        entry = TABLE.get(name)
        if entry is None:
            continue
        module, _, class_name = entry.class_path.partition(":")
        try:
            one: RunLogger = getattr(importlib.import_module(module), class_name)(logged)
        # A logger may raise any error, and none may end the run.
        except Exception as error:
            text = redaction.redact(one_line(error))[:200]
            logger.info(f"{entry.title} could not be started ({text}); the run continues without it")
            continue
        logger.info(f"{entry.title}: {one.state}")
        started.append(one)
    return started


def viewing_hint(name: str, runs: Path) -> str | None:
    """Return a sentence with the command that shows all runs of a logger; None for a logger without one.

    Args:
        name: name of the logger.
        runs: folder of all runs.

    >>> viewing_hint("tensorboard", Path("runs"))
    'TensorBoard: `tensorboard --logdir runs`'
    """
    entry = TABLE.get(name)
    return f"{entry.title}: `{entry.viewing.format(runs=shlex.quote(str(runs)))}`" if entry and entry.viewing else None


def finish_logger(one: RunLogger, ended: Ended) -> dict[str, str | None] | None:
    """Close a logger; an error is logged, because the record is written already.

    Args:
        one: the logger.
        ended: what to store.

    Returns:
        Fields of ``protocol.record_fields.WandbRun`` for W&B; None for other loggers.
    """
    try:
        return one.finish(ended)
    except Exception as error:  # A logger may raise any error.
        text = redaction.redact(one_line(error))[:200]
        logger.info(f"{TABLE[one.key].title} could not store the results ({text}); the record is complete")
        return None
