from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from seqbench.protocol.cards import Optim
from seqbench.protocol.config import RunConfig
from seqbench.protocol.records import TUNING_SEED
from seqbench.protocol.search.rate_search import Trial
from seqbench.protocol.search.search_rule import DEFAULT_RUNGS, Rung, SecondOption
from seqbench.protocol.search.trial_configuration import rung_optim, search_rule_of, trial_config, with_options
from tests.sweep.helpers import build_small_plan

WHOLE = Optim(steps=2000, batch_size=8, validate_every=250, lr=1e-3, schedule="cosine", warmup=100)


@pytest.fixture(name="config")
def small_config(tmp_path: Path) -> RunConfig:
    return build_small_plan(tmp_path).groups[0].config


def with_tier(config: RunConfig, **changes: object) -> RunConfig:
    tier = dataclasses.replace(config.chosen, **changes)  # type: ignore[arg-type]
    return dataclasses.replace(config, card=dataclasses.replace(config.card, tiers={config.tier: tier}))


@pytest.mark.parametrize("share", [0.01, 0.1, 0.2, 0.3, 0.5, 1.0])
def test_a_trial_has_a_complete_schedule_over_its_share_of_the_steps(share: float) -> None:
    trial = rung_optim(WHOLE, share, 5e-3)
    assert trial.steps == pytest.approx(share * WHOLE.steps, rel=0.02)
    assert trial.warmup == pytest.approx(share * WHOLE.warmup, abs=1)
    assert trial.steps % trial.validate_every == 0
    assert trial.steps // trial.validate_every == max(1, round(share * 8))
    assert (trial.schedule, trial.lr, trial.batch_size) == ("cosine", 5e-3, 8)


def test_every_share_of_every_budget_can_be_run() -> None:
    for steps, every in ((1, 1), (7, 7), (60, 20), (2000, 2000), (999, 3)):
        for share in (0.05, 0.2, 0.5, 0.77):
            trial = rung_optim(dataclasses.replace(WHOLE, steps=steps, validate_every=every, warmup=0), share, 1.0)
            assert 1 <= trial.steps <= steps


def test_the_rule_is_that_of_the_card_unless_the_user_states_rungs(config: RunConfig) -> None:
    rule = search_rule_of(config)
    assert rule is not None
    assert (rule.grid, rule.rungs, rule.second) == (config.chosen.learning_rates, DEFAULT_RUNGS, ())
    stated = with_tier(config, rungs=((0.5, 0), (1.0, 2)))
    assert search_rule_of(stated).rungs == (Rung(0.5, 0), Rung(1.0, 2))  # type: ignore[union-attr]
    assert search_rule_of(stated, (Rung(1.0, 0),)).rungs == (Rung(1.0, 0),)  # type: ignore[union-attr]
    assert search_rule_of(with_tier(config, learning_rates=())) is None


def test_further_options_are_tuned_where_the_architecture_has_them_and_the_user_does_not_set_them(
    config: RunConfig,
) -> None:
    present = config.arch_options["dropout"]
    tuned = with_tier(config, tuned={"arch.dropout": (present, 0.2), "arch.no_such": (1.0,), "body.dropout": (0.3,)})
    rule = search_rule_of(tuned)
    assert rule is not None
    assert rule.second == (SecondOption("arch.dropout", present, (0.2,)), SecondOption("body.dropout", 0.0, (0.3,)))
    assert search_rule_of(tuned, fixed=("arch.dropout", "body.dropout")).second == ()  # type: ignore[union-attr]


def test_a_trial_is_a_run_of_its_own_on_the_seed_of_trials(config: RunConfig) -> None:
    rule = search_rule_of(with_tier(config, tuned={"arch.dropout": (0.2,)}))
    assert rule is not None
    trial = trial_config(config, rule, Trial(1, 5e-3, (("arch.dropout", 0.2),)), ("arch.num_layers=2",))
    assert (trial.seed, trial.optim.lr, trial.optim.steps) == (TUNING_SEED, 5e-3, config.optim.steps // 2)
    assert trial.arch_options["dropout"] == 0.2
    assert trial.labels.point == ["arch.num_layers=2", "optim.lr=0.005", "arch.dropout=0.2", "optim.steps=10"]
    assert trial.labels.trial
    whole = trial_config(config, rule, Trial(2, 5e-3))
    assert whole.labels.point == ["optim.lr=0.005"]
    assert whole.digest() != trial.digest()


def test_a_whole_number_stays_a_whole_number(config: RunConfig) -> None:
    assert with_options(config, {"arch.num_layers": 2.0}).arch_options["num_layers"] == 2
    assert isinstance(with_options(config, {"arch.num_layers": 2.0}).arch_options["num_layers"], int)
    assert with_options(config, {"body.dropout": 0.5}).body["dropout"] == 0.5
    assert with_options(config, {}) is config
