"""A record against its card, its configuration and its task: what needs no checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqbench.datamodules import loading
from seqbench.models import build
from seqbench.models.weights import count_parameters
from seqbench.protocol import cards, registry
from seqbench.protocol.config import RunConfig
from seqbench.protocol.differences import compare_values
from seqbench.protocol.record_sections import CardDescription, RunDescription
from seqbench.protocol.splits import SCORED_SPLITS
from seqbench.running import parameter_matching, provenance, reload, run_config, scoring
from seqbench.running.diagnostics import cost
from seqbench.running.run_request import RunRequest
from seqbench.utils import plain_data
from seqbench.utils.errors import NotAtHand, SeqbenchError
from seqbench.verification.record_subject import SkippedError, Subject, weaker

SCORES = ("metrics", "baselines", "lengths")
"""Of ``results``: what a run that diverged cannot have."""


def check_record(subject: Subject) -> str:
    """The record itself: intact, and with scores that are numbers."""
    record = subject.record
    if not record.intact():
        raise SeqbenchError("its checksum is not that of what it holds: it was edited after it was written")
    if record.status == "diverged":
        if held := [key for key in SCORES if key in record.results.model_fields_set]:
            raise SeqbenchError(f"the run diverged, and so has no scores, but it holds {', '.join(held)}")
        return f"intact; the run diverged: {record.results.reason}"
    if record.status != "ok":
        raise SeqbenchError(f"the run ended as {record.status}, not with a result; go on with it, or run it again")
    for split in SCORED_SPLITS:
        lines = record.results.metrics[split]
        for name in {record.config.card.metric, *lines}:
            if name not in lines:
                raise SeqbenchError(f"it ended ok and has no {plain_data.short_repr(name)} on {split}")
    return "intact, with scores of validation and test between their lines"


def check_card(subject: Subject) -> str:
    """Its card, as it is installed here."""
    recorded = subject.record.config.card
    _need_task(recorded.name, recorded)
    card = cards.load_card(recorded.name)
    if recorded.version != card.version:
        raise SeqbenchError(
            f"it is of version {plain_data.short_repr(recorded.version)} of '{card.name}', and version {card.version} is "
            f"installed; verify it with the seqbench that has it"
        )
    tier = recorded.tier
    metric, direction = card.metric.name, card.metric.direction
    now = {"name": card.name, "digest": card.digest(tier), "metric": metric, "direction": direction}
    compare_values({key: getattr(recorded, key) for key in now}, now, 0, "config.card")
    return f"{card.name}, version {card.version}, tier {tier}: as installed"


def _need_task(name: Any, card: CardDescription) -> None:
    registry.require_distribution(registry.TASKS, name, card.distribution, card.distribution_version)


def _need_trust(subject: Subject, recorded: RunDescription) -> None:
    """Skip what would import a file of this folder because a stranger's record names it."""
    for kind in ("arch", "encoder"):
        name = (getattr(recorded.options, kind) or {}).get("name")
        if isinstance(name, str) and ":" in name and not subject.trust:
            raise SkippedError(
                f"its architecture is given by a path, {plain_data.short_repr(name)}, which would be imported from where you "
                f"stand; look into that file, then add --trust"
            )


def check_configuration(subject: Subject) -> str:
    """Its configuration, rebuilt from its options: the same digest, data and architecture."""
    recorded = subject.record.config
    _need_trust(subject, recorded)
    _need_task(recorded.options.task.get("name"), recorded.card)
    for kind, key in (("arch", "architecture"), ("encoder", "encoder")):
        if facts := getattr(recorded, key):
            name = (getattr(recorded.options, kind) or {}).get("name")
            registry.require_distribution(registry.ARCHITECTURES, name, facts.distribution, facts.version)
    try:
        config = run_config.resolve_config(RunRequest.from_mapping(recorded.options.to_dict()))
        subject.config, subject.data = config, loading.build_datamodule(config)
    except NotAtHand as error:
        raise SkippedError(
            f"it cannot be rebuilt here, nor can its size, lines and scores be checked: {error}"
        ) from error
    found = provenance.describe_config(config)
    compare_values(recorded.digest, found["digest"], 0, "the digest of its options")
    for key in ("modified", "seed"):
        compare_values(getattr(recorded, key), found[key], 0, f"config.{key}")
    compare_values(reload.checksums_by_part(recorded.data), reload.checksums_by_part(found["data"]), 0, "config.data")
    then_facts: Any = recorded.to_dict()
    other, then_facts = "", recorded.to_dict()
    for key, version in (("card", "distribution_version"), ("architecture", "version"), ("encoder", "version")):
        then, now = dict(then_facts.get(key) or {}), dict(found.get(key) or {})
        versions = then.pop(version, None), now.pop(version, None)
        compare_values(then, now, 0, f"config.{key}")
        if versions[0] != versions[1]:
            other += f"; recorded with the {key} of {now['distribution']} {plain_data.short_repr(versions[0])}, here {versions[1]}"
    return f"rebuilt from its options, with digest {config.digest()[:8]} and the recorded architecture and data{other}"


def check_parameter_count(subject: Subject) -> str:
    """The size of its module, measured anew."""
    recorded, (config, data) = subject.record.config, subject.rebuilt
    # Counted where it takes no memory, before it is made: a record may ask for a module of any size.
    count = count_parameters(build.build_on_meta_device(config, data.spec))
    compare_values(recorded.parameters, count, 0, "config.parameters")
    compare_values(
        recorded.spec.to_dict() if recorded.spec else None, data.spec.to_dict(), subject.tolerance, "config.spec"
    )
    figures = cost.model_cost(config, data.spec)
    for key in ("state_bytes", "flops_per_token"):
        compare_values(getattr(recorded, key), figures[key], subject.tolerance, f"config.{key}")
    _check_match(config, recorded.match_params, count)
    return f"{count:,} parameters, state and FLOPs as recorded"


def _check_match(config: RunConfig, target: Any, count: int) -> None:
    """Make sure that a model of a given size has the width that is found for it, and not one that is only near.

    Raises:
        SeqbenchError: it has another one, or another number of parameters.
    """
    if target is None:
        return
    target = parameter_matching.parse_parameter_count(target)
    if not abs(count - target) <= parameter_matching.TOLERANCE * target:
        raise SeqbenchError(f"it says to match {target:,} parameters and has {count:,}")
    matched = parameter_matching.match_parameters(config, target)
    compare_values(
        config.arch_options["d_model"], matched.arch_options["d_model"], 0, f"d_model, to match {target:,} parameters,"
    )


def check_chance_and_best(subject: Subject) -> str:
    """Chance, best possible and baselines, computed anew from the task's data."""
    subject.need_scores()
    results, (_, data) = subject.record.results, subject.rebuilt
    said = "bit for bit"
    for split in SCORED_SPLITS:
        lines = results.metrics[split]
        recorded = {name: {"chance": line.chance, "best": line.best} for name, line in lines.items()}
        found = {"lines": scoring.chance_and_best(data, split, recorded), "baselines": data.baselines(split)}
        told = {"lines": recorded, "baselines": results.baselines[split]}
        said = weaker(said, compare_values(told, found, subject.tolerance, split))
    # Texts among them name versions of libraries.
    then, now = (_numbers(facts) for facts in (subject.record.config.data_facts, data.describe_data()))
    compare_values(then, now, subject.tolerance, "config.data_facts")
    return f"chance, best possible, baselines and counts computed anew from the data: {said}"


def _numbers(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if not isinstance(value, str)}
