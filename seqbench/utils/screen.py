"""Show the package's log messages on the screen.

The loggers of the package are called ``seqbench.*``, and progress is logged at level INFO. A Python program sees it
once it configures ``logging``; the command line shows it on standard error.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator

from seqbench.utils import ranks

PACKAGE = "seqbench"


class ScreenHandler(logging.Handler):
    """Write each message as a plain line to standard error, in the first process of a run only.

    An error of the stream is raised, not swallowed as ``logging.StreamHandler`` does, so that a closed pipe ends the
    command.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether this process writes the message."""
        return ranks.process_rank() == 0 and bool(super().filter(record))

    def emit(self, record: logging.LogRecord) -> None:
        """Write the message to the stream that is standard error at this moment."""
        print(self.format(record), file=sys.stderr, flush=True)


@contextlib.contextmanager
def show_messages() -> Iterator[None]:
    """Show messages of level INFO and above until the end of the block."""
    logger, handler = logging.getLogger(PACKAGE), ScreenHandler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextlib.contextmanager
def hide_messages() -> Iterator[None]:
    """Log no message below level WARNING until the end of the block; for all processes of a run but the first."""
    logger = logging.getLogger(PACKAGE)
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
