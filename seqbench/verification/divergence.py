"""Consistency of the record of a run that diverged: its reason and its curves follow from one another.

Anybody could write that a rival's training diverged. What a record states about the step must fit its curves; that
training really diverges is shown by a second run, and a record without one does not count.
"""

from __future__ import annotations

import re

from seqbench.protocol.records import Record
from seqbench.running.callbacks.curve import POINT_STEPS
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import short_repr

_REASON = re.compile(
    r"(?P<what>the training loss|validation \S+|[\w-]+ \S+) is (?:nan|-?inf)"
    r" (?P<when>at|with the weights of) step (?P<step>\d{1,15})"
)
"""The reasons that a run writes."""


def require_consistent_divergence(record: Record) -> None:
    """Check that the reason of a diverged run is one that a run writes, and that its curves end there.

    Raises:
        SeqbenchError: they contradict each other.
    """
    reason, optim = _REASON.fullmatch(record.results.reason or ""), record.config.options.optim
    if reason is None:
        raise SeqbenchError(
            f"it says that training diverged because {short_repr(record.results.reason)}, which no run states; a run "
            f"names the loss or the metric, its value, and the step"
        )
    step = int(reason["step"])
    if not 1 <= step <= optim.steps:
        raise SeqbenchError(f"it diverged at step {step}, but its run has the steps 1 to {optim.steps}")
    curves = record.results.curves
    trained = max((at for at in curves.train.get("step", ())), default=0)
    validated = max((at for at in curves.validation.get("step", ()) if at is not None), default=0)
    if reason["when"] != "at":  # The test of the best weights follows the whole training.
        if validated != optim.steps:
            raise SeqbenchError(f"it was tested, but its validation curve ends at step {validated:g} of {optim.steps}")
        return
    # A curve has a point at least every POINT_STEPS steps, and one before each validation.
    if reason["what"] == "the training loss":
        fits = trained < step <= trained + POINT_STEPS and validated < step <= validated + optim.validate_every
    else:
        fits = step % optim.validate_every == 0 and trained <= step == validated + optim.validate_every
    if not fits:
        raise SeqbenchError(
            f"it diverged at step {step}, but its curves end at the steps {trained:g} (training) and {validated:g} "
            f"(validation)"
        )
