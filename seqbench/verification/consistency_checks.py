"""Checks of the net of a record: no output depends on later inputs, and none on how it is evaluated."""

from __future__ import annotations

from seqbench.models.contract.causality import NOISE_FACTOR
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted
from seqbench.verification.blind.altered_rows import can_be_cut
from seqbench.verification.blind.consistency import Agreement, explain_differences
from seqbench.verification.blind_results import Comparison
from seqbench.verification.record_subject import SkippedError, Subject


def check_causality(subject: Subject) -> str:
    """Compare outputs with those that a second process gives where later inputs were replaced in secret places.

    Raises:
        SkippedError: the checkpoint was not scored.
        SeqbenchError: an output depends on later inputs.
    """
    comparison = _comparison(subject)
    if not can_be_cut(subject.rebuilt[1].spec):
        if subject.describe_net().looks_ahead:
            return "the architecture looks ahead, which the task allows"
        return "the task allows outputs that look ahead, so no inputs were replaced"
    agreement, scores = comparison.altered, comparison.altered.scores.worst()
    if scores is not None and _unaltered(comparison).scores.worst() is None:
        raise SeqbenchError(
            f"the net looks ahead: its scores depend on later inputs: when these were replaced, {scores.explain()}"
        )
    if looks_ahead(comparison):
        raise SeqbenchError(f"the net looks ahead: {explain_differences(agreement, comparison.unaltered)}")
    if agreement.differences and not _grows_from_rounding(comparison):
        raise SkippedError("the two processes differ without replaced inputs too; see the next check")
    return (
        f"with the weights that were scored, no output depends on later inputs: they were replaced in secret places in "
        f"{counted(agreement.cut, 'comparison')} (largest change {agreement.largest:.2g})"
    )


def check_consistency(subject: Subject) -> str:
    """Compare outputs with those that a second process gives for the same rows in other batches and another order.

    Raises:
        SkippedError: the checkpoint was not scored.
        SeqbenchError: an output depends on other rows, earlier batches, or the number of calls.
    """
    comparison = _comparison(subject)
    if comparison.altered.differences and not looks_ahead(comparison) and not _grows_from_rounding(comparison):
        raise SeqbenchError(explain_differences(_unaltered(comparison), None))
    agreement = _unaltered(comparison)
    if (scores := agreement.scores.worst()) is not None:
        raise SeqbenchError(f"the net scores otherwise in another process, in other batches: {scores.explain()}")
    if agreement.differences:
        return (
            f"rounding grows along the rows of this net, so {counted(len(agreement.differences), 'row')} of "
            f"{agreement.compared} agreed up to some step only, and all others agreed to their end"
        )
    return (
        f"a second process gave the same outputs for {counted(agreement.compared, 'row')} in other batches and another "
        f"order (largest difference {agreement.largest:.2g})"
    )


def looks_ahead(comparison: Comparison) -> bool:
    """Return whether the processes differ only where later inputs were replaced, and not by grown rounding."""
    unaltered = comparison.unaltered
    if not comparison.altered.differences or unaltered is None or unaltered.differences:
        return False
    # Rounding of a chaotic net may be a little below the tolerance in one comparison, and above it in the other.
    return not _grows_from_rounding(comparison)


def _grows_from_rounding(comparison: Comparison) -> bool:
    """Return whether all differences have grown from rounding, and replaced inputs have made none of them larger."""
    altered, unaltered = comparison.altered, _unaltered(comparison)
    return altered.only_rounding and unaltered.only_rounding and altered.largest <= NOISE_FACTOR * unaltered.largest


def _unaltered(comparison: Comparison) -> Agreement:
    return comparison.altered if comparison.unaltered is None else comparison.unaltered


def _comparison(subject: Subject) -> Comparison:
    if subject.blind is None:
        subject.require_scores()
        subject.require_folder()
        raise SkippedError("the checkpoint could not be scored")
    return subject.blind.comparison()
