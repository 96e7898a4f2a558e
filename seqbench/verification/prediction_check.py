"""Check of the predictions that were scored: their digest follows from the weights of the checkpoint."""

from __future__ import annotations

import dataclasses

import numpy as np

from seqbench.models.sample_scores import DIGEST_BYTES, SampleScores
from seqbench.protocol.differences import compare_values
from seqbench.running import scoring
from seqbench.running.diagnostics import sample_file
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted
from seqbench.verification import environment
from seqbench.verification.record_subject import SkippedError, Subject


def check_predictions(subject: Subject) -> str:
    """Compare the digests of the predictions, and the standard errors that follow from the samples.

    On equal hardware and software every prediction must be the same. Elsewhere rounding may change a prediction near
    a decision, and the share of changed predictions is said if the run folder holds those of the run.
    """
    subject.require_scores()
    config, _ = subject.rebuilt
    recorded = subject.record.results.predictions
    scored = None if subject.blind is None else subject.blind.scores
    if not recorded:
        raise SkippedError("the record holds no digest of its predictions; an older seqbench wrote it")
    if scored is None:
        raise SkippedError("the checkpoint was not scored")
    computed = scoring.prediction_digests(scored)
    if set(recorded) != set(computed):
        raise SeqbenchError(f"it has predictions on {sorted(recorded)}, and its task on {sorted(computed)}")
    count = sum(len(samples) for samples in scored.samples.values())
    changed = [split for split in sorted(recorded) if recorded[split] != computed[split]]
    differences = environment.list_differences(subject.record, config, subject.threads)
    note = environment.describe_environment(differences)
    if changed and not differences:
        raise SeqbenchError(f"the digest of its predictions on {', '.join(changed)} is not that of its weights{note}")
    _compare_standard_errors(subject, scored, exact=not differences)
    if not changed:
        return f"the predictions on {counted(count, 'sample')} are those of the weights, by their digest"
    shares = ", ".join(f"{_share_of_changed(subject, split, scored.samples[split])} on {split}" for split in changed)
    return f"some predictions changed by rounding: {shares}{note}"


def _compare_standard_errors(subject: Subject, scored: scoring.Evaluated, exact: bool) -> None:
    """Compare the recorded standard errors with those of the samples.

    Args:
        subject: the record under verification.
        scored: the scores of the checkpoint.
        exact: whether only the tolerance of scores is accepted; otherwise a tenth of the error.

    Raises:
        SeqbenchError: they differ.
    """
    metrics = subject.record.results.metrics["test"]
    recorded = {name: score.standard_error for name, score in metrics.items() if score.standard_error is not None}
    computed = {name: error for name, error in scoring.standard_errors(scored, "test").items() if name in metrics}
    if exact:
        compare_values(recorded, computed, subject.tolerance, "the standard error of test")
        _compare_groups(subject, scored)
    elif any(
        abs(recorded.get(name, 0.0) - error) > 0.1 * error + subject.tolerance for name, error in computed.items()
    ):
        raise SeqbenchError("its standard errors are not those of its test samples")


def _compare_groups(subject: Subject, scored: scoring.Evaluated) -> None:
    """Compare the recorded influences of the groups of test samples on the deciding metric with those of the samples.

    Raises:
        SeqbenchError: they differ.
    """
    metric = subject.record.config.card.metric
    for name, score in subject.record.results.metrics["test"].items():
        if score.sample_groups:
            computed = scoring.sample_groups(scored, metric) if name == metric else None
            compare_values(score.sample_groups, computed or [], subject.tolerance, "sample_groups of test")


def _share_of_changed(subject: Subject, split: str, scored: SampleScores) -> str:
    """Return the share of samples whose predictions changed, in words."""
    folder = subject.folder
    try:
        arrays = {} if folder is None else sample_file.read_samples(folder, split)
        digests = np.asarray(arrays["predictions"], np.uint8).reshape(-1, DIGEST_BYTES)
        kept = dataclasses.replace(scored, digests=digests)
    except (KeyError, OSError, ValueError, SeqbenchError):
        return "an unknown share"
    if len(digests) != len(scored) or kept.digest() != subject.record.results.predictions[split]:
        return "an unknown share"
    return f"{float((digests != scored.digests).any(1).mean()):.2%}"
