"""The lowest and the highest possible value of each metric.

The card of a task may give the ranges of its own metrics (``ranges``); a metric without a range may have any value.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from seqbench.protocol.cards import load_card
from seqbench.utils.errors import SeqbenchError

ROUNDING = 1e-6
"""Largest excess over a limit that counts as rounding, relative to the limit or to 1."""


@dataclass(frozen=True)
class MetricRange:
    """The possible values of a metric.

    Args:
        lowest: lowest possible value; None if there is none.
        highest: highest possible value; None if there is none.
        direction: ``max`` if higher values are better, ``min`` if lower ones are; empty if that is not known.
        exact: whether no value is better than the best possible one, which is an expectation for other metrics.
    """

    lowest: float | None = None
    highest: float | None = None
    direction: str = ""
    exact: bool = False

    def objection(self, value: float) -> str:
        """Return why a value is impossible; empty for a possible value.

        >>> MetricRange(0.0, 1.0).objection(1e20)
        'above 1, the highest possible value'
        >>> MetricRange(0.0, 1.0).objection(1.0000000001)
        ''
        """
        if self.lowest is not None and value < self.lowest and value < self.lowest - rounding(self.lowest):
            return f"below {self.lowest:g}, the lowest possible value"
        if self.highest is not None and value > self.highest and value > self.highest + rounding(self.highest):
            return f"above {self.highest:g}, the highest possible value"
        return ""


SHARE = MetricRange(0.0, 1.0, "max")
"""A share of correct answers, or an F1 score."""
NATS = MetricRange(0.0, None, "min")
"""A negative log-likelihood of discrete targets, or an error."""
PERCENT = MetricRange(0.0, 100.0, "max")
"""A score of translations, as sacrebleu computes it."""
COUNT = MetricRange(0.0, None)
"""A number of things, or a length."""

METRIC_RANGES: Mapping[str, MetricRange] = {
    **dict.fromkeys(("accuracy", "accuracy_longer", "accuracy_seen_and_longer", "frame_accuracy"), SHARE),
    **dict.fromkeys(("macro_f1", "token_accuracy"), SHARE),
    **dict.fromkeys(("loss", "loss_all_positions", "bits_per_character", "nll_per_frame", "token_loss"), NATS),
    **dict.fromkeys(("mse", "mae"), NATS),
    **dict.fromkeys(("bleu", "chrf"), PERCENT),
    "solved_length": MetricRange(0.0, None, "max", exact=True),
    **dict.fromkeys(("length", "sentences", "step"), COUNT),
}
"""The ranges of seqbench's metrics, and of the other columns of its tables."""


def rounding(limit: float) -> float:
    """Return the largest excess over a limit that counts as rounding."""
    return ROUNDING * max(1.0, abs(limit))


@functools.lru_cache(maxsize=256)
def ranges_of_task(task: str) -> Mapping[str, MetricRange]:
    """Return the ranges of the metrics of a task: those of its card, and seqbench's own for all others.

    A task that is not installed here has only seqbench's own.

    >>> ranges_of_task("copy")["accuracy"].highest
    1.0
    """
    try:
        card = load_card(task)
    except SeqbenchError:
        return METRIC_RANGES
    own = {name: MetricRange(lowest, highest) for name, (lowest, highest) in card.ranges.items()}
    return {**METRIC_RANGES, **own} if own else METRIC_RANGES
