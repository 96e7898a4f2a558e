"""What a record says, against what can be seen: digests, the task's own lines, the checkpoint and its scores.

Each check takes the ``Subject``, returns what it saw, and raises a SeqbenchError for what is wrong, or ``SkippedError``
(or ``NotAtHand``, which is no fault of the record's) where there is nothing to look at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from seqbench.verification import checkpoint_checks, protocol_checks
from seqbench.verification.record_subject import SkippedError, Subject

__all__ = ["CHECKS", "SkippedError", "Subject"]

CHECKS: Mapping[str, Callable[[Subject], str]] = {
    "record": protocol_checks.check_record,
    "card": protocol_checks.check_card,
    "configuration": protocol_checks.check_configuration,
    "size": protocol_checks.check_parameter_count,
    "lines": protocol_checks.check_chance_and_best,
    "weights": checkpoint_checks.check_weights,
    "scores": checkpoint_checks.check_scores,
}
"""In the order in which they are made: each may stand on those before it."""
