"""What a record says, against what can be seen: digests, the task's own lines, the checkpoint and its scores.

Each check takes the ``Subject``, returns what it saw, and raises a SeqbenchError for what is wrong, or ``SkippedError``
(or ``NotAtHand``, which is no fault of the record's) where there is nothing to look at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from seqbench.evidence import checkpoint, protocol
from seqbench.evidence.subject import SkippedError, Subject

__all__ = ["CHECKS", "SkippedError", "Subject"]

CHECKS: Mapping[str, Callable[[Subject], str]] = {
    "record": protocol.record,
    "card": protocol.card,
    "configuration": protocol.configuration,
    "size": protocol.size,
    "lines": protocol.lines,
    "weights": checkpoint.weights,
    "scores": checkpoint.scores,
}
"""In the order in which they are made: each may stand on those before it."""
