"""The optimiser and the learning-rate schedule of a task's card."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from seqbench.models.parameter_groups import OptimizerGroup
from seqbench.protocol.cards import Optim

FINAL_SHARE = 0.01
"""Share of the peak learning rate at which the cosine schedule ends."""


def build_optimizer(groups: Sequence[OptimizerGroup], optim: Optim, fused: bool) -> torch.optim.Optimizer:
    """Return the optimiser of a card.

    Args:
        groups: the parameters with their learning rates and weight decays.
        optim: the optimiser's name and options.
        fused: whether to use PyTorch's fused implementation, if there is one.

    Raises:
        ValueError: the optimiser is unknown.
    """
    parameters = [dict(group) for group in groups]
    match optim.optimizer:
        case "adam":
            return torch.optim.Adam(parameters, optim.lr, betas=optim.betas, fused=fused)
        case "adamw":
            return torch.optim.AdamW(parameters, optim.lr, betas=optim.betas, fused=fused)
        case "rmsprop":
            return torch.optim.RMSprop(parameters, optim.lr, momentum=optim.momentum)
        case "sgd":
            return torch.optim.SGD(parameters, optim.lr, momentum=optim.momentum, fused=fused)
        case _:
            raise ValueError(f"unknown optimizer '{optim.optimizer}'; expected adam, adamw, rmsprop or sgd")


def learning_rate_schedule(optim: Optim) -> Callable[[int], float]:
    """Return a function from the training step to the share of the highest learning rate, which holds for each group.

    The rate rises linearly over the warm-up. Afterwards it is constant, or falls by half a cosine to one per cent. The
    schedule ``plateau`` depends on scores; see ``models.plateau``.

    >>> optim = Optim(steps=100, batch_size=1, validate_every=1, lr=0.1, schedule="cosine", warmup=10)
    >>> share = learning_rate_schedule(optim)
    >>> [round(share(step), 3) for step in (0, 9, 55, 100)]
    [0.1, 1.0, 0.505, 0.01]
    """

    def share(step: int) -> float:
        if step < optim.warmup:
            return (step + 1) / optim.warmup
        if optim.schedule == "constant":
            return 1.0
        progress = min(1.0, (step - optim.warmup) / max(1, optim.steps - optim.warmup))
        return FINAL_SHARE + (1 - FINAL_SHARE) * 0.5 * (1 + math.cos(math.pi * progress))

    return share
