"""The options of a run that differ from its card and from the defaults of its classes, found without torch."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

from seqbench.protocol import cards, registry
from seqbench.protocol.choices import CROSS_ATTENTION
from seqbench.protocol.class_outline import read_default_encoder
from seqbench.protocol.config import PairOptions
from seqbench.running.stored.signature_defaults import signature_defaults
from seqbench.utils.errors import SeqbenchError

PRECISION = "32-true"


def own_options(
    options: Mapping[str, object], match_params: int | None = None, classes: Mapping[str, str] | None = None
) -> dict[str, object]:
    """Return the options of a run that are neither those of its card nor defaults, by dotted name.

    An option whose default is not known, because the class or the card cannot be found here, counts as the run's own.

    Args:
        options: the complete configuration of the run, as a record or ``config.yaml`` holds it.
        match_params: number of parameters for which ``arch.d_model`` was chosen; it stands in place of that width.
        classes: import paths of the backbones, by group, for names that are not registered here.
    """
    groups = {group: _mapping(options.get(group)) for group in ("arch", "encoder", "task", "optim", "body")}
    names = {group: str(groups[group].pop("name", "")) for group in ("arch", "encoder", "task")}
    tier = str(options.get("tier", ""))
    own: dict[str, object] = {}
    follows = names["encoder"] == default_encoder(names["arch"])
    for group, values in groups.items():
        path = (classes or {}).get(group, "")
        standard = _standard(group, names.get(group, ""), path, names["arch"], names["task"], tier)
        own |= {
            f"{group}.{key}": value
            for key, value in values.items()
            if key not in standard or _plain(standard[key]) != _plain(value)
            # A default encoder has the options of its decoder.
            if not (group == "encoder" and follows and groups["arch"].get(key) == value)
            if not (group == "body" and key == "bridge" and value == CROSS_ATTENTION)
        }
    if match_params is not None:
        own.pop("arch.d_model", None)
        own = {"match_params": match_params, **own}
    precision = _mapping(options.get("trainer")).get("precision", PRECISION)
    return own if precision == PRECISION else {**own, "trainer.precision": precision}


@functools.cache
def _standard(group: str, name: str, class_path: str, arch: str, task: str, tier: str) -> Mapping[str, object]:
    """Return the options of a group that a run has without any wish of the user."""
    card = _load_card(task)
    if card is None or tier not in card.tiers:
        return {}
    chosen = card.tier(tier)
    if group == "optim":
        return dataclasses.asdict(chosen.optim_for(arch))
    if group == "body":
        return {**{one.name: one.default for one in dataclasses.fields(PairOptions)}, **chosen.body}
    if group == "task":
        return {**(signature_defaults(_data_class(card)) or {}), **card.arguments, **chosen.task}
    defaults = signature_defaults(_registered_class(name) or class_path) or {}
    return {**defaults, **chosen.arch, **chosen.architectures.get(name, {})}


@functools.cache
def _load_card(task: str) -> cards.Card | None:
    """Return a task's card; None for the card of a plug-in that is not installed."""
    try:
        return cards.load_card(task)
    except SeqbenchError:
        return None


def _data_class(card: cards.Card) -> str:
    try:
        return registry.find_data_entry(card.name, card.datamodule).value
    except SeqbenchError:
        return ""


def _registered_class(name: str) -> str:
    try:
        return registry.find_entry(registry.ARCHITECTURES, name).value
    except SeqbenchError:
        return ""


def default_encoder(architecture: str) -> str | None:
    """Return the name of the encoder that an architecture has by default; None if it cannot be found here."""
    try:
        return read_default_encoder(registry.find_entry(registry.ARCHITECTURES, architecture))
    except SeqbenchError:
        return None


def _mapping(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, Mapping) else {}


def _plain(value: object) -> object:
    """Return a value as JSON stores it: lists for tuples."""
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
