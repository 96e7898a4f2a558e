"""Show the package's log messages on the screen.

The loggers of the package are called ``seqbench.*``, and progress is logged at level INFO. The command line shows these
messages on standard error; a Python program must configure ``logging`` to show them.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from collections.abc import Iterator

from seqbench.utils import ranks

PACKAGE = "seqbench"


class ScreenHandler(logging.Handler):
    """Write each message as a plain line to standard error, in the first process of a run only.

    Unlike in ``logging.StreamHandler``, an error of the stream is raised, so that a closed pipe ends the command.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether this process writes the message."""
        return ranks.process_rank() == 0 and bool(super().filter(record))

    def emit(self, record: logging.LogRecord) -> None:
        """Write the message to the present ``sys.stderr``."""
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


def warn(message: str) -> None:
    """Show a message that a user must see: as a log message, or as a warning where no handler shows log messages."""
    logger = logging.getLogger(PACKAGE)
    handlers = [*logger.handlers, *logging.getLogger().handlers]
    if any(not isinstance(handler, logging.NullHandler) for handler in handlers):
        logger.warning(message)
    elif ranks.process_rank() == 0:
        warnings.warn(message, stacklevel=2)


@contextlib.contextmanager
def hide_messages() -> Iterator[None]:
    """Log no message below level WARNING until the end of the block, in all processes of a run except the first."""
    logger = logging.getLogger(PACKAGE)
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
