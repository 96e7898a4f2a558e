"""Objectives, one per kind of target: the head, the loss, the metrics, and what is emitted."""

from __future__ import annotations

from seqbench.objectives.step_classes import StepClassesObjective
from seqbench.specs import SequenceSpec, StepClasses

_OBJECTIVES: dict[type, type[StepClassesObjective]] = {StepClasses: StepClassesObjective}


def make(spec: SequenceSpec, d_model: int) -> StepClassesObjective:
    """The objective for a spec's kind of output, with a head of width ``d_model``."""
    return _OBJECTIVES[type(spec.output)](spec.output, d_model)


__all__ = ["StepClassesObjective", "make"]
