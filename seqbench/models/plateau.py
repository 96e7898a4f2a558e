"""The schedule ``plateau``: a tenth of the learning rate at each validation that is worse than the three before it.

It is the rule of the code of Bai, Kolter & Koltun 2018 (arXiv 1803.01271), which trains on music and on characters.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch.optim.lr_scheduler import LRScheduler

from seqbench.protocol.cards import Optim

REMEMBERED = 3
"""Number of earlier validations with which a score is compared."""

FACTOR = 0.1
"""Factor of the rate at a plateau."""


class PlateauLR(LRScheduler):
    """Divide the rate by 10 when a validation is worse than each of the three before it.

    The rate rises linearly over the warm-up and then stays, until ``observe`` lowers it. All attributes are plain
    numbers and lists, so that the state of a checkpoint restores the rate exactly.

    Args:
        optimizer: the optimiser.
        optim: the card's optimisation, for ``warmup`` and ``hold``.
        direction: ``max`` if higher scores are better, ``min`` if lower scores are better.

    Attributes:
        observed: number of validations so far.
        recent: scores of the last three validations; higher is worse.
        drops: how often the rate was divided.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, optim: Optim, direction: Literal["max", "min"]) -> None:
        self.warmup, self.hold = optim.warmup, optim.hold
        self.sign = 1.0 if direction == "min" else -1.0
        self.observed, self.drops = 0, 0
        self.recent: list[float] = []
        super().__init__(optimizer)

    def get_lr(self) -> list[float | torch.Tensor]:
        """Return the rate of each parameter group at the present step."""
        rise = min(1.0, (self.last_epoch + 1) / self.warmup) if self.warmup else 1.0
        return [rate * rise * FACTOR**self.drops for rate in self.base_lrs]

    def observe(self, score: float | None) -> None:
        """Compare a validation with the three before it, and lower the rate at once if it is worse than each of them.

        Args:
            score: the score of the card's metric; None if it is undefined, which is not compared.
        """
        self.observed += 1
        if score is None:
            return
        cost = self.sign * score
        if self.observed > self.hold and self.recent and cost > max(self.recent):
            self.drops += 1
            rates = self.get_lr()
            for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
                group["lr"] = rate
            self._last_lr = rates
        self.recent = [*self.recent, cost][-REMEMBERED:]
