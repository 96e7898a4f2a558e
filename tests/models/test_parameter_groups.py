"""Which parameters have weight decay, and at which learning rate they are trained."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import seqbench
from seqbench.architectures import blocks
from seqbench.models.parameter_groups import checked_groups, collect_optimizer_groups, describe_groups, learning_rate
from seqbench.protocol import backbones, registry
from seqbench.protocol.backbones import ParameterGroup
from seqbench.protocol.cards import Optim
from seqbench.utils.errors import SeqbenchError

BUILT_IN = [name for name, found in registry.list_entries(registry.ARCHITECTURES).items() if not found[0].extras]
SPARED = {
    "lru": {"enter.weight"},
    "mamba": {"log_a"},
    "s4d": {"log_decay", "frequency"},
    "rnn": {"initial"},
    "irnn": {"initial"},
    "skip-rnn": {"initial"},
}
"""Names of the parameters with several axes that have no weight decay, by architecture."""
OPTIM = Optim(steps=1, batch_size=1, validate_every=1, lr=0.1, weight_decay=0.01)


class Grouped(nn.Module):
    """Returns the groups that it is given."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.options = options

    def parameter_groups(self) -> list[ParameterGroup]:
        chosen: Any = {"params": [self.linear.weight, self.linear.bias], **self.options}
        return [chosen]


def options_by_name(module: nn.Module, body: nn.Module | None = None) -> dict[str, tuple[float, float]]:
    """Return learning rate and weight decay of each parameter by its name."""
    groups = collect_optimizer_groups(module, body or module, OPTIM)
    options = {id(p): (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}
    return {name: options[id(p)] for name, p in module.named_parameters()}


def test_matrices_and_kernels_decay_but_no_vector_and_no_embedding() -> None:
    net = nn.ModuleDict(
        {
            "table": nn.Embedding(5, 4),
            "bag": nn.EmbeddingBag(5, 4),
            "norm": nn.LayerNorm(4),
            "linear": nn.Linear(4, 4),
            "kernel": nn.Conv1d(4, 4, 3),
            "cell": nn.GRU(4, 4),
            "gain": nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 4, 3)),
        }
    )
    decayed = {name for name, (_, weight_decay) in options_by_name(net).items() if weight_decay}
    assert decayed == {
        "linear.weight",
        "kernel.weight",
        "cell.weight_ih_l0",
        "cell.weight_hh_l0",
        "gain.parametrizations.weight.original0",
        "gain.parametrizations.weight.original1",
    }


def test_a_head_that_shares_the_table_of_an_embedding_does_not_decay() -> None:
    net = nn.ModuleDict({"head": nn.Linear(4, 5, bias=False), "table": nn.Embedding(5, 4)})
    net["table"].weight = net["head"].weight
    assert options_by_name(net) == {"head.weight": (0.1, 0.0)}


def test_a_parameter_that_its_library_marks_does_not_decay() -> None:
    net = nn.Linear(2, 2, bias=False)
    vars(net.weight)["_no_weight_decay"] = True
    assert options_by_name(net) == {"weight": (0.1, 0.0)}


def test_the_weight_decay_of_a_group_applies_to_all_its_parameters() -> None:
    assert set(options_by_name(Grouped(weight_decay=0.2)).values()) == {(0.1, 0.2)}


def test_a_group_without_weight_decay_of_its_own_follows_the_rule_for_matrices() -> None:
    assert options_by_name(Grouped(lr_scale=0.5)) == {"linear.weight": (0.05, 0.01), "linear.bias": (0.05, 0.0)}


@pytest.mark.parametrize(
    ("options", "rate"),
    [
        ({}, 0.1),
        ({"lr": 0.7}, 0.7),
        ({"lr": 0}, 0.0),
        ({"lr_scale": 0.5}, 0.05),
        ({"lr_max": 0.02}, 0.02),
        ({"lr_max": 0.2}, 0.1),
        ({"lr_scale": 0.5, "lr_max": 0.06}, 0.05),
        ({"lr_scale": 0.5, "lr_max": 0.01}, 0.01),
    ],
)
def test_a_group_replaces_scales_or_limits_the_rate_of_the_card(options: Any, rate: float) -> None:
    assert learning_rate(options, 0.1) == pytest.approx(rate)
    assert options_by_name(Grouped(**options))["linear.weight"][0] == pytest.approx(rate)


def test_groups_with_the_rate_of_the_card_come_first() -> None:
    net = nn.Sequential(Grouped(lr_scale=0.5), nn.Linear(2, 1))
    groups = collect_optimizer_groups(net, net, OPTIM)
    assert [group["lr"] for group in groups] == [0.1, 0.1, 0.05, 0.05]
    assert sum(len(group["params"]) for group in groups) == len(list(net.parameters()))


def test_parameters_with_equal_options_are_one_group() -> None:
    net = nn.Sequential(nn.Linear(2, 2), Grouped(weight_decay=0.0))
    assert [len(group["params"]) for group in collect_optimizer_groups(net, net, OPTIM)] == [1, 3]


def test_groups_are_looked_for_in_the_body_only() -> None:
    net = nn.ModuleDict({"body": nn.Linear(2, 2), "other": Grouped(lr=0.7)})
    assert {lr for lr, _ in options_by_name(net, net["body"]).values()} == {0.1}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"lr_scal": 0.5}, r"the key 'lr_scal' in a group of Grouped.parameter_groups is unknown. Did you mean"),
        ({"betas": (0.9, 0.99)}, r"the key 'betas' in a group .* is unknown"),
        ({"lr": 0.1, "lr_scale": 0.5}, "both lr, which replaces the rate of the card, and lr_scale"),
        ({"lr": 0.1, "lr_max": 0.5}, "both lr, which replaces the rate of the card, and lr_max"),
        ({"lr_scale": -1.0}, "lr_scale in a group .* must be a number from 0 on, got -1.0"),
        ({"weight_decay": None}, "weight_decay in a group .* must be a number from 0 on, got None"),
        ({"lr": float("nan")}, "lr in a group .* must be a number from 0 on, got nan"),
        ({"lr": True}, "lr in a group .* must be a number from 0 on, got True"),
        ({"params": None}, "a group has no list params"),
        ({"params": [torch.zeros(2)]}, "holds something that is not a parameter, Tensor"),
        ({"params": [nn.Parameter(torch.zeros(2))]}, "not one of the module's own"),
    ],
)
def test_a_group_that_cannot_be_used_is_refused(options: Any, sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        collect_optimizer_groups(Grouped(**options), Grouped(**options), OPTIM)


def test_groups_of_another_form_are_refused() -> None:
    net = Grouped()
    vars(net)["parameter_groups"] = lambda: "all"
    with pytest.raises(SeqbenchError, match=r"expected Grouped\.parameter_groups to return a list"):
        checked_groups(net)


def test_a_parameter_in_two_groups_is_refused() -> None:
    inner = Grouped()
    vars(inner)["parameter_groups"] = lambda: [{"params": [inner.linear.bias]}] * 2
    with pytest.raises(SeqbenchError, match="a parameter is in two groups, or twice in one"):
        checked_groups(inner)


def test_a_parameter_in_the_groups_of_two_modules_is_refused() -> None:
    inner = Grouped()
    outer = nn.Sequential(inner)
    vars(outer)["parameter_groups"] = inner.parameter_groups
    with pytest.raises(SeqbenchError, match="also in a group of a module around it"):
        collect_optimizer_groups(outer, outer, OPTIM)


def test_the_description_names_decay_and_other_rates() -> None:
    net = nn.Sequential(nn.Linear(2, 3), Grouped(lr_scale=0.5, weight_decay=0.0))
    text = describe_groups(net, net, OPTIM)
    assert text == "weight decay on 6 of 15 parameters; rate 0.05 instead of 0.1 for 6"


@pytest.mark.parametrize("arch", BUILT_IN)
def test_built_in_backbones_name_what_looks_like_a_matrix_and_must_not_decay(arch: str) -> None:
    backbone = registry.find_entry(registry.ARCHITECTURES, arch).load()
    net: Any = backbone(d_model=8)  # Any class of a backbone.
    options = options_by_name(net)
    assert not any(weight_decay for name, (_, weight_decay) in options.items() if net.get_parameter(name).ndim < 2)
    spared = {name for name, (_, weight_decay) in options.items() if not weight_decay}
    names = {name.split(".", 2)[-1] for name in spared if net.get_parameter(name).ndim > 1}
    assert names == SPARED.get(arch, set())


@pytest.mark.parametrize("arch", ["lru", "s4d"])
def test_the_recurrence_of_a_state_space_is_trained_at_half_the_rate_or_at_most_at_one_thousandth(arch: str) -> None:
    module = seqbench.build(arch, "parity", tier="smoke", optim={"lr": 0.01})
    groups = collect_optimizer_groups(module, module.body, module.optim)
    assert {group["lr"] for group in groups} == {0.01, {"lru": 0.005, "s4d": 0.001}[arch]}


def test_the_groups_of_the_contract_and_of_the_blocks_have_the_same_keys() -> None:
    assert list(backbones.ParameterGroup.__annotations__) == list(blocks.ParameterGroup.__annotations__)
