"""Objectives, one per kind of target: the head, the loss, the metrics, and what is emitted."""

from __future__ import annotations

from typing import Any

from seqbench.models.objectives.base import Objective, Ratios
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

_OBJECTIVES: dict[type, Any] = {
    SequenceClass: SequenceClassObjective,
    SequenceValue: ValuesObjective,
    StepClasses: StepClassesObjective,
    StepLabels: StepLabelsObjective,
    StepValues: ValuesObjective,
    TokenSequence: TokenSequenceObjective,
}


def build_objective(spec: SequenceSpec, d_model: int) -> Objective:
    """The objective for a spec's kind of output, with a head of width ``d_model``."""
    objective: Objective = _OBJECTIVES[type(spec.output)](spec.output, d_model)
    return objective


__all__ = ["Objective", "Ratios", "make"]
