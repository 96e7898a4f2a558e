"""The one error that a user sees: a sentence, never a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SeqbenchError(Exception):
    """Something the user can mend; its text says what was expected, what came, and what to do."""


class NotAtHand(SeqbenchError):
    """What is needed is not on this machine, or not whole: data, a library, a package; elsewhere it may be there."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'gru'?`` for a near miss, else the list of what exists."""
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return f" Did you mean {' or '.join(repr(c) for c in close)}?"
    return f" Known: {', '.join(names)}." if names else " None is known."
