"""Verification of a record: its checksum, card, configuration and data, its checkpoint and its scores.

Records and checkpoints may come from a pull request, so they are hostile data. No code in them is executed, and a file
that a record names is imported only with ``trust``. The net under test may be hostile too: it runs in processes of its
own, which are given inputs only (``blind``), and this process, which has targets and metrics, never imports it. An
error while a record is read is a failure of the record.

Each check takes a ``Subject`` and returns its result as text. It raises a SeqbenchError if the record is wrong, and
``SkippedError`` or ``NotAtHand`` if a file or library that it needs is missing, which is not a fault of the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from seqbench.verification import (
    checkpoint_checks,
    consistency_checks,
    fresh_test_check,
    prediction_check,
    protocol_checks,
    source_check,
    start_check,
)
from seqbench.verification.record_subject import SkippedError, Subject

__all__ = ["CHECKS", "SkippedError", "Subject"]

CHECKS: Mapping[str, Callable[[Subject], str]] = {
    "record": protocol_checks.check_record,
    "card": protocol_checks.check_card,
    "configuration": protocol_checks.check_configuration,
    "sources": source_check.check_sources,
    "size": protocol_checks.check_size,
    "lines": protocol_checks.check_chance_and_best,
    "start": start_check.check_start,
    "weights": checkpoint_checks.check_weights,
    "scores": checkpoint_checks.check_scores,
    "predictions": prediction_check.check_predictions,
    "fresh test": fresh_test_check.check_fresh_test,
    "causality": consistency_checks.check_causality,
    "consistency": consistency_checks.check_consistency,
}
"""The checks by name, in order: each check may use the objects that earlier checks have rebuilt."""
