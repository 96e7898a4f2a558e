"""One class at every step: a linear head, cross-entropy, and metrics read where the answer is."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from seqbench.models.objectives.base import Objective, Parts, mean_of, scored
from seqbench.protocol.specs import Batch, StepClasses

KNOWN = ("accuracy", "loss", "bits_per_character", "loss_all_positions")


class StepClassesObjective(Objective):
    """Head, loss and metrics for ``StepClasses``.

    - ``accuracy``: share of the scored steps whose most likely class is the target;
    - ``loss``: cross-entropy over the scored steps, nats;
    - ``bits_per_character``: the same, bits;
    - ``loss_all_positions``: cross-entropy over all steps but padding, nats, as some papers publish it.

    Args:
        output: the kind of target and the metrics to report.
        d_model: width of the hidden vectors.

    Raises:
        ValueError: a metric is not among these.
    """

    def __init__(self, output: StepClasses, d_model: int) -> None:
        super().__init__(output, d_model, output.classes)
        unknown = set(output.metrics) - set(KNOWN)
        if unknown:
            raise ValueError(f"StepClasses has no metrics {sorted(unknown)}; it knows {sorted(KNOWN)}")

    @property
    def metrics(self) -> Mapping[str, int]:
        """Those that the task asks for."""
        return dict.fromkeys(self.output.metrics, 1)

    def losses(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy of each step, nats."""
        return cross_entropy(self.head(hidden), batch.targets)

    def parts(self, hidden: Tensor, batch: Batch) -> Parts:
        """Means over the scored steps, or over all."""
        logits, weights, every = self.head(hidden), scored(batch), batch.valid().double()
        losses = cross_entropy(logits, batch.targets)
        right = logits.argmax(-1) == batch.targets
        return {
            "accuracy": mean_of(right, weights),
            "loss": mean_of(losses, weights),
            "bits_per_character": mean_of(losses.double() / math.log(2), weights),
            "loss_all_positions": mean_of(losses, every),
        }

    def emit(self, hidden: Tensor) -> Tensor:
        """Log-probabilities of the classes."""
        return F.log_softmax(self.head(hidden).float(), dim=-1)

    def answer(self, hidden: Tensor) -> Tensor:
        """The likeliest class, ``(batch, time)``."""
        return self.head(hidden).argmax(-1)

    def draw(
        self, emitted: Tensor, generator: torch.Generator, temperature: float, forbidden: tuple[int, ...]
    ) -> Tensor:
        """Draw a class as the next token, ``(batch, 1)``."""
        scores = emitted.clone()
        scores[:, list(forbidden)] = -torch.inf
        if temperature == 0:
            return scores.argmax(-1, keepdim=True)
        return torch.multinomial(torch.softmax(scores / temperature, dim=-1), 1, generator=generator)


def cross_entropy(logits: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of each target, ``(batch, out_time)``, in float32 whatever the precision of the run."""
    flat = logits.flatten(0, 1).float()
    return F.cross_entropy(flat, targets.flatten(), reduction="none", label_smoothing=smoothing).view_as(targets)
