"""Check of the start of a run: its initial weights, its first batch and its first losses are those of its seed."""

from __future__ import annotations

from seqbench.models.weights import batch_digest
from seqbench.protocol import registry
from seqbench.protocol.differences import compare_values
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted
from seqbench.verification import environment, training_process
from seqbench.verification.record_subject import SkippedError, Subject
from seqbench.verification.training_process import Start

TOLERANCE, ROUGH_TOLERANCE = 1e-4, 1e-2
"""Largest accepted difference of the first losses on other hardware or software, relative to their size or to 1: on
processors in 32 bits, and otherwise. The rounding of some dozen steps is smaller; the losses of another seed differ
by more."""


def check_start(subject: Subject) -> str:
    """Compute the start of the run again from its seed, and compare it with the record.

    The first batch follows from the seed on every machine. The digest of the initial weights must be equal on equal
    hardware and software; elsewhere the last bit of a weight may differ, and the first losses must agree.

    A plug-in that only the process of its net may import is not trained: it would run in a process with targets. That
    process then states the digest of the initial weights.
    """
    config, data = subject.rebuilt
    differences = environment.list_differences(subject.record, config, subject.threads)
    # The batch is drawn here, because the other process trains the net and could state any digest.
    first_batch = batch_digest(data.stream("train", 0))
    entries = [entry for entry in (config.arch_entry, config.encoder_entry) if entry is not None]
    if any(registry.is_apart(entry.distribution) for entry in entries):
        stated = subject.describe_net().initial_digest
        start = Start(initial_weights=stated, first_batch=first_batch, step=None, loss=None)
        text = compare_start(subject, start, differences)
        return f"{text}; the weights by the word of the plug-in, whose code is not trained beside targets"
    start = training_process.repeat_start(subject).with_values(first_batch=first_batch)
    return compare_start(subject, start, differences)


def compare_start(subject: Subject, start: Start, differences: list[str]) -> str:
    """Compare the recorded start of a run with the start that was computed again, and return the result in words.

    Args:
        subject: the record under verification.
        start: the start that was computed again.
        differences: how this machine and its software differ from those of the record.

    Raises:
        SeqbenchError: the record's start is not that of its seed.
        SkippedError: the record holds nothing to compare.
    """
    recorded, seed, equal = subject.record.config, subject.record.config.seed, []
    note = environment.describe_environment(differences)
    if recorded.first_batch:
        if recorded.first_batch != start.first_batch:
            raise SeqbenchError(f"its first training batch is not that of seed {seed}: another seed or other data")
        equal.append("first batch")
    if recorded.initial_weights:
        if recorded.initial_weights == start.initial_weights:
            equal.append("initial weights")
        elif not differences:
            raise SeqbenchError(f"its initial weights are not those of seed {seed}{note}")
    losses = _compare_losses(subject, start, differences)
    if not equal and not losses:
        raise SkippedError("it records neither digests of its start nor a loss, as that of a run that ended at once")
    parts = ([f"{' and '.join(equal)} as recorded"] if equal else []) + ([losses] if losses else [])
    rounding = recorded.initial_weights and "initial weights" not in equal
    parts += [f"the digest of the initial weights differs{note}"] if rounding else []
    return f"computed again from seed {seed}: {', '.join(parts)}"


def _compare_losses(subject: Subject, start: Start, differences: list[str]) -> str:
    """Compare the first point of the training curve, and return the agreement; empty if the record has no curve.

    Raises:
        SeqbenchError: it differs by more than rounding.
    """
    curve = subject.record.results.curves.train
    if not curve.get("step") or start.step is None:
        return ""
    precise = subject.record.config.options.trainer.precision in ("32-true", "64-true")
    graphics = subject.record.measured.processor is not None and subject.record.measured.processor.graphics
    loose = TOLERANCE if precise and not graphics else ROUGH_TOLERANCE
    tolerance = max(subject.tolerance, loose) if differences else subject.tolerance
    compare_values(curve["step"][0], start.step, 0, "curves.train.step[0]")
    agreement = compare_values(curve["loss"][0], start.loss, tolerance, "curves.train.loss[0], trained again,")
    return f"mean loss of the first {counted(start.step, 'step')} {agreement}"
