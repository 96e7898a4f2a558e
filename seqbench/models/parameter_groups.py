"""The learning rate and the weight decay of each parameter.

A backbone's ``parameter_groups()`` may set both for some of its parameters. Otherwise parameters have the rate of the
task's card, and its weight decay applies to matrices alone: tensors with two or more axes that are no embedding. So it
does not apply to biases, norms and gains, and not to the table of an embedding, also if a head shares it. Kernels of
convolutions and stacks of matrices, such as one for each head, count as matrices, as in the training code of GPT-2 and
vision transformers. Under weight normalisation the gain of a kernel, ``(out, 1, 1)``, counts as well, because it is the
norm of that kernel. A stack of vectors looks like a matrix, so a backbone with one names it in ``parameter_groups``, or
marks it by an attribute ``_no_weight_decay`` that is True, as the libraries mamba-ssm, transformers and
flash-linear-attention do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypedDict, cast

from torch import nn

from seqbench.protocol.backbones import GroupsParameters, ParameterGroup
from seqbench.protocol.cards import Optim
from seqbench.utils.errors import SeqbenchError, did_you_mean
from seqbench.utils.number_format import counted
from seqbench.utils.plain_data import short_repr

KEYS = tuple(ParameterGroup.__annotations__)
"""Keys that a group may have."""


class OptimizerGroup(TypedDict):
    """Parameters with one learning rate and one weight decay, as PyTorch's optimisers take them."""

    params: list[nn.Parameter]
    lr: float
    weight_decay: float


def collect_optimizer_groups(module: nn.Module, body: nn.Module, optim: Optim) -> list[OptimizerGroup]:
    """Return the parameters of a module by learning rate and weight decay; groups with the card's rate come first.

    Args:
        module: the module whose parameters are optimised.
        body: the part of the module in which backbones with ``parameter_groups`` are searched for.
        optim: optimisation of the card.

    Raises:
        SeqbenchError: a group of a backbone cannot be used.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    >>> optim = Optim(steps=1, batch_size=1, validate_every=1, lr=0.1, weight_decay=0.01)
    >>> [(len(group["params"]), group["weight_decay"]) for group in collect_optimizer_groups(net, net, optim)]
    [(2, 0.01), (2, 0.0)]
    """
    chosen = _chosen_options(body)
    tables = {id(part.weight) for part in module.modules() if isinstance(part, nn.Embedding | nn.EmbeddingBag)}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter in module.parameters():
        options = chosen.get(id(parameter), ParameterGroup())
        is_marked = getattr(parameter, "_no_weight_decay", False)
        decays = parameter.ndim > 1 and id(parameter) not in tables and not is_marked
        weight_decay = options.get("weight_decay", optim.weight_decay if decays else 0.0)
        groups.setdefault((learning_rate(options, optim.lr), weight_decay), []).append(parameter)
    collected = [OptimizerGroup(params=params, lr=lr, weight_decay=decay) for (lr, decay), params in groups.items()]
    return sorted(collected, key=lambda group: group["lr"] != optim.lr)


def learning_rate(group: ParameterGroup, base: float) -> float:
    """Return the highest learning rate of a group.

    Args:
        group: options of the group.
        base: learning rate of the card.

    >>> learning_rate({"lr_scale": 0.5}, 0.002), learning_rate({"lr_max": 0.001}, 0.002), learning_rate({}, 0.002)
    (0.001, 0.001, 0.002)
    """
    if "lr" in group:
        return float(group["lr"])
    return min(base * group.get("lr_scale", 1.0), group.get("lr_max", math.inf))


def checked_groups(part: nn.Module) -> list[ParameterGroup]:
    """Return the groups of a module that has ``parameter_groups``; none for another module.

    Raises:
        SeqbenchError: a group has an unknown key or a value that cannot be used.
    """
    if not isinstance(part, GroupsParameters):
        return []
    name, groups = f"{type(part).__name__}.parameter_groups", cast("object", part.parameter_groups())
    if not isinstance(groups, list) or not all(isinstance(group, Mapping) for group in groups):
        raise SeqbenchError(
            f'expected {name} to return a list of {{"params": [...], option: value}}, got {short_repr(groups)}.'
        )
    for group in groups:
        _check_keys(group, name)
        _check_parameters(group["params"], part, name)
    _check_once([p for group in groups for p in group["params"]], name)
    return groups


def describe_groups(module: nn.Module, body: nn.Module, optim: Optim) -> str:
    """Return in words how many numbers have weight decay, and how many have another learning rate than the card's.

    Args:
        module: the module whose parameters are optimised.
        body: the part of the module in which backbones with ``parameter_groups`` are searched for.
        optim: optimisation of the card.

    Raises:
        SeqbenchError: a group of a backbone cannot be used.

    >>> net = nn.Linear(2, 3)
    >>> optim = Optim(steps=1, batch_size=1, validate_every=1, lr=0.1, weight_decay=0.01)
    >>> describe_groups(net, net, optim)
    'weight decay on 6 of 9 parameters'
    """
    groups = collect_optimizer_groups(module, body, optim)
    sizes = [sum(p.numel() for p in group["params"]) for group in groups]
    decayed = sum(size for size, group in zip(sizes, groups, strict=True) if group["weight_decay"])
    parts = [f"weight decay on {decayed:,} of {counted(sum(sizes), 'parameter')}"]
    parts += [
        f"rate {group['lr']:g} instead of {optim.lr:g} for {size:,}"
        for size, group in zip(sizes, groups, strict=True)
        if group["lr"] != optim.lr
    ]
    return "; ".join(parts)


def _chosen_options(body: nn.Module) -> dict[int, ParameterGroup]:
    """Return the options of the parameters of all groups in a body, by the parameter's ``id``."""
    chosen: dict[int, ParameterGroup] = {}
    for part in body.modules():
        for group in checked_groups(part):
            for parameter in group["params"]:
                if id(parameter) in chosen:
                    raise SeqbenchError(
                        f"a parameter of {type(part).__name__} is also in a group of a module around it; let one of "
                        f"the two modules name it in parameter_groups."
                    )
                chosen[id(parameter)] = group
    return chosen


def _check_keys(group: Mapping[str, object], name: str) -> None:
    """Require known keys, ``lr`` without the keys that scale the card's rate, and numbers from 0 on."""
    for key, value in group.items():
        if key not in KEYS:
            raise SeqbenchError(f"the key {short_repr(key)} in a group of {name} is unknown.{did_you_mean(key, KEYS)}")
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
        if key != "params" and not is_number:
            raise SeqbenchError(f"{key} in a group of {name} must be a number from 0 on, got {short_repr(value)}.")
    relative = [key for key in ("lr_scale", "lr_max") if key in group]
    if "lr" in group and relative:
        raise SeqbenchError(
            f"a group of {name} has both lr, which replaces the rate of the card, and {relative[0]}, which changes it; "
            f"leave one out."
        )
    if not isinstance(group.get("params"), list):
        raise SeqbenchError(
            f'expected {name} to return a list of {{"params": [...], option: value}}, but a group has no list params.'
        )


def _check_parameters(parameters: list[object], part: nn.Module, name: str) -> None:
    """Require parameters of the module."""
    own = {id(p) for p in part.parameters()}
    for parameter in parameters:
        if not isinstance(parameter, nn.Parameter):
            raise SeqbenchError(
                f"a group of {name} holds something that is not a parameter, {type(parameter).__name__}; list "
                f"parameters of the module."
            )
        if id(parameter) not in own:
            raise SeqbenchError(
                f"a group of {name} holds a parameter that is not one of the module's own; list parameters of the "
                f"module."
            )


def _check_once(parameters: list[nn.Parameter], name: str) -> None:
    """Require that no parameter is listed twice."""
    if len({id(p) for p in parameters}) < len(parameters):
        raise SeqbenchError(f"in {name}, a parameter is in two groups, or twice in one; name it once.")
