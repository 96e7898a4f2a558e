"""Objectives: the head, the loss, the metrics and the predictions, one class for each kind of output."""

from __future__ import annotations

from seqbench.models.objectives.base import Objective, RatioMetrics, ScoredBatch
from seqbench.models.objectives.sequence_class import SequenceClassObjective
from seqbench.models.objectives.step_classes import StepClassesObjective
from seqbench.models.objectives.step_labels import StepLabelsObjective
from seqbench.models.objectives.token_sequence import TokenSequenceObjective
from seqbench.models.objectives.values import ValuesObjective
from seqbench.protocol.specs import (
    SequenceClass,
    SequenceSpec,
    SequenceValue,
    StepClasses,
    StepLabels,
    StepValues,
    TokenSequence,
)


def build_objective(spec: SequenceSpec, d_model: int) -> Objective:
    """Return the objective for the kind of output of a spec.

    Args:
        spec: input and output of the task.
        d_model: width of the hidden vectors that the head maps.

    >>> from seqbench.protocol.specs import Tokens
    >>> objective = build_objective(SequenceSpec(Tokens(4), StepClasses(4), max_length=9), d_model=8)
    >>> type(objective).__name__, sorted(objective.metric_sizes)
    ('StepClassesObjective', ['accuracy', 'loss'])
    """
    output = spec.output
    match output:
        case SequenceClass():
            return SequenceClassObjective(output, d_model)
        case StepClasses():
            return StepClassesObjective(output, d_model)
        case StepLabels():
            return StepLabelsObjective(output, d_model)
        case SequenceValue() | StepValues():
            return ValuesObjective(output, d_model)
        case TokenSequence():
            return TokenSequenceObjective(output, d_model)


__all__ = ["Objective", "RatioMetrics", "ScoredBatch", "build_objective"]
