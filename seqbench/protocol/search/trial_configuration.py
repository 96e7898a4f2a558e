"""The configuration of a trial: a complete run of its own, with fewer steps, on a seed that no result has."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

from seqbench.protocol.cards import Optim
from seqbench.protocol.config import RunConfig
from seqbench.protocol.logging_options import RunLabels
from seqbench.protocol.records import TUNING_SEED
from seqbench.protocol.search.rate_search import Trial
from seqbench.protocol.search.search_rule import DEFAULT_RUNGS, Rung, SearchRule, SecondOption


def search_rule_of(config: RunConfig, rungs: tuple[Rung, ...] = (), fixed: Collection[str] = ()) -> SearchRule | None:
    """Return the rule by which the rate of a run is searched; None if its card has no grid.

    Args:
        config: configuration of the run.
        rungs: the rungs of the user; empty for those of the card.
        fixed: dotted names of options that the user sets, which are not tuned.
    """
    tier = config.chosen
    if not tier.learning_rates:
        return None
    stated = tuple(Rung(*rung) for rung in tier.rungs)
    second = []
    for name, values in sorted(tier.tuned.items()):
        present = _option(config, name)
        if isinstance(present, int | float) and not isinstance(present, bool) and name not in fixed:
            others = tuple(value for value in dict.fromkeys(values) if value != present)
            second.append(SecondOption(name, present, others))
    return SearchRule(tier.learning_rates, rungs or stated or DEFAULT_RUNGS, tuple(second))


def rung_optim(optim: Optim, share: float, lr: float) -> Optim:
    """Return the optimisation of a trial: fewer steps, with the whole warm-up and schedule over these steps.

    The number of validations falls with the steps. Both are rounded, so that a validation follows the last step.

    Args:
        optim: the optimisation of a whole run.
        share: steps of the trial, as a share of those of a whole run.
        lr: learning rate of the trial.

    >>> whole = Optim(steps=2000, batch_size=8, validate_every=200, lr=1e-3, schedule="cosine", warmup=100)
    >>> trial = rung_optim(whole, 0.2, 5e-3)
    >>> trial.steps, trial.validate_every, trial.warmup, trial.lr
    (400, 200, 20, 0.005)
    """
    if share == 1:
        return dataclasses.replace(optim, lr=lr)
    validations = max(1, round(share * (optim.steps // optim.validate_every)))
    every = max(1, round(share * optim.steps / validations))
    steps = every * validations
    return dataclasses.replace(optim, steps=steps, validate_every=every, warmup=optim.warmup_of(steps), lr=lr)


def trial_config(config: RunConfig, rule: SearchRule, trial: Trial, point: Collection[str] = ()) -> RunConfig:
    """Return the configuration of a trial.

    Args:
        config: configuration of a run for which the rate is searched, with the options that all rates are tried with.
        rule: the rule of the search.
        trial: the trial.
        point: the options that a grid of the user sets, for the displayed name.
    """
    optim = rung_optim(config.optim, rule.rungs[trial.rung].share, trial.lr)
    words = [*point, f"optim.lr={trial.lr:g}", *(f"{name}={value:g}" for name, value in trial.options)]
    words += [f"optim.steps={optim.steps}"] if optim.steps != config.optim.steps else []
    return dataclasses.replace(
        with_options(config, dict(trial.options)),
        seed=TUNING_SEED,
        optim=optim,
        tuning=None,
        labels=RunLabels(sweep=True, trial=True, point=words),
    )


def with_options(config: RunConfig, options: Mapping[str, float]) -> RunConfig:
    """Return a configuration with other values of some options.

    Args:
        config: the configuration.
        options: values by dotted name, ``arch.dropout`` or ``body.dropout``.
    """
    arch, body = dict(config.arch_options), dict(config.body)
    for name, value in options.items():
        group, _, key = name.partition(".")
        values = arch if group == "arch" else body
        # The digest of a run tells 2 from 2.0.
        values[key] = int(value) if isinstance(values[key], int) and float(value).is_integer() else value
    return dataclasses.replace(config, arch_options=arch, body=body) if options else config


def _option(config: RunConfig, name: str) -> object:
    group, _, key = name.partition(".")
    return (config.arch_options if group == "arch" else config.body).get(key)
