"""Anchors of the sections of tasks: the fragments of their addresses, such as ``#parity``."""

from __future__ import annotations

import re
from collections.abc import Iterable

RESERVED = ("all-rows", "costs", "filter", "guide", "overall", "overview", "published", "records", "rules", "shown")
"""Identifiers that other parts of the page have."""

MOST_LETTERS = 60
"""Largest number of letters of an anchor, without the number that may follow."""


def task_anchors(names: Iterable[str]) -> dict[str, str]:
    """Return a unique anchor for each task by its name.

    An anchor depends on the name alone, unless two names give the same one: then the later task gets a number. It holds
    letters, digits and dashes, so that it needs no escaping in a page or an address.

    Args:
        names: names of the tasks, in the order of the page.

    >>> task_anchors(["parity", "char-lm shakespeare", "Parity", "rules"])
    {'parity': 'parity', 'char-lm shakespeare': 'char-lm-shakespeare', 'Parity': 'parity-2', 'rules': 'task-rules'}
    """
    anchors: dict[str, str] = {}
    used = set(RESERVED)
    for name in names:
        first = anchor = _plain_anchor(name)
        number = 1
        while anchor in used:
            number += 1
            anchor = f"{first}-{number}"
        used.add(anchor)
        anchors[name] = anchor
    return anchors


def _plain_anchor(name: str) -> str:
    text = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:MOST_LETTERS].rstrip("-")
    return text if text and text not in RESERVED else f"task-{text}".rstrip("-")
