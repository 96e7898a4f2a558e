"""Checks of a record against its card, its configuration and its task, which need no checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from torch import Tensor

from seqbench.datamodules import loading
from seqbench.protocol import cards, registry
from seqbench.protocol.config import RunConfig
from seqbench.protocol.differences import compare_values
from seqbench.protocol.identity import source_changes
from seqbench.protocol.limits.possible_values import require_possible_values
from seqbench.protocol.record_fields import CardDescription, RunDescription
from seqbench.protocol.search.recorded_search import find_fault
from seqbench.protocol.splits import SCORED_SPLITS
from seqbench.running import parameter_matching, provenance, reload, run_config, scoring
from seqbench.running.run_request import RunRequest
from seqbench.utils.errors import NotAtHand, SeqbenchError
from seqbench.utils.number_format import counted
from seqbench.utils.plain_data import short_repr
from seqbench.verification.blind.net_description import NetDescription
from seqbench.verification.divergence import require_consistent_divergence
from seqbench.verification.record_subject import (
    EXACT,
    NOT_REBUILT,
    SkippedError,
    Subject,
    require_trust,
    weaker_agreement,
)

SCORE_FIELDS = ("metrics", "baselines", "lengths")
"""Fields of ``results`` that must be empty in the record of a diverged run."""


def check_record(subject: Subject) -> str:
    """Check that the record was not edited, that its values are possible, and that it has scores on both splits."""
    record = subject.record
    if not record.intact():
        raise SeqbenchError("its checksum does not match its contents: it was edited after it was written")
    require_possible_values(record)
    if record.status == "diverged":
        if fields := [key for key in SCORE_FIELDS if key in record.results.model_fields_set]:
            raise SeqbenchError(f"the run diverged and cannot have scores, but the record holds {', '.join(fields)}")
        require_consistent_divergence(record)
        return f"intact; the run diverged: {record.results.reason}"
    if record.status != "ok":
        raise SeqbenchError(f"the run ended as {record.status}, not with a result; resume it, or repeat it")
    for split in SCORED_SPLITS:
        if record.config.card.metric not in record.results.metrics[split]:
            raise SeqbenchError(f"it ended ok and has no {short_repr(record.config.card.metric)} on {split}")
    return "intact, with scores on validation and test"


def check_card(subject: Subject) -> str:
    """Check that the recorded card equals the installed one."""
    config = subject.record.config
    recorded, architectures = (
        config.card,
        [one.name for one in (config.architecture, config.encoder) if one is not None],
    )
    _require_task(recorded.name, recorded)
    card = cards.load_card(recorded.name)
    if recorded.version != card.version:
        raise SeqbenchError(
            f"it has version {short_repr(recorded.version)} of the card '{card.name}', but version {card.version} is "
            f"installed; verify it with a seqbench that has this version"
        )
    installed = {
        "name": card.name,
        "digest": card.digest(recorded.tier, architectures),
        "metric": card.metric.name,
        "direction": card.metric.direction,
        "selection": card.metric.selection,
    }
    compare_values({key: getattr(recorded, key) for key in installed}, installed, 0, "config.card")
    return f"{card.name}, version {card.version}, tier {recorded.tier}: as installed"


def check_configuration(subject: Subject) -> str:
    """Rebuild the configuration from the recorded options, and check its digest, data and architecture.

    The architecture is imported by the process of the net alone, which states its options and sources.
    """
    recorded = subject.record.config
    require_trust(subject.record, subject.trust)
    _require_task(recorded.options.task.get("name"), recorded.card)
    for options, architecture in (
        (recorded.options.arch, recorded.architecture),
        (recorded.options.encoder, recorded.encoder),
    ):
        if architecture is not None:
            name = (options or {}).get("name")
            registry.require_distribution(registry.ARCHITECTURES, name, architecture.distribution, architecture.version)
    try:
        config = run_config.resolve_config(requested_run(subject), imports_architectures=False)
        if subject.task_options:
            _require_recorded_data(recorded, config)
        net = subject.describe_net()
        source_changes.require_recorded_files(recorded.sources, net.class_files)
        # An earlier seqbench recorded no sources, and its digest covers none.
        recorded_files = {name: files for name, files in net.class_files.items() if name in recorded.sources}
        config = dataclasses.replace(config, class_files=recorded_files, tuning=recorded.tuning)
        subject.config, subject.data = config, loading.build_datamodule(config, net.streaming)
    except NotAtHand as error:
        raise SkippedError(NOT_REBUILT.format(error)) from error
    for group, options in (("arch", recorded.options.arch), ("encoder", recorded.options.encoder or {})):
        given = {key: value for key, value in options.items() if key != "name"}
        # An option that is newer than the record has its default.
        built = {key: value for key, value in net.options.get(group, {}).items() if key in given}
        compare_values(given, built, 0, f"config.options.{group}")
    compare_values(list(recorded.own_training), net.own_training or [], 0, "config.own_training")
    compare_values(recorded.digest, _digest_of_recorded(recorded, config), 0, "the digest of its options")
    if recorded.tuning and (fault := find_fault(recorded.tuning, config.card.metric.direction)):
        raise SeqbenchError(f"config.tuning contradicts itself: {fault}")
    compare_values(recorded.modified, config.modified(), 0, "config.modified")
    compare_values(recorded.seed, config.seed, 0, "config.seed")
    recorded_sums, present_sums = (reload.checksums_by_part(sums) for sums in (recorded.data, config.checksums))
    compare_values(recorded_sums, present_sums, 0, "config.data")
    versions = _compare_distributions(recorded, config)
    return (
        f"rebuilt from its options, with digest {config.digest()[:8]} and the recorded architecture and data{versions}"
    )


def _digest_of_recorded(recorded: RunDescription, config: RunConfig) -> str:
    """Return the digest of a configuration without the options of the task that are newer than the record."""
    options = {key: value for key, value in config.task_options.items() if key in recorded.options.task}
    return dataclasses.replace(config, task_options=options).digest()


def requested_run(subject: Subject) -> RunRequest:
    """Return the request that the recorded options describe, with the present place of the data."""
    options = subject.record.config.options
    task = {**options.task, **subject.task_options}
    requested: dict[str, object] = {**options.to_dict(), "task": task}
    return RunRequest.from_mapping(requested)


def check_size(subject: Subject) -> str:
    """Check the number of parameters, the size of the state, the operations, and the width for ``match_params``."""
    recorded, (_, data), net = subject.record.config, subject.rebuilt, subject.describe_net()
    compare_values(recorded.parameters, net.trainable, 0, "config.parameters")
    spec = recorded.spec.to_dict() if recorded.spec else None
    compare_values(spec, data.spec.to_dict(), subject.tolerance, "config.spec")
    for name in ("state_bytes", "flops_per_token"):
        compare_values(getattr(recorded, name), net.costs.get(name), subject.tolerance, f"config.{name}")
    if recorded.match_params is not None:
        _check_matched_width(recorded, net)
    stored = "" if subject.checkpoint is None else _compare_with_checkpoint(net, subject.checkpoint["state_dict"])
    return f"{counted(net.trainable, 'parameter')}, state and FLOPs as recorded{stored}"


def _compare_with_checkpoint(net: NetDescription, weights: Mapping[str, Tensor]) -> str:
    """Check that the checkpoint holds the parameters that the net states; return how many other numbers it holds.

    Raises:
        SeqbenchError: a parameter is missing or has another shape, or more parameters are trainable than there are.
    """
    for name, shape in net.parameters.items():
        if name not in weights or list(weights[name].shape) != shape:
            raise SeqbenchError(f"the checkpoint holds no parameter {short_repr(name)} of shape {shape}")
    if net.trainable > sum(net.sizes.values()):
        raise SeqbenchError(f"it has {counted(net.trainable, 'trainable parameter')} among {sum(net.sizes.values()):,}")
    # A parameter that two modules share has two names and one place in memory.
    own = {weights[name].data_ptr() for name in net.parameters}
    others = sum(value.numel() for value in weights.values() if value.data_ptr() not in own)
    return f"; the checkpoint holds {others:,} more numbers, which are not trained" if others else ""


def check_chance_and_best(subject: Subject) -> str:
    """Compute the chance and best possible values, baselines and counts from the data; compare the recorded ones."""
    subject.require_scores()
    results, (_, data) = subject.record.results, subject.rebuilt
    agreement = EXACT
    for split in SCORED_SPLITS:
        scores = {name: {"chance": x.chance, "best": x.best} for name, x in results.metrics[split].items()}
        recorded = {"lines": scores, "baselines": results.baselines[split]}
        computed = {"lines": scoring.chance_and_best(data, split, scores), "baselines": data.baselines(split)}
        agreement = weaker_agreement(agreement, compare_values(recorded, computed, subject.tolerance, split))
    recorded_facts, facts = subject.record.config.data_facts, data.describe_data()
    compare_values(_without_texts(recorded_facts), _without_texts(facts), subject.tolerance, "config.data_facts")
    return f"chance and best possible values, baselines and counts, computed again from the data: {agreement}"


def _require_recorded_data(recorded: RunDescription, config: RunConfig) -> None:
    """Check that a folder that the user names holds the data of the run; other data say nothing about the record.

    Raises:
        SkippedError: it holds other data.
    """
    then, now = (reload.checksums_by_part(sums) for sums in (recorded.data, config.checksums))
    if then != now:
        parts = sorted({part for part, _ in then} - {part for part, sum_ in then if [part, sum_] in now})
        raise SkippedError(
            f"the files in --task.data_dir {config.task_options.get('data_dir')} are not those of the run (other "
            f"checksums of {', '.join(parts) or 'more files'}), so nothing can be compared with them"
        )


def _require_task(name: object, card: CardDescription) -> None:
    registry.require_distribution(registry.TASKS, name, card.distribution, card.distribution_version)


def _compare_distributions(recorded: RunDescription, config: RunConfig) -> str:
    """Compare card and architectures with the installed ones; return a sentence on different versions.

    The class of a registered architecture may be in another file, if the source of its distribution has changed.

    Raises:
        SeqbenchError: they differ in more than the version of a distribution.
    """
    then, now = recorded.to_dict(), provenance.describe_config(config)
    changed = [name for name in recorded.sources if _source_digest(then, name) != _source_digest(now, name)]
    note = ""
    for key, version in (("card", "distribution_version"), ("architecture", "version"), ("encoder", "version")):
        old, new = _as_dict(then.get(key)), _as_dict(now.get(key))
        old_version, new_version = old.pop(version, None), new.pop(version, None)
        if new.get("distribution") in changed and old.pop("class", None) != new.pop("class", None):
            note += f"; the class of the {key} has moved since"
        compare_values(old, new, 0, f"config.{key}")
        if old_version != new_version:
            recorded_version = short_repr(old_version)
            note += f"; recorded with the {key} of {new['distribution']} {recorded_version}, here {new_version}"
    return note + (f"; recorded with another source of {' and '.join(changed)}" if changed else "")


def _source_digest(description: Mapping[str, object], owner: str) -> object:
    return _as_dict(_as_dict(description.get("sources")).get(owner)).get("digest")


def _as_dict(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, Mapping) else {}


def _check_matched_width(recorded: RunDescription, net: NetDescription) -> None:
    """Check that the width of a model is exactly the width that parameter matching finds.

    Raises:
        SeqbenchError: the width is another one, or the number of parameters is too far from the target.
    """
    target, count = parameter_matching.parse_parameter_count(recorded.match_params), net.trainable
    tolerance = parameter_matching.TOLERANCE
    if recorded.size_match is not None:
        tolerance = parameter_matching.parse_tolerance(recorded.size_match.tolerance)
    if not abs(count - target) <= tolerance * target:
        raise SeqbenchError(f"it should match {counted(target, 'parameter')} but has {count:,}")
    width = recorded.options.arch.get("d_model")
    compare_values(width, net.matched_width, 0, f"d_model, to match {counted(target, 'parameter')},")


def _without_texts(facts: Mapping[str, object]) -> dict[str, object]:
    """Return the facts without texts: they hold versions of libraries, and names of files, which may be renamed."""
    return {name: value for name, value in facts.items() if not isinstance(value, str) and name != "reading"}
