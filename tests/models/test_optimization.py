"""Optimisers, learning-rate schedules and parameter groups."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seqbench.models.optimization import build_optimizer, collect_parameter_groups, learning_rate_schedule
from seqbench.protocol.backbones import ParameterGroup
from seqbench.protocol.cards import Optim


class ChoosesGroups(nn.Module):
    """Asks for its bias to be trained without weight decay."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def parameter_groups(self) -> list[ParameterGroup]:
        return [{"params": [self.linear.bias], "weight_decay": 0.0}]


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
    groups: list[ParameterGroup] = [{"params": [weight]}]
    optim = Optim(steps=1, batch_size=1, validate_every=1, lr=0.1, optimizer=name)
    optimizer = build_optimizer(groups, optim, fused=True)
    for _ in range(50):
        optimizer.zero_grad()
        weight.square().sum().backward()
        optimizer.step()
    assert abs(float(weight.detach())) < 2.5


@pytest.mark.parametrize("name", ["adam", "adamw", "rmsprop", "sgd"])
def test_the_options_of_the_card_reach_the_optimizer(name: str) -> None:
    optim = Optim(
        steps=1,
        batch_size=1,
        validate_every=1,
        lr=0.3,
        optimizer=name,
        weight_decay=0.2,
        momentum=0.7,
        betas=(0.5, 0.6),
    )
    optimizer = build_optimizer([{"params": [nn.Parameter(torch.zeros(1))]}], optim, fused=False)
    assert type(optimizer).__name__.lower() == name
    (group,) = optimizer.param_groups
    assert (group["lr"], group["weight_decay"]) == (0.3, 0.2)
    assert group.get("betas", (0.5, 0.6)) == (0.5, 0.6)
    assert group.get("momentum", 0.7) == 0.7


def test_a_group_keeps_its_own_options() -> None:
    module = nn.Sequential(ChoosesGroups(), nn.Linear(2, 1))
    groups = collect_parameter_groups(module, module)
    assert [len(group["params"]) for group in groups] == [3, 1]
    optim = Optim(steps=1, batch_size=1, validate_every=1, lr=0.1, weight_decay=0.1)
    optimizer = build_optimizer(groups, optim, fused=False)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0]


def test_groups_are_looked_for_in_the_body_only() -> None:
    module = nn.ModuleDict({"body": nn.Linear(2, 2), "other": ChoosesGroups()})
    (group,) = collect_parameter_groups(module, module["body"])
    assert len(group["params"]) == 4


def test_an_unknown_optimizer_is_refused() -> None:
    optim = Optim(steps=1, batch_size=1, validate_every=1, lr=0.1)
    object.__setattr__(optim, "optimizer", "lion")
    with pytest.raises(ValueError, match="unknown optimizer 'lion'"):
        build_optimizer([], optim, fused=False)
