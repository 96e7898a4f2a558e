"""The search as a function: from the scores that are known to the trials that are needed next, or to the choice.

A search has no state of its own. It is computed anew from the scores of its finished trials, so that it continues where
it stopped, and so that everybody can compute it from a record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from seqbench.protocol.search.search_rule import Rung, SearchRule

CLOSE = 0.001
"""A score this near to the best possible one is as good as it, as a share of the way from chance to the best."""
TELLING = 0.05
"""A rung compares rates if its best score is this far above chance, as a share of the way from chance to the best."""


class Trial(NamedTuple):
    """One run of a search.

    Args:
        rung: number of its rung, from 0.
        lr: the learning rate.
        options: further options with values that differ from those with which the rates are tried.
    """

    rung: int
    lr: float
    options: tuple[tuple[str, float], ...] = ()


Scores = Mapping[Trial, float | None]
"""Validation score of each trial that has ended; None for one that diverged or failed, which is the worst score."""


@dataclass(frozen=True)
class Scale:
    """The meaning of a score.

    Args:
        direction: ``max`` if higher scores are better, ``min`` if lower scores are better.
        chance: score of a chance predictor; None if it is unknown.
        best: best possible score; None if it is unknown.
    """

    direction: Literal["max", "min"]
    chance: float | None = None
    best: float | None = None

    def rank(self, score: float | None) -> float:
        """Return a number that is higher for a better score, and lowest for none."""
        if score is None:
            return float("-inf")
        return score if self.direction == "max" else -score

    def tells(self, score: float) -> bool:
        """Return whether a score is far enough above chance to compare rates by it."""
        if self.chance is None:
            return True
        gain = self.rank(score) - self.rank(self.chance)
        return gain > 0 and (self.best is None or gain >= TELLING * abs(self.best - self.chance))

    def is_best_possible(self, score: float) -> bool:
        """Return whether no better score is possible, up to ``CLOSE``."""
        if self.best is None:
            return False
        room = CLOSE * abs(self.best - self.chance) if self.chance is not None else 0.0
        return self.rank(score) >= self.rank(self.best) - room


@dataclass(frozen=True)
class SearchState:
    """What a search knows and needs.

    Args:
        pending: trials that are needed before the search can go on; empty if it has ended.
        asked: all trials that were needed so far, in order, the pending ones included.
        chosen: the trial that was selected; None while the search goes on, or if no trial has a score.
        bound: ``lowest`` or ``highest`` if the chosen rate is at this end of the ladder, beyond which the search must
            not go, and a better rate may lie there; otherwise empty.
    """

    pending: tuple[Trial, ...]
    asked: tuple[Trial, ...]
    chosen: Trial | None = None
    bound: Literal["", "lowest", "highest"] = ""


@dataclass
class _Search:
    """One computation of a search; ``asked`` and ``pending`` collect its trials."""

    rule: SearchRule
    scale: Scale
    scores: Scores
    asked: dict[Trial, None] = field(default_factory=dict)
    pending: list[Trial] = field(default_factory=list)

    def ask(self, trials: Sequence[Trial]) -> bool:
        """Note that trials are needed; return whether all of them have ended."""
        self.asked.update(dict.fromkeys(trials))
        self.pending = [trial for trial in trials if trial not in self.scores]
        return not self.pending


def advance_search(rule: SearchRule, scale: Scale, scores: Scores) -> SearchState:
    """Return the trials that a search needs next, or its choice.

    All rates of the grid enter the first rung, and the best ones enter each later rung. In each rung, the rates beside
    the best one are tried as well, also those beyond the grid, until the best one is inside or at the end of the
    ladder. If no rate of a rung is better than chance, the rung tells nothing: all its rates enter the next rung.
    The search ends early if a score is the best possible. At last, the further options are tuned at the chosen rate,
    with the steps of the rung in which it was chosen.

    Args:
        rule: the rule of the search.
        scale: the meaning of the scores.
        scores: scores of the trials that have ended.

    >>> grid = SearchRule((1e-3, 2e-3, 5e-3), rungs=(Rung(1.0, 0),))
    >>> scores = {Trial(0, 1e-3): 0.2, Trial(0, 2e-3): 0.3, Trial(0, 5e-3): 0.4}
    >>> advance_search(grid, Scale("max"), scores).pending
    (Trial(rung=0, lr=0.01, options=()),)
    >>> advance_search(grid, Scale("max"), {**scores, Trial(0, 1e-2): None}).chosen
    Trial(rung=0, lr=0.005, options=())
    """
    search = _Search(rule, scale, scores)
    chosen: Trial | None = None
    rates, before = sorted(set(rule.grid)), list[float]()
    for number in range(len(rule.rungs)):
        known = _run_rung(search, number, rates, before)
        if known is None:
            return SearchState(tuple(search.pending), tuple(search.asked))
        rate = choose_rate(known, scale)
        if rate is None:
            return SearchState((), tuple(search.asked))
        chosen, before = Trial(number, rate), list(known)
        rates = _survivors(rule.rungs[number + 1 :], scale, known, rate)
        if len(rates) < 2:
            break
    assert chosen is not None, "a rule has at least one rung"
    bound = _reached_bound(rule, scale, chosen, scores[chosen])
    tuned = _tune_options(search, chosen)
    if tuned is None:
        return SearchState(tuple(search.pending), tuple(search.asked))
    return SearchState((), tuple(search.asked), tuned, bound)


def _run_rung(
    search: _Search, number: int, rates: Sequence[float], before: Sequence[float]
) -> dict[float, float | None] | None:
    """Return the score of each rate of a rung; None if trials are pending.

    Args:
        search: the search.
        number: number of the rung.
        rates: the rates that enter it.
        before: the rates of the rung before it, which are tried again if all those that entered diverge.
    """
    rates = list(rates)
    while True:
        trials = {rate: Trial(number, rate) for rate in sorted(rates)}
        if not search.ask(list(trials.values())):
            return None
        known = {rate: search.scores[trial] for rate, trial in trials.items()}
        best = choose_rate(known, search.scale)
        if best is None:
            further = [rate for rate in before if rate not in rates]
        else:
            further = [rate for rate in _missing_neighbours(search, known, best) if rate not in rates]
        if not further:
            return known
        rates += further


def _missing_neighbours(search: _Search, known: Mapping[float, float | None], best: float) -> list[float]:
    """Return the rates beside the best one that the rung has not tried; none if its score needs no comparison."""
    score, ladder = known[best], search.rule.ladder
    if score is None or not search.scale.tells(score) or search.scale.is_best_possible(score):
        return []
    place = ladder.index(best)
    return [rate for rate in ladder[max(place - 1, 0) : place + 2] if rate not in known]


def choose_rate(known: Mapping[float, float | None], scale: Scale) -> float | None:
    """Return the rate with the best score; None if no rate has a score.

    Of equally good rates, the middle one is chosen; of two middle ones, the one that is farther from the edges of the
    rates that were tried, and then the lower one. Scores that are the best possible are equally good, and so are all
    scores if none is better than chance.

    Args:
        known: score by rate.
        scale: the meaning of the scores.

    >>> choose_rate({1e-3: 0.2, 2e-3: 1.0, 5e-3: 1.0, 1e-2: 1.0, 2e-2: None}, Scale("max", 0.0, 1.0))
    0.005
    """
    rates = sorted(known)
    scored = {rate: score for rate in rates if (score := known[rate]) is not None}
    if not scored:
        return None
    top = max(scored.values(), key=scale.rank)
    if not scale.tells(top):
        tied = list(scored)
    elif scale.is_best_possible(top):
        tied = [rate for rate, score in scored.items() if scale.is_best_possible(score)]
    else:
        tied = [rate for rate, score in scored.items() if score == top]
    middle = tied[(len(tied) - 1) // 2 : len(tied) // 2 + 1]
    return max(middle, key=lambda rate: (min(rates.index(rate), len(rates) - 1 - rates.index(rate)), -rate))


def _survivors(later: Sequence[Rung], scale: Scale, known: Mapping[float, float | None], best: float) -> list[float]:
    """Return the rates that enter the next rung; at most the best one if the search of the rate has ended."""
    scored = {rate: score for rate, score in known.items() if score is not None}
    if not later or scale.is_best_possible(scored[best]):
        return [best]
    if not scale.tells(scored[best]):
        return sorted(scored)
    # The rate that was chosen comes first; of equally good ones, the lower one.
    ordered = sorted(scored, key=lambda rate: (rate != best, -scale.rank(scored[rate]), rate))
    return sorted(ordered[: later[0].keep or None])


def _reached_bound(
    rule: SearchRule, scale: Scale, chosen: Trial, score: float | None
) -> Literal["", "lowest", "highest"]:
    if score is None or not scale.tells(score) or scale.is_best_possible(score):
        return ""
    if chosen.lr == rule.ladder[0]:
        return "lowest"
    return "highest" if chosen.lr == rule.ladder[-1] else ""


def _tune_options(search: _Search, chosen: Trial) -> Trial | None:
    """Return the trial with the best further options; None if trials are pending.

    Another value must be strictly better than the one with which the rates were tried.
    """
    for option in search.rule.second:
        score = search.scores[chosen]
        if score is None or not search.scale.tells(score) or search.scale.is_best_possible(score):
            return chosen
        others = [
            chosen._replace(options=tuple(sorted((*chosen.options, (option.name, value))))) for value in option.others
        ]
        if not search.ask(others):
            return None
        chosen = max([chosen, *others], key=lambda trial: search.scale.rank(search.scores[trial]))
    return chosen
