"""Claims about the recipes of the tier ``small``, and their verdicts over the seeds of the rows."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks._recipe_sweeps import FAMILIES

SEEDS = 3
"""Smallest number of seeds of a row that measures a claim."""
FIVE_GRAM = 2.550
"""Bits per character of the 5-gram model on the test part of tinyshakespeare, which every record states as well."""


@dataclass(frozen=True)
class Verdict:
    """A claim about one row in words, and whether it holds; None if it is not measured."""

    text: str
    holds: bool | None

    def __str__(self) -> str:
        return f"{self.text}: {'not measured' if self.holds is None else 'holds' if self.holds else 'does NOT hold'}"


# Any: the rows of a task are plain data; see ``_recipe_records``.
Rows = Mapping[str, Mapping[str, Any]]


class Goal(Protocol):
    """A claim about the rows of a task."""

    @property
    def metrics(self) -> Sequence[str]:
        """Test metrics that the claim needs."""

    def verdicts(self, rows: Rows, direction: str) -> Iterator[Verdict]:
        """Yield a verdict for each row that the claim names."""


@dataclass(frozen=True)
class Bound:
    """The mean test score of each of some families is on one side of a bound."""

    families: tuple[str, ...]
    metric: str
    sign: str
    bound: float

    @property
    def metrics(self) -> tuple[str, ...]:
        return (self.metric,)

    def verdicts(self, rows: Rows, direction: str) -> Iterator[Verdict]:
        for family in self.families:
            claim = f"{self.metric} {self.sign} {self.bound:g}"
            scores, why = scores_of(rows.get(family), self.metric)
            if scores is None:
                yield Verdict(f"{family}: {claim} ({why})", None)
            elif not scores:
                yield Verdict(f"{family}: {claim} ({why})", False)
            else:
                yield Verdict(f"{family}: {self.metric} {describe_scores(scores)}, {claim}", self.admits(scores))

    def admits(self, scores: Sequence[float]) -> bool:
        """Return whether the mean of the scores is on the claimed side.

        >>> Bound(("gru",), "loss", "<", 2.0).admits([1.9, 2.0])
        True
        """
        mean = statistics.fmean(scores)
        return {">=": mean >= self.bound, "<=": mean <= self.bound, "<": mean < self.bound}[self.sign]


@dataclass(frozen=True)
class AtLeastLevel:
    """The mean test score of one family is at least as good as that of another one."""

    family: str
    other: str
    metric: str

    @property
    def metrics(self) -> tuple[str, ...]:
        return (self.metric,)

    def verdicts(self, rows: Rows, direction: str) -> Iterator[Verdict]:
        text = f"{self.family}: {self.metric} at least level with {self.other}"
        found = [scores_of(rows.get(name), self.metric) for name in (self.family, self.other)]
        (ours, why), (theirs, other_why) = found
        if ours is None or theirs is None:
            yield Verdict(f"{text} ({why or f'{self.other}: {other_why}'})", None)
        elif not ours or not theirs:
            yield Verdict(f"{text} ({why or f'{self.other}: {other_why}'})", bool(ours))
        else:
            mean, other = statistics.fmean(ours), statistics.fmean(theirs)
            level = mean >= other if direction == "max" else mean <= other
            yield Verdict(f"{text}, {describe_scores(ours)} against {describe_scores(theirs)}", level)


@dataclass(frozen=True)
class RatesInside:
    """No row has its best learning rate at the bound of its search; the rows of ``families`` must be measured."""

    families: tuple[str, ...]

    @property
    def metrics(self) -> tuple[str, ...]:
        return ()

    def verdicts(self, rows: Rows, direction: str) -> Iterator[Verdict]:
        for name in dict.fromkeys((*self.families, *rows)):
            search = rows.get(name, {}).get("search")
            if search is None or search["lr"] is None:
                yield Verdict(f"{name}: best rate inside the rates that may be tried", None)
            else:
                place = f"at the {search['bound']} rate that may be tried" if search["bound"] else "inside"
                yield Verdict(f"{name}: best rate {search['lr']:g} is {place}", not search["bound"])


GOALS: Mapping[str, Sequence[Goal]] = {
    "copy": (
        Bound(("gru", "lstm", "tcn", "transformer"), "accuracy", ">=", 0.95),
        Bound(("rnn",), "accuracy", "<=", 0.5),
    ),
    "parity": (
        Bound(("rnn", "lstm", "gru"), "accuracy_longer", ">=", 0.99),
        # Near chance, which is .5.
        Bound(("transformer",), "accuracy_longer", "<=", 0.6),
    ),
    "char-lm-shakespeare": (
        Bound(("lstm", "gru", "tcn", "transformer", "gated-deltanet"), "bits_per_character", "<", FIVE_GRAM),
        Bound(("gru",), "bits_per_character", "<=", 2.40),
    ),
    "music-jsb": (
        Bound(("tcn",), "nll_per_frame", "<=", 8.42),
        RatesInside(FAMILIES),
    ),
    "translation-multi30k-en-de": (AtLeastLevel("transformer", "gru", "bleu"),),
}


def metrics_of_goals(task: str) -> set[str]:
    """Return the test metrics that the claims about a task need.

    >>> metrics_of_goals("copy")
    {'accuracy'}
    """
    return {metric for goal in GOALS.get(task, ()) for metric in goal.metrics}


def verdicts(tasks: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Verdict]]:
    """Yield the name of the task and the verdict of each claim.

    Args:
        tasks: the rows of each task, as in ``results/recipes.json``.
    """
    for name, goals in GOALS.items():
        task = tasks.get(name, {"families": {}, "direction": "max"})
        for goal in goals:
            for verdict in goal.verdicts(task["families"], task["direction"]):
                yield name, verdict


def scores_of(row: Mapping[str, Any] | None, metric: str) -> tuple[list[float] | None, str]:
    """Return the test scores of the seeds of a row, and why there are none.

    Args:
        row: the row; None if there is no such row.
        metric: the test metric.

    Returns:
        None if the row is not measured, an empty list if a seed has ended without a score, and the reason in words.
    """
    seeds = [] if row is None else row["seeds"]
    ended = [seed for seed in seeds if seed["status"] != "ok"]
    if ended:
        return [], f"seed {ended[0]['seed']} ended as {ended[0]['status']}"
    scores = [seed["test"].get(metric) for seed in seeds]
    if len(scores) < SEEDS or None in scores:
        return None, f"{sum(score is not None for score in scores)} of {SEEDS} seeds"
    return [float(score) for score in scores if score is not None], ""


def describe_scores(scores: Sequence[float]) -> str:
    """Return the mean of scores, and the lowest and the highest one.

    >>> describe_scores([0.5, 1.0])
    '0.7500 (0.5000 to 1.0000)'
    """
    return f"{statistics.fmean(scores):.4f} ({min(scores):.4f} to {max(scores):.4f})"
