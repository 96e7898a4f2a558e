"""Optimisers, learning-rate schedules and parameter groups."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seqbench.models.optimization import build_optimizer, learning_rate_schedule
from seqbench.models.parameter_groups import OptimizerGroup
from seqbench.protocol.cards import Optim


def test_the_schedule_rises_falls_and_ends_at_one_per_cent() -> None:
    optim = Optim(steps=100, batch_size=1, validate_every=1, lr=1.0, schedule="cosine", warmup=10)
    share = learning_rate_schedule(optim)
    assert [share(0), share(4), share(9)] == pytest.approx([0.1, 0.5, 1.0])
    assert share(55) == pytest.approx(0.505)
    assert [share(100), share(150)] == pytest.approx([0.01, 0.01])


def test_a_constant_schedule_has_a_warm_up_too() -> None:
    share = learning_rate_schedule(Optim(steps=100, batch_size=1, validate_every=1, lr=1.0, warmup=4))
    assert [share(step) for step in (0, 1, 3, 4, 100)] == [0.25, 0.5, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop", "sgd"])
def test_every_optimizer_lowers_a_loss(name: str) -> None:
    weight = nn.Parameter(torch.tensor([3.0]))
    groups: list[OptimizerGroup] = [{"params": [weight], "lr": 0.1, "weight_decay": 0.0}]
    optim = Optim(steps=1, batch_size=1, validate_every=1, lr=0.1, optimizer=name)
    optimizer = build_optimizer(groups, optim, fused=True)
    for _ in range(50):
        optimizer.zero_grad()
        weight.square().sum().backward()
        optimizer.step()
    assert abs(float(weight.detach())) < 2.5


@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop", "sgd"])
def test_the_options_of_card_and_group_reach_the_optimizer(name: str) -> None:
    optim = Optim(
        steps=1,
        batch_size=1,
        validate_every=1,
        lr=0.3,
        optimizer=name,
        momentum=0.7,
        betas=(0.5, 0.6),
    )
    groups: list[OptimizerGroup] = [{"params": [nn.Parameter(torch.zeros(1))], "lr": 0.1, "weight_decay": 0.2}]
    optimizer = build_optimizer(groups, optim, fused=False)
    assert type(optimizer).__name__.lower() == name
    (group,) = optimizer.param_groups
    assert (group["lr"], group["weight_decay"]) == (0.1, 0.2)
    assert group.get("betas", (0.5, 0.6)) == (0.5, 0.6)
    assert group.get("momentum", 0.7) == 0.7


def test_every_group_follows_the_schedule_from_its_own_rate() -> None:
    optim = Optim(steps=100, batch_size=1, validate_every=1, lr=1.0, schedule="cosine", warmup=10)
    groups: list[OptimizerGroup] = [
        {"params": [nn.Parameter(torch.zeros(1))], "lr": lr, "weight_decay": 0.0} for lr in (1.0, 0.5)
    ]
    optimizer = build_optimizer(groups, optim, fused=False)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, learning_rate_schedule(optim))
    seen = []
    for step in range(100):
        if step in (0, 9, 55):
            seen.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    assert seen == [pytest.approx([share, share / 2]) for share in (0.1, 1.0, 0.505)]


def test_an_unknown_optimizer_is_refused() -> None:
    optim = Optim(steps=1, batch_size=1, validate_every=1, lr=0.1)
    object.__setattr__(optim, "optimizer", "lion")
    with pytest.raises(ValueError, match="unknown optimizer 'lion'"):
        build_optimizer([], optim, fused=False)
