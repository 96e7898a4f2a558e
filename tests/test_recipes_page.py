"""The page of the recipes, its measured runs, and what all cards of the small tiers share."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from benchmarks import _rate_scores, _recipe_page, recipes, transformer_recipes
from seqbench.protocol.cards import load_card

AGAIN = "run `python -m benchmarks.recipes --write-only`"
CARDS = ("copy", "copy-10", "parity", "char-lm-shakespeare", "music-jsb", "music-nottingham")


def test_the_committed_page_is_current() -> None:
    page = _recipe_page.PAGE.read_text(encoding="utf-8")
    assert _recipe_page.page_text(page, recipes.read_tasks()) == page, AGAIN


def test_the_trials_of_the_transformer_are_those_of_their_command() -> None:
    page = transformer_recipes.PAGE.read_text(encoding="utf-8")
    assert transformer_recipes.page_text(page) == page, "run `python -m benchmarks.transformer_recipes --table`"
    trials = transformer_recipes.known_trials()
    assert all(abs(row["parameters"] - 100_000) <= 3_000 for row in trials.values())
    assert all(row["test"]["accuracy"] >= 0.95 for row in trials.values() if row["task"] == "copy")
    longer = [row["test"]["accuracy_longer"] for row in trials.values() if row["task"] == "parity"]
    assert all(0.4 < score < 0.6 for score in longer)


def test_every_figure_on_the_page_is_there() -> None:
    for name in recipes.read_tasks():
        assert (_recipe_page.DOCS / "figures" / f"recipes-{name}.svg").is_file(), AGAIN


@pytest.mark.parametrize("module", [_rate_scores, _recipe_page])
def test_examples_give_the_output_that_they_show(module: ModuleType) -> None:
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)


@pytest.mark.parametrize(
    ("scores", "direction", "rate"),
    [
        ({0.001: 0.5, 0.002: 0.9, 0.005: 0.7}, "max", None),
        ({0.001: 0.5, 0.002: 0.9, 0.005: 0.7}, "min", 0.0005),
        ({0.001: 2.5, 0.002: 2.4, 0.005: 2.3}, "min", 0.01),
        ({0.001: 1.0, 0.002: 1.0, 0.005: 1.0}, "max", None),
        ({0.001: 0.5, 0.002: 0.9, 0.005: None}, "max", None),
        ({0.001: None}, "max", None),
    ],
)
def test_a_rate_beyond_the_grid_is_tried_exactly_if_the_best_one_is_at_an_end(
    scores: dict[float, float | None], direction: str, rate: float | None
) -> None:
    assert _rate_scores.further_rate(scores, direction) == rate


def test_a_claim_holds_on_one_side_of_its_bound() -> None:
    below = recipes.Goal(("gru",), "loss", "<", 2.0)
    assert [below.holds(score) for score in (1.9, 2.0, 2.1)] == [True, False, False]


def test_a_claim_without_runs_is_named() -> None:
    task = {"metric": "nll_per_frame", "direction": "min", "families": {}}
    assert list(recipes.check_claims("music-jsb", task)) == ["music-jsb tcn: nll_per_frame <= 8.42 is not measured"]


@pytest.mark.parametrize("name", CARDS)
@pytest.mark.parametrize("tier", ["smoke", "small", "medium"])
def test_a_recipe_has_adamw_a_warm_up_a_cosine_and_five_rates(name: str, tier: str) -> None:
    chosen = load_card(name).tier(tier)
    optim = chosen.optim
    assert (optim.optimizer, optim.schedule, optim.clip, optim.weight_decay) == ("adamw", "cosine", 1.0, 0.01)
    assert 0.05 <= optim.warmup / optim.steps <= 0.10
    assert len(chosen.learning_rates) == 5
    assert list(chosen.learning_rates) == sorted(chosen.learning_rates)
    assert chosen.learning_rates[0] < optim.lr < chosen.learning_rates[-1]
