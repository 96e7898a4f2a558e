"""Any number of labels at every step (a piano roll): independent logistic outputs."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from seqbench.models.objectives.base import Objective, Parts, mean_of, scored
from seqbench.protocol.specs import Batch, StepLabels


class StepLabelsObjective(Objective):
    """Head, loss and metrics for ``StepLabels``.

    - ``nll_per_frame``: binary cross-entropy summed over the labels, mean over the scored steps, nats
      (Boulanger-Lewandowski et al. 2012; Bai et al. 2018);
    - ``frame_accuracy``: true positives over true and false positives and false negatives, each summed over
      the scored steps (Bay, Ehmann & Downie 2009), a label said where its probability passes one half.

    The head's bias starts where it predicts ``output.rates``, if they are given.

    Args:
        output: the kind of target.
        d_model: width of the hidden vectors.
    """

    def __init__(self, output: StepLabels, d_model: int) -> None:
        super().__init__(output, d_model, output.labels)
        if output.rates:
            # Rare labels would else cost the first thousand steps: at even odds, 88 keys start at 61 nats.
            with torch.no_grad():
                self.head.bias.copy_(torch.logit(torch.tensor(output.rates), eps=1e-4))

    @property
    def metrics(self) -> Mapping[str, int]:
        """Both."""
        return {"nll_per_frame": 1, "frame_accuracy": 1}

    def losses(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Binary cross-entropy of each step, summed over the labels, nats."""
        return _losses(self.head(hidden), batch.targets)

    def parts(self, hidden: Tensor, batch: Batch) -> Parts:
        """A mean over steps, and true positives over the union of said and true."""
        logits, weights = self.head(hidden), scored(batch)
        said, true = logits > 0, batch.targets > 0.5
        both, either = ((said & true).sum(-1), (said | true).sum(-1))
        return {
            "nll_per_frame": mean_of(_losses(logits, batch.targets), weights),
            "frame_accuracy": ((both * weights).sum(), (either * weights).sum()),
        }

    def emit(self, hidden: Tensor) -> Tensor:
        """Log-odds of each label."""
        return self.head(hidden).float()

    def answer(self, hidden: Tensor) -> Tensor:
        """The labels above one half, ``(batch, time, labels)`` of 0 and 1."""
        return (self.head(hidden) > 0).float()

    def draw(
        self, emitted: Tensor, generator: torch.Generator, temperature: float, forbidden: tuple[int, ...]
    ) -> Tensor:
        """Draw each label by itself; the next features, ``(batch, 1, labels)`` of 0 and 1."""
        if temperature == 0:
            drawn = (emitted > 0).float()
        else:
            drawn = torch.bernoulli(torch.sigmoid(emitted / temperature), generator=generator)
        drawn[:, list(forbidden)] = 0
        return drawn[:, None]


def _losses(logits: Tensor, targets: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits.float(), targets.float(), reduction="none").sum(-1)
