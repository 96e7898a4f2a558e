"""The blind scores of a record, and the answers of the first process that the second one is compared with."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from seqbench.datamodules.base import SequenceDataModule
from seqbench.protocol.config import RunConfig
from seqbench.running.callbacks.checkpoints import Checkpoint
from seqbench.verification.blind.blind_scoring import BlindScorer, BlindScores, Head
from seqbench.verification.blind.consistency import COMPARISONS, Agreement, KeptRows, compare_rows, secret_random
from seqbench.verification.blind.stream_consistency import KeptStreams, compare_streams
from seqbench.verification.net_pair import NetPair


@dataclass(frozen=True)
class Comparison:
    """The comparison of the two processes of a net.

    Args:
        altered: comparison of rows in other groups, some of them with altered later inputs.
        unaltered: the same rows without altered inputs; None if nothing differs, or if nothing was altered.
    """

    altered: Agreement
    unaltered: Agreement | None


@dataclass
class BlindResults:
    """The blind scores of a record.

    Args:
        scorer: scorer of the first process.
        scores: scores by split.
        compare: function that compares the second process with the first.
    """

    scorer: BlindScorer
    scores: BlindScores
    compare: Callable[[], Comparison]
    _pending: Future[Comparison] | None = field(default=None, repr=False)

    def start_comparison(self) -> None:
        """Compare the two processes in a thread of its own: the second process works beside the first."""
        executor = ThreadPoolExecutor(max_workers=1)
        self._pending = executor.submit(self.compare)
        executor.shutdown(wait=False)

    def comparison(self) -> Comparison:
        """Return the result of the comparison, and wait for it.

        Raises:
            SeqbenchError: the second process failed.
        """
        if self._pending is None:
            self.start_comparison()
        assert self._pending is not None
        return self._pending.result()


def score_blind(config: RunConfig, data: SequenceDataModule, nets: NetPair, checkpoint: Checkpoint) -> BlindResults:
    """Score the first process on all evaluation splits, and keep some of its answers for the comparison.

    Args:
        config: configuration of the run.
        data: data of the task.
        nets: the processes of the net.
        checkpoint: the checkpoint, which holds the head of the task.

    Raises:
        SeqbenchError: the net failed, or the head in the checkpoint is not that of the task.
    """
    net, rng = nets.describe(), secret_random()
    head = Head(config, data, checkpoint["state_dict"], net.own_head)
    scorer = BlindScorer(nets.first, head, data, net.feeds_back_output)
    splits = [*data.splits("validation"), *data.splits("test")]
    kept: KeptRows | KeptStreams
    if data.streaming and net.streaming:
        kept = KeptStreams(data, net.feeds_back_output, rng)
    else:
        kept = KeptRows(data.spec, net.feeds_back_output, COMPARISONS, rng)
    scores = scorer.score(splits, kept.observe)
    return BlindResults(scorer, scores, lambda: _compare(nets, head, kept, rng))


def _compare(nets: NetPair, head: Head, kept: KeptRows | KeptStreams, rng: random.Random) -> Comparison:
    """Compare the second process with the first; if they differ, once more without altered inputs."""
    assert nets.second is not None, "a net with weights has two processes"
    if isinstance(kept, KeptStreams):
        altered = compare_streams(nets.second, head, kept, rng)
        again = compare_streams(nets.second, head, kept, rng, 0.0) if altered.is_different else None
        return Comparison(altered, again)
    rows = kept.rows()
    altered = compare_rows(nets.second, head, rows, rng)
    again = compare_rows(nets.second, head, rows, rng, alters=False) if altered.is_different and altered.cut else None
    return Comparison(altered, again)
