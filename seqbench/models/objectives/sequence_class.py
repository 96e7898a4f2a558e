"""One class for a whole sequence: cross-entropy, accuracy and macro-F1.

Where every step answers (``reads: every``), the loss is the lectures' divergence, the sum over steps of
weight times cross-entropy against the sequence's class; ``Batch.scored`` says which step is scored.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor

from seqbench.models.objectives.base import Objective, Parts, mean_of, scored
from seqbench.models.objectives.step_classes import cross_entropy
from seqbench.protocol.specs import Batch, SequenceClass


class SequenceClassObjective(Objective):
    """Head, loss and metrics for ``SequenceClass``.

    - ``accuracy``: share of the sequences whose most likely class is theirs;
    - ``macro_f1``: F1 of each class, averaged over the classes that occur or are predicted;
    - ``loss``: cross-entropy, nats.

    Args:
        output: the kind of target.
        d_model: width of the hidden vectors.
    """

    def __init__(self, output: SequenceClass, d_model: int) -> None:
        super().__init__(output, d_model, output.classes)

    @property
    def metrics(self) -> Mapping[str, int]:
        """All three."""
        return {"accuracy": 1, "macro_f1": self.output.classes, "loss": 1}

    def losses(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy of each hidden vector against its sequence's class, nats."""
        return cross_entropy(self.head(hidden), batch.targets.expand(hidden.shape[:2]))

    def parts(self, hidden: Tensor, batch: Batch) -> Parts:
        """Means over the sequences; for F1 the true and false of each class."""
        logits, weights = self.head(hidden), scored(batch)
        targets = batch.targets.expand(hidden.shape[:2])
        chosen = logits.argmax(-1)
        said, true = (F.one_hot(ids, self.output.classes) * weights[..., None] for ids in (chosen, targets))
        hit = (said * (chosen == targets)[..., None]).sum((0, 1))
        return {
            "accuracy": mean_of(chosen == targets, weights),
            "macro_f1": (2 * hit, said.sum((0, 1)) + true.sum((0, 1))),
            "loss": mean_of(cross_entropy(logits, targets), weights),
        }

    def emit(self, hidden: Tensor) -> Tensor:
        """Log-probabilities of the classes."""
        return F.log_softmax(self.head(hidden).float(), dim=-1)
