"""Hostile texts, and the data of a board in which every text of a record is an attack on the page."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TypeVar, cast

T = TypeVar("T")

ATTACK = (
    "\"'><img src=x onerror=alert(1)>NAME</style></script></title><script>alert(2)</script>"
    "\u202e\x00{{7*7}}{% x %}{# `a"
)
"""A name in the middle of text that would end an attribute, an element, the style or the script, reverse the direction
of the text, or be executed by the template."""

MARKDOWN_TEXTS = [
    "a|b",
    "a\\|b",
    "\\",
    "`",
    "``a",
    "one `tick",
    "<script>alert(1)</script>",
    "<!-- c",
    "<http://x.y>",
    "[x](javascript:alert(1))",
    "![i](http://x/y)",
    "[a]: http://x",
    "# head",
    "- item",
    "+ item",
    "* item",
    "1. one",
    "12) x",
    "> quoted",
    "===",
    "---",
    "***",
    "**bold** _em_ ~~gone~~ $x$",
    "http://e.il www.e.il",
    "a@b.example",
    "&lt;b&gt; &copy;",
    "line one\n\n# line two\r\n\tend",
    "\u202elive",
]
"""Texts that mean something in Markdown, in HTML, or to GitHub."""

KEPT = {"direction", "state", "status", "columns", "axis", "statistic"}
"""Fields whose values are words of seqbench."""
MAPPINGS_OF_TEXTS = {"baselines", "left_out", "incomplete", "unrelated", "secondary"}
"""Fields whose keys are texts of records as well."""


def insert_attacks(value: T, field: str = "") -> T:
    """Return the value with an attack in every text; equal texts stay equal."""
    return cast(T, _attacked(value, field))


def _attacked(value: object, field: str) -> object:
    if field in KEPT:
        return value
    if isinstance(value, str):
        return ATTACK.replace("NAME", value) if value else value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [item.name for item in dataclasses.fields(value) if item.init]
        return dataclasses.replace(value, **{name: _attacked(getattr(value, name), name) for name in names})
    if isinstance(value, Mapping):
        attack_keys = field in MAPPINGS_OF_TEXTS
        return {_attacked(key, "") if attack_keys else key: _attacked(item, str(key)) for key, item in value.items()}
    return [_attacked(item, field) for item in value] if isinstance(value, list | tuple) else value
