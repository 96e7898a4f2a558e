"""Check of a record of a task with generated data: a test split that nobody has seen gives the same score."""

from __future__ import annotations

from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted
from seqbench.verification.blind.blind_scoring import BlindScorer
from seqbench.verification.blind.fresh_split import LARGEST_Z, compare_with_fresh, fresh_data
from seqbench.verification.record_subject import SkippedError, Subject


def check_fresh_test(subject: Subject) -> str:
    """Score the net on test splits that are drawn from a secret, and compare the scores within their sampling errors.

    Raises:
        SkippedError: the checkpoint was not scored.
        SeqbenchError: the score on the recorded test split is better than chance can explain.
    """
    config, data = subject.rebuilt
    if subject.blind is None:
        subject.require_scores()
        subject.require_folder()
        raise SkippedError("the checkpoint could not be scored")
    fresh = fresh_data(data)
    if fresh is None:
        return "not possible: these data have one test split"
    scorer = subject.blind.scorer
    scores = BlindScorer(scorer.net, scorer.head, fresh, scorer.feeds_back_output).score(fresh.splits("test"))
    metric = config.card.metric
    result = compare_with_fresh(subject.blind.scores, scores, metric.name, metric.direction)
    text = (
        f"test {result.metric} {result.recorded:.6g} on the recorded split and {result.fresh:.6g} on a fresh one, z = "
        f"{result.z:.2f} with {counted(result.samples, 'sample')}"
    )
    if not result.agrees:
        raise SeqbenchError(
            f"{text}: the recorded split was known to the net or was chosen (a true record exceeds {LARGEST_Z:g} in "
            f"fewer than 1 of 10,000 verifications)"
        )
    return text
