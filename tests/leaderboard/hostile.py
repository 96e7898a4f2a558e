"""A document as the worst of plug-ins would leave it: every string that comes from outside is an attack on the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ATTACK = (
    "\"'><img src=x onerror=alert(1)>NAME</style></script></title><script>alert(2)</script>"
    "\u202e\x00{{7*7}}{% x %}{# `a"
)
"""Around a name: out of an attribute, a text, the style, the script, the order of letters, and the template."""

# What is ours: words of seqbench, names of numbers, and keys by which parts of a document find each other.
KEPT = {"direction", "state", "status", "columns"}
NAMES = {"baselines", "left_out", "incomplete", "unrelated"}


def insert_attacks(value: Any, key: str = "") -> Any:
    """The value with each string attacked, the same string always alike."""
    if key in KEPT:
        return value
    if isinstance(value, str):
        return ATTACK.replace("NAME", value) if value else value
    if isinstance(value, Mapping):
        return {
            insert_attacks(name) if key in NAMES else name: insert_attacks(item, name) for name, item in value.items()
        }
    return [insert_attacks(item, key) for item in value] if isinstance(value, list) else value
