"""The part of a card and of its options that digests hold, so that a new optional key changes no digest.

A digest leaves out each key that has its neutral value: the value that means the same as if there were no such key.
``NEUTRAL`` states the neutral values apart from the defaults of the classes, so a default that changes later changes
digests, as it must.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

NEUTRAL: Mapping[str, Mapping[str, object]] = {
    "Optim": {
        "optimizer": "adam",
        "weight_decay": 0.0,
        "betas": (0.9, 0.999),
        "momentum": 0.0,
        "schedule": "constant",
        "warmup": 0,
        "clip": 0.0,
        "hold": 0,
    },
    "Tier": {
        "task": {},
        "body": {},
        "architectures": {},
        "optims": {},
        "learning_rates": (),
        "rungs": (),
        "tuned": {},
    },
    "Card": {"arguments": {}},
    "Metric": {"selection": ""},
    "PairOptions": {
        "d_embed": None,
        "dropout": 0.0,
        "embedding_std": 1.0,
        "tie": False,
        "bridge": "additive",
        "heads": 4,
    },
}
"""Neutral value of each optional key, by the class of the options. A value in this table never changes.

A new optional key is added here with the value that leaves every earlier run as it was.
"""

DESCRIPTIONS: Mapping[str, Collection[str]] = {
    "Tier": ("deviations", "seeds"),
    "Card": ("summary", "example", "citation", "licence", "references", "description", "ranges", "secondary", "limits"),
}
"""Keys that no digest holds, because they change the result of no run, by the class of the options."""


def digested_fields(options: DataclassInstance) -> dict[str, object]:
    """Return the fields of an options object that digests hold, by name.

    >>> from seqbench.protocol.cards import Optim
    >>> digested_fields(Optim(steps=10, batch_size=2, validate_every=5, lr=0.1, clip=0.0))
    {'steps': 10, 'batch_size': 2, 'validate_every': 5, 'lr': 0.1}
    """
    kind = type(options).__name__
    values = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    kept = {name: value for name, value in values.items() if name not in DESCRIPTIONS.get(kind, ())}
    return without_neutral(kind, kept)


def without_neutral(kind: str, values: Mapping[str, object]) -> dict[str, object]:
    """Return options without those that have their neutral value.

    Args:
        kind: name of the class of the options, a key of ``NEUTRAL``.
        values: options by name; lists and tuples count as equal.

    >>> without_neutral("PairOptions", {"d_embed": 8, "dropout": 0.0})
    {'d_embed': 8}
    """
    neutral, plain = NEUTRAL.get(kind, {}), {name: plain_value(value) for name, value in values.items()}
    return {name: value for name, value in plain.items() if name not in neutral or value != plain_value(neutral[name])}


def plain_value(value: object) -> object:
    """Return data in one spelling at every level: lists for tuples, and whole numbers for floats such as 1.0.

    >>> plain_value({"betas": (0.9, 1.0), "clip": 0.0, "bias": True})
    {'betas': [0.9, 1], 'clip': 0, 'bias': True}
    """
    if isinstance(value, Mapping):
        return {key: plain_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
