"""Data of a board in which every text that comes from outside is an attack on the page."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

ATTACK = (
    "\"'><img src=x onerror=alert(1)>NAME</style></script></title><script>alert(2)</script>"
    "\u202e\x00{{7*7}}{% x %}{# `a"
)
"""Ends an attribute, a text, the style, the script, the order of letters, and the template."""

KEPT = {"direction", "state", "status", "columns", "axis"}
"""Fields with words of seqbench's own."""
NAMES = {"baselines", "left_out", "incomplete", "unrelated"}
"""Fields whose keys come from outside."""


def insert_attacks(value: Any, key: str = "") -> Any:
    """Return a copy of plain data or dataclasses in which each text is an attack; equal texts become equal attacks.

    Args:
        value: the data.
        key: name of the field or key that holds it.
    """
    if key in KEPT:
        return value
    if isinstance(value, str):
        return ATTACK.replace("NAME", value) if value else value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return type(value)(**{field.name: insert_attacks(getattr(value, field.name), field.name) for field in fields})
    if isinstance(value, Mapping):
        return {
            insert_attacks(name) if key in NAMES else name: insert_attacks(item, name) for name, item in value.items()
        }
    return [insert_attacks(item, key) for item in value] if isinstance(value, list | tuple) else value
