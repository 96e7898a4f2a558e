"""Errors that are shown to the user as one sentence instead of a traceback."""

from __future__ import annotations

import difflib
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path

FRAMEWORKS = frozenset({"seqbench", "torch", "lightning", "numpy", *sys.stdlib_module_names})
"""Packages whose lines in a traceback are not those of the user's code."""


class SeqbenchError(Exception):
    """An error that the user can correct; its message states the expected value, the given value and the correction."""


class NotAtHand(SeqbenchError):
    """Data, a library or a package is missing or incomplete on this machine; it may be present on another."""


def did_you_mean(name: str, known: Iterable[str], source: str = "") -> str:
    """Return a hint for an unknown name: the closest known names, or all known names in their order if none is close.

    Upper and lower case count as equal.

    Args:
        name: the unknown name.
        known: the known names.
        source: what lists all names; if it is given, at most eight names are shown.

    >>> did_you_mean("gruu", ["gru", "lstm"])
    " Did you mean 'gru'?"
    >>> did_you_mean("GRU", ["gru", "mgru"])
    " Did you mean 'gru'?"
    >>> did_you_mean("mamba", ["gru", "lstm"])
    ' Known: gru, lstm.'
    """
    names = list(dict.fromkeys(known))
    close = [known_name for known_name in names if known_name.casefold() == name.casefold()]
    close = close or difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return f" Did you mean {' or '.join(repr(c) for c in close)}?"
    if source and len(names) > 8:
        return f" Known: {', '.join(names[:8])} and {len(names) - 8} more; {source} shows all."
    return f" Known: {', '.join(names)}." if names else " None is known."


def raised_at(error: BaseException) -> str:
    """Return the last place of an error's traceback in the user's code, such as ``my_file.py, line 14, in forward``.

    Returns:
        The place; an empty text if the traceback is inside of seqbench and its frameworks only.

    >>> raised_at(ValueError("raised nowhere"))
    ''
    """
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in FRAMEWORKS:
            return f"{Path(frame.f_code.co_filename).name}, line {line}, in {frame.f_code.co_name}"
    return ""


def one_line(value: object, limit: int | None = None) -> str:
    r"""Return the text of an error or of another value in one line, with at most ``limit`` characters.

    Text that may hold a secret must be redacted before it is cut: ``redact(one_line(error))[:300]``.

    >>> one_line(ValueError("expected 3 axes,\n  got 2"), limit=15)
    'expected 3 axes'
    """
    return " ".join(str(value).split())[:limit]
