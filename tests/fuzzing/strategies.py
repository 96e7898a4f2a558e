"""Strategies that break valid data: as plain data, as text and as bytes; and the number of examples."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.fuzzing.hostile import FRAGMENTS, HOSTILE, NAMES, deep

FAST = 40
"""Number of examples of each property in the fast suite."""


def tried(examples: int, random: bool = False) -> settings:
    """Return settings for a number of examples, the same each time unless ``random``; nothing is kept on disk."""
    return settings(
        max_examples=examples,
        derandomize=not random,
        database=None,
        deadline=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )


values = st.sampled_from(HOSTILE).map(lambda make: make())
anything = values | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=6), children, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(
    ["", "name", "__class__", "class_path", "x" * 200, "a.b", "../x", "\0", "\ud800", 1, None, True, 2.5]
)


def places(data: Any) -> list[tuple[Any, Any]]:
    """Return each container in the data with each of its keys."""
    found: list[tuple[Any, Any]] = []
    rest = [data]
    while rest and len(found) < 5000:
        one = rest.pop()
        items = list(one.items()) if isinstance(one, dict) else list(enumerate(one)) if isinstance(one, list) else []
        for key, value in items:
            found.append((one, key))
            rest.append(value)
    return found


@st.composite
def broken(draw: st.DrawFn, origins: list[Any], most: int = 4) -> Any:
    """Draw one of the origins with one to ``most`` mutations."""
    data = copy.deepcopy(origins[draw(st.integers(0, len(origins) - 1))])
    for _ in range(draw(st.integers(1, most))):
        known = places(data)
        if not known or draw(st.integers(0, 60)) == 0:
            data = draw(anything)
            continue
        holder, key = _chosen(draw, known)
        match draw(
            st.sampled_from(["near", "near", "near", "replace", "delete", "add", "swap", "wrap", "rename", "text"])
        ):
            case "near":
                holder[key] = draw(near(holder[key]))
            case "replace":
                holder[key] = draw(anything)
            case "delete":
                del holder[key]
            case "add" if isinstance(holder, dict):
                holder[draw(keys)] = draw(anything)
            case "add":
                holder.insert(key, draw(anything))
            case "swap":
                # A copy, because the data must not contain themselves.
                other, place = known[draw(st.integers(0, len(known) - 1))]
                holder[key] = _copied(other[place])
            case "wrap":
                holder[key] = draw(st.sampled_from([lambda x: [x], lambda x: {"name": x}, lambda x: [x, x]]))(
                    holder[key]
                )
            case "rename" if isinstance(holder, dict):
                holder[draw(keys)] = holder.pop(key)
            case _:
                holder[key] = as_text(holder[key])
    return data


def _chosen(draw: st.DrawFn, known: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Draw mostly a leaf: a mutation near the root is refused before the rest is read."""
    leaves = [(holder, key) for holder, key in known if not isinstance(holder[key], dict | list)]
    prefer_leaves: int = draw(st.integers(0, 3))
    some = leaves if leaves and prefer_leaves else known
    place: int = draw(st.integers(0, len(some) - 1))
    return some[place]


def near(value: Any) -> st.SearchStrategy[Any]:
    """Return a strategy of other values of the same type, which a check of types accepts."""
    if isinstance(value, bool):
        return st.just(not value)
    if isinstance(value, int):
        return st.sampled_from([0, -1, 1, 2, 3, 7, 10**6, 2**31, 2**63, -(2**63), 10**15, 2**70, 10**300, value + 1])
    if isinstance(value, float):
        return st.sampled_from([0.0, -0.0, -1.0, 1.0, 0.999, 1e-320, 1e308, -1e308, 1e22, 2.0**53, value * 2])
    if isinstance(value, str):
        return st.sampled_from([*NAMES, value.upper(), value + "x", value[:-1], value * 2])
    return values


def _copied(value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except RecursionError:
        return deep()


def as_text(value: Any) -> str:
    """Return a value as Python writes it."""
    try:
        return str(value)
    except (ValueError, RecursionError):  # Python does not write a number of thousands of digits.
        return "much"


WRITTEN = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=10)


@st.composite
def broken_text(draw: st.DrawFn, origins: list[str], most: int = 4) -> bytes:
    """Draw one of the texts with mutations of its characters, and sometimes of its bytes."""
    text = origins[draw(st.integers(0, len(origins) - 1))]
    for _ in range(draw(st.integers(1, most))):
        place = draw(st.integers(0, len(text)))
        end = min(len(text), place + draw(st.integers(0, 40)))
        match draw(
            st.sampled_from(["insert", "value", "value", "word", "word", "line", "cut", "truncate", "repeat", "text"])
        ):
            case "insert":
                text = text[:place] + draw(st.sampled_from(FRAGMENTS)) + text[place:]
            case "value":  # Replaces the value after the next colon.
                colon = text.find(":", place) + 1
                stop = min((n for n in (text.find(c, colon) for c in ",}\n") if n >= 0), default=len(text))
                text = text[:colon] + " " + draw(st.sampled_from(FRAGMENTS)) + text[stop:]
            case "word":  # The same with a word that is likely to have the right type.
                colon = text.find(": ", place) + 1
                stop = min((n for n in (text.find(c, colon) for c in ",}\n") if n >= 0), default=len(text))
                word = draw(st.sampled_from([*NAMES, "0", "-1", "1", "3", "0.5", "1e-3", "99999999999999999999", "''"]))
                text = text[:colon] + " " + word + text[stop:]
            case "line":  # Adds a line.
                line = text.rfind("\n", 0, place) + 1
                text = text[:line] + draw(st.sampled_from(FRAGMENTS)) + "\n" + text[line:]
            case "cut":
                text = text[:place] + text[end:]
            case "truncate":
                text = text[:place]
            case "repeat":
                text = text[:end] + text[place:end] * draw(st.integers(1, 20)) + text[end:]
            case "text":
                text = (
                    text[:place]
                    + draw(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=10))
                    + text[end:]
                )
    return draw(broken_bytes(text.encode("utf-8", "surrogatepass")))


@st.composite
def broken_bytes(draw: st.DrawFn, data: bytes, most: int = 3) -> bytes:
    """Draw the bytes unchanged, or (one time in five) with some changed, removed or added in front."""
    found = bytearray(data)
    if draw(st.integers(0, 4)) == 0:
        for _ in range(draw(st.integers(1, most))):
            place = draw(st.integers(0, max(0, len(found) - 1)))
            match draw(st.integers(0, 3)):
                case 0:
                    found[place : place + 1] = draw(st.binary(min_size=1, max_size=4))
                case 1:
                    del found[place : place + draw(st.integers(1, 64))]
                case 2:
                    del found[place:]
                case 3:
                    found[:0] = draw(
                        st.sampled_from([b"\xff\xfe", b"\xef\xbb\xbf", b"\x1f\x8b", b"PK\x03\x04", b"\x80\x04"])
                    )
    return bytes(found)


def as_json(data: Any) -> str:
    """Return JSON as Python writes it, with NaN and infinity; ``null`` for data that it cannot write."""
    try:
        return json.dumps(data, default=str)
    except (TypeError, ValueError, RecursionError):
        return "null"
