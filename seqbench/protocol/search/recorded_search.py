"""The search in a record: its rule and its trials as plain data, from which its choice is computed anew."""

from __future__ import annotations

from typing import Literal

from seqbench.protocol.record_fields import SearchDescription, Tuning
from seqbench.protocol.search.rate_search import Scale, SearchState, Trial, advance_search
from seqbench.protocol.search.search_rule import MOST_EXTENSIONS, SearchRule, SecondOption, check_rungs
from seqbench.utils.errors import SeqbenchError

MOST_RATES = 100
"""Largest accepted number of rates in a recorded grid."""


def describe_search(rule: SearchRule, scale: Scale) -> SearchDescription:
    """Return the plain data of a rule and of the meaning of the scores."""
    return SearchDescription(
        grid=list(rule.grid),
        rungs=[list(rung) for rung in rule.rungs],
        extensions=rule.extensions,
        tuned={option.name: [option.value, *option.others] for option in rule.second},
        chance=scale.chance,
        best=scale.best,
    )


def read_search(description: SearchDescription, direction: Literal["max", "min"]) -> tuple[SearchRule, Scale]:
    """Return the rule and the meaning of the scores from their plain data.

    Args:
        description: the plain data.
        direction: ``max`` if higher scores are better, ``min`` if lower scores are better.

    Raises:
        SeqbenchError: no search can have this rule.
    """
    grid, rungs = description.grid, description.rungs
    if not 0 < len(grid) <= MOST_RATES or not all(1e-12 < rate < 1e12 for rate in grid):
        raise SeqbenchError(f"the grid of a search has 1 to {MOST_RATES} positive rates, got {len(grid)}.")
    if not 0 <= description.extensions <= MOST_EXTENSIONS:
        raise SeqbenchError(f"a search extends its grid by 0 to {MOST_EXTENSIONS} rates, got {description.extensions}.")
    if not all(len(rung) == 2 for rung in rungs) or not all(description.tuned.values()):
        raise SeqbenchError("each rung is a share and a number of rates, and each tuned option has a value.")
    second = tuple(
        SecondOption(name, values[0], tuple(values[1:])) for name, values in sorted(description.tuned.items())
    )
    rule = SearchRule(tuple(grid), check_rungs(rungs, "rungs"), second, description.extensions)
    return rule, Scale(direction, description.chance, description.best)


def compute_search(tuning: Tuning, direction: Literal["max", "min"]) -> SearchState:
    """Return the state of a recorded search, computed from its trials.

    Args:
        tuning: the recorded search.
        direction: ``max`` if higher scores are better, ``min`` if lower scores are better.

    Raises:
        SeqbenchError: the record has no rule, or no search can have it.
    """
    if tuning.search is None:
        raise SeqbenchError("the record states no rule of its search; an older seqbench wrote it.")
    rule, scale = read_search(tuning.search, direction)
    return advance_search(rule, scale, _recorded_scores(tuning))


def find_fault(tuning: Tuning, direction: Literal["max", "min"]) -> str:
    """Return how the choice of a recorded search contradicts its own trials; an empty string if it follows from them.

    A record of an older seqbench states no rule, so nothing is found.

    Args:
        tuning: the recorded search.
        direction: ``max`` if higher scores are better, ``min`` if lower scores are better.
    """
    if tuning.search is None:
        return ""
    try:
        state = compute_search(tuning, direction)
    except SeqbenchError as error:
        return str(error)
    needed, recorded = set(state.asked), set(_recorded_scores(tuning))
    if missing := sorted(needed - recorded):
        return f"the search needs a trial of the rate {missing[0].lr:g} in rung {missing[0].rung}, but none is recorded"
    if extra := sorted(recorded - needed):
        return f"the search needs no trial of the rate {extra[0].lr:g} in rung {extra[0].rung}, but it is recorded"
    if len(tuning.tried) != len(recorded):
        return "a trial is recorded twice"
    chosen = state.chosen
    if (chosen.lr if chosen else None) != tuning.lr:
        found = "no rate" if chosen is None else f"the rate {chosen.lr:g}"
        return f"its trials select {found}, but it states {'none' if tuning.lr is None else f'{tuning.lr:g}'}"
    tuned = {name: values[0] for name, values in tuning.search.tuned.items()} | dict(chosen.options if chosen else ())
    if tuned != tuning.options:
        return f"its trials select {tuned}, but it states {tuning.options}"
    return "" if state.bound == tuning.bound else f"its bound is '{state.bound}', but it states '{tuning.bound}'"


def _recorded_scores(tuning: Tuning) -> dict[Trial, float | None]:
    return {Trial(row.rung, row.lr, tuple(sorted(row.options.items()))): row.value for row in tuning.tried}
