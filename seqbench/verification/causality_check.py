"""Check of the backbone of a record: its outputs depend on no later input, as it declares."""

from __future__ import annotations

from seqbench.models import build
from seqbench.models.contract import module_probe
from seqbench.verification.record_subject import Subject


def check_causality(subject: Subject) -> str:
    """Probe the module with the weights of its checkpoint, or with its initial weights where there is none."""
    config, _ = subject.rebuilt
    reloaded = subject.reloaded
    module = build.build_module(config) if reloaded is None else reloaded.module
    result = module_probe.probe_module(module, trained=reloaded is not None)
    weights = "initial weights" if reloaded is None else "the weights that were scored"
    if result is None or result.looks_ahead:
        return f"probed with {weights}: the architecture looks ahead, which the task allows"
    return f"probed with {weights}: no output depends on later inputs (largest change {result.largest_change:.2g})"
