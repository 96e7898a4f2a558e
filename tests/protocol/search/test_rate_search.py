from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Literal

import pytest

from seqbench.protocol.search.rate_search import Scale, SearchState, Trial, advance_search, choose_rate
from seqbench.protocol.search.search_rule import Rung, SearchRule, SecondOption

GRID = (5e-4, 1e-3, 2e-3, 5e-3, 1e-2)
OPEN = Scale("max", 0.0, None)
Score = Callable[[Trial], float | None]


def complete(rule: SearchRule, scale: Scale, score: Score) -> SearchState:
    """Run a search to its end, one trial at a time."""
    scores: dict[Trial, float | None] = {}
    while (state := advance_search(rule, scale, scores)).pending:
        scores[state.pending[0]] = score(state.pending[0])
    assert set(state.asked) == set(scores)
    return state


def peak_at(rate: float) -> Score:
    """Return scores that fall with the distance to a rate."""
    return lambda trial: 1 / (1 + abs(math.log(trial.lr / rate)))


def test_the_best_rate_inside_the_grid_costs_the_usual_trials() -> None:
    state = complete(SearchRule(GRID), OPEN, peak_at(2e-3))
    assert state.chosen == Trial(1, 2e-3)
    assert [trial.lr for trial in state.asked] == [*GRID, 1e-3, 2e-3, 5e-3]


def test_a_grid_whose_edge_wins_is_extended_until_the_best_rate_is_inside() -> None:
    state = complete(SearchRule(GRID), OPEN, peak_at(2e-2))
    assert state.chosen == Trial(1, 2e-2)
    assert state.bound == ""
    assert {trial.lr for trial in state.asked} - set(GRID) == {2e-2, 5e-2}
    assert complete(SearchRule(GRID), OPEN, peak_at(2e-4)).chosen == Trial(1, 2e-4)


@pytest.mark.parametrize(("peak", "last", "bound"), [(1e3, 1e-1, "highest"), (1e-9, 5e-5, "lowest")])
def test_the_search_ends_at_the_bound_and_says_so(peak: float, last: float, bound: str) -> None:
    state = complete(SearchRule(GRID), OPEN, peak_at(peak))
    assert state.chosen == Trial(1, last)
    assert state.bound == bound


def test_a_diverged_neighbour_beyond_the_edge_is_worse_than_the_edge() -> None:
    state = complete(SearchRule(GRID), OPEN, lambda trial: None if trial.lr > 1e-2 else trial.lr)
    assert state.chosen == Trial(1, 1e-2)
    assert state.bound == ""


def test_a_winner_at_the_edge_of_a_later_rung_is_compared_with_its_neighbours() -> None:
    # Short runs favour 5e-3, and longer ones 5e-4.
    state = complete(SearchRule(GRID), OPEN, lambda trial: peak_at(5e-3 if trial.rung == 0 else 5e-4)(trial))
    assert state.chosen == Trial(1, 5e-4)
    assert Trial(1, 2e-4) in state.asked


def test_a_rung_at_chance_sends_all_its_rates_to_the_next_one() -> None:
    scale = Scale("max", 0.5, 1.0)
    state = complete(SearchRule(GRID), scale, lambda trial: 0.51 if trial.rung < 2 else peak_at(2e-3)(trial))
    assert state.chosen == Trial(2, 2e-3)
    assert len(state.asked) == 15
    hopeless = complete(SearchRule(GRID), scale, lambda trial: 0.5 + 0.001 * GRID.index(trial.lr))
    assert hopeless.chosen == Trial(2, 2e-3)
    assert hopeless.bound == ""
    assert len(hopeless.asked) == 15


def test_a_search_ends_when_a_score_is_the_best_possible() -> None:
    scale = Scale("max", 0.5, 1.0)
    state = complete(SearchRule(GRID), scale, lambda trial: 0.9998 if trial.lr >= 5e-3 else 0.7)
    assert state.chosen == Trial(0, 5e-3)
    assert len(state.asked) == 5


def test_rates_that_all_diverge_have_no_choice() -> None:
    state = complete(SearchRule(GRID), OPEN, lambda _: None)
    assert state.chosen is None
    assert len(state.asked) == 5


def test_rates_that_diverge_in_a_longer_rung_are_replaced_by_the_others() -> None:
    state = complete(
        SearchRule(GRID), OPEN, lambda trial: None if trial.rung == 1 and trial.lr > 1e-3 else peak_at(5e-3)(trial)
    )
    assert state.chosen == Trial(1, 1e-3)


@pytest.mark.parametrize(
    ("scores", "chosen"),
    [
        ([0.2, 0.4, 0.4, 0.4, 0.2], 2e-3),
        ([0.4, 0.4, 0.4, 0.2, 0.2], 1e-3),
        ([0.4, 0.4, 0.2, 0.2, 0.2], 1e-3),
        ([0.2, 0.2, 0.2, 0.4, 0.4], 5e-3),
        ([0.4, 0.4, 0.4, 0.4, 0.4], 2e-3),
        ([0.2, 0.4, 0.4, 0.4, 0.4], 2e-3),
        ([0.9995, 0.2, 1.0, 1.0, None], 2e-3),
        ([None, None, None, None, 0.3], 1e-2),
        ([None] * 5, None),
    ],
)
def test_of_equally_good_rates_the_middle_one_is_chosen(scores: list[float | None], chosen: float | None) -> None:
    assert choose_rate(dict(zip(GRID, scores, strict=True)), Scale("max", 0.0, 1.0)) == chosen


def test_the_direction_and_chance_are_those_of_the_metric() -> None:
    scores: dict[float, float | None] = {1e-3: 2.5, 2e-3: 2.4, 5e-3: 2.6}
    assert choose_rate(scores, Scale("min", 6.0)) == 2e-3
    assert not Scale("min", 2.0).tells(2.1)
    assert Scale("min", 1.0, 0.0).is_best_possible(0.0005)
    assert not Scale("min", 1.0, 0.0).is_best_possible(0.01)


def test_further_options_are_tuned_at_the_best_rate_and_must_be_better() -> None:
    rule = SearchRule(GRID, second=(SecondOption("arch.dropout", 0.0, (0.2, 0.5)),))

    def score(trial: Trial) -> float:
        return 2 * peak_at(2e-3)(trial) - abs(dict(trial.options).get("arch.dropout", 0.0) - 0.2)  # type: ignore[operator]

    state = complete(rule, OPEN, score)
    assert state.chosen == Trial(1, 2e-3, (("arch.dropout", 0.2),))
    assert len(state.asked) == 10
    assert complete(rule, OPEN, peak_at(2e-3)).chosen == Trial(1, 2e-3)


def random_search(draw: random.Random) -> tuple[SearchRule, Scale, Score]:
    """Return a rule and scores drawn at random: with ties, divergence, and another best rate in each rung."""
    direction: Literal["max", "min"] = draw.choice(["max", "min"])
    rungs = draw.choice([(Rung(1.0, 0),), (Rung(0.2, 0), Rung(0.5, 3), Rung(1.0, 1)), (Rung(0.1, 0), Rung(1.0, 2))])
    grid = tuple(sorted(draw.sample([1e-4, 3e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 3e-2], draw.randint(1, 5))))
    rule = SearchRule(grid, rungs, extensions=draw.randint(0, 3))
    digits, failures = draw.choice([1, 2, 9]), draw.choice([0.0, 0.1, 0.5])
    values: dict[Trial, float | None] = {}

    def score(trial: Trial) -> float | None:
        if trial not in values:
            values[trial] = None if draw.random() < failures else round(draw.random(), digits)
        return values[trial]

    return rule, Scale(direction, draw.choice([None, 0.0, 0.5]), draw.choice([None, 1.0, 0.0])), score


@pytest.mark.parametrize("seed", range(300))
def test_the_best_rate_is_inside_or_at_the_bound_and_the_ladder_is_never_left(seed: int) -> None:
    rule, scale, score = random_search(random.Random(seed))
    state = complete(rule, scale, score)
    assert {trial.lr for trial in state.asked} <= set(rule.ladder)
    assert len(set(rule.ladder) - set(rule.grid)) == 2 * rule.extensions
    # The order in which trials end does not matter.
    assert complete(rule, scale, score) == state
    if state.chosen is None:
        return
    best = score(state.chosen)
    assert best is not None
    rung = {trial.lr: score(trial) for trial in state.asked if trial.rung == state.chosen.rung}
    if scale.tells(best) and not scale.is_best_possible(best):
        place = rule.ladder.index(state.chosen.lr)
        assert set(rule.ladder[max(place - 1, 0) : place + 2]) <= set(rung)
        assert max(map(scale.rank, rung.values())) == scale.rank(best)
        assert (state.bound == "") == (0 < place < len(rule.ladder) - 1)
    else:
        assert state.bound == ""


def test_two_architectures_with_the_same_order_of_rates_have_the_same_trials() -> None:
    first = complete(SearchRule(GRID), OPEN, peak_at(2e-3))
    second = complete(SearchRule(GRID), OPEN, lambda trial: 0.1 * (peak_at(2e-3)(trial) or 0.0))
    assert first.asked == second.asked
