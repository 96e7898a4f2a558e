"""Plain data, which are the values that JSON can represent, read from hostile JSON and YAML."""

from __future__ import annotations

import functools
import hashlib
import json
import math
import reprlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seqbench.utils.atomic_files import read_bytes
from seqbench.utils.errors import SeqbenchError, one_line

if TYPE_CHECKING:
    import yaml
    from pydantic import JsonValue

DEEPEST, MOST_BITS = 100, 1024
"""Largest depth of nesting, and largest number of bits of a whole number; every JSON reader accepts both."""
MOST_ALIASED = 100_000
"""Largest number of values after the aliases of a YAML file are replaced; nested aliases can create billions."""


def to_json(data: object) -> str:
    r"""Return strict JSON text with sorted keys, without NaN or infinity, and with a newline at the end.

    Raises:
        SeqbenchError: a value is not plain data; the message names its place.

    >>> to_json({"b": 1, "a": [0.5, None]})
    '{\n "a": [\n  0.5,\n  null\n ],\n "b": 1\n}\n'
    """
    check_plain(data, "record")
    return json.dumps(data, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def json_digest(data: object) -> str:
    """Return the SHA-256 (hex) of the JSON of plain data, with sorted keys and without spaces.

    >>> json_digest({"b": 1, "a": 2})[:8] == json_digest({"a": 2, "b": 1})[:8]
    True
    """
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def check_plain(value: object, where: str) -> None:
    """Check that data can be written as strict JSON in UTF-8, which every JSON reader accepts.

    Args:
        value: the data.
        where: dotted name of the data, for error messages.

    Raises:
        SeqbenchError: a value is not plain data; the message names its place below ``where``.
    """
    mistake = _find_mistake(value, 0)
    if len(mistake) > 400:  # The place is deeply nested.
        mistake = f"{mistake[:80]}…{mistake[-200:]}"
    if mistake:
        raise SeqbenchError(f"{where}{mistake}")


def is_plain(value: object) -> bool:
    """Return whether a value can be written as strict JSON.

    >>> is_plain([1, None]), is_plain(object())
    (True, False)
    """
    return not _find_mistake(value, 0)


def _find_mistake(value: object, depth: int) -> str:
    """Return place and reason of the first value that is not plain data, ``.a[1] is inf, ...``; '' if all are."""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, float):
        return "" if math.isfinite(value) else f" is {value}, which JSON cannot hold; give a finite number or null."
    if isinstance(value, int):
        bits = value.bit_length()
        return "" if bits <= MOST_BITS else f" is a whole number of {bits} bits; expected at most {MOST_BITS}."
    if isinstance(value, str):
        if _is_utf8(value):
            return ""
        return f" is the text {short_repr(value)}, with half of a character; UTF-8 cannot hold it."
    if depth >= DEEPEST and isinstance(value, Mapping | list | tuple) and value:
        return f" is nested more than {DEEPEST} levels deep."
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str) or not _is_utf8(key):
                return f" has the key {short_repr(key)}; keys must be strings in UTF-8."
            if mistake := _find_mistake(item, depth + 1):
                return f".{key}{mistake}"
        return ""
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            if mistake := _find_mistake(item, depth + 1):
                return f"[{index}]{mistake}"
        return ""
    return f" is a {type(value).__name__}, not plain data; it cannot be recorded."


def read_json(path: Path) -> JsonValue:
    """Return the plain data of a small file of strict JSON.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is not strict JSON in UTF-8.
        SeqbenchError: the file is not a regular file, too large, or not plain data.
    """
    return parse_json(read_bytes(path), str(path))


def parse_json(text: bytes, where: str) -> JsonValue:
    """Return the plain data of strict JSON.

    Raises:
        ValueError: the text is not strict JSON in UTF-8.
        SeqbenchError: a value is not plain data; the message names its place below ``where``.

    >>> parse_json(b'{"a": [1, 2.5]}', "data")
    {'a': [1, 2.5]}
    """
    data = decode_json(text)
    check_plain(data, where)
    return data


def decode_json(text: bytes) -> JsonValue:
    """Return the data of strict JSON; whole numbers may be large, and floats may be infinite (``1e999``).

    Raises:
        ValueError: the text is not strict JSON in UTF-8, or it is nested more than 200 levels deep.
    """
    from pydantic_core import from_json  # Imported here, so that `seqbench list` does not wait for it.

    data: JsonValue = from_json(text, allow_inf_nan=False)
    return data


def read_yaml(path: Path) -> object:
    """Return the data of a YAML (or JSON) file, with the types of the safe loader only.

    The file may be the card of a plug-in, so nothing in it is executed, and its aliases must not fill the memory.

    Raises:
        SeqbenchError: the file cannot be read, is not YAML, has a key twice in one mapping, is nested too deeply, or
            its aliases stand for too many values.
    """
    import yaml  # Imported here, so that `seqbench --help` does not wait for it.

    loader = _unique_key_loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    try:
        text = read_bytes(path).decode("utf-8-sig")
        _check_aliases(str(path), yaml.parse(text, Loader=loader))
        return yaml.load(text, Loader=loader)
    except (OSError, UnicodeDecodeError) as error:
        raise SeqbenchError(f"{path} cannot be read: {error}.") from error
    except SeqbenchError as error:
        raise SeqbenchError(str(error).replace("it has the key", f"{path} has the key", 1)) from error
    # PyYAML raises YAMLError, and other errors for a 13th month, a number of 5,000 digits or `!!bool x`.
    except Exception as error:
        raise SeqbenchError(f"{path} is not valid YAML: {one_line(error, 300) or type(error).__name__}.") from error


@functools.cache
def _unique_key_loader(base: type[yaml.SafeLoader]) -> type[yaml.SafeLoader]:
    """Return a loader that refuses a mapping with one key twice, of which PyYAML silently keeps the last value."""
    import yaml

    class UniqueKeyLoader(base):  # type: ignore[valid-type, misc]
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
            seen: set[tuple[str, str]] = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if (key.tag, key.value) in seen:
                        line = key.start_mark.line + 1
                        raise SeqbenchError(f"it has the key '{key.value[:60]}' twice, again in line {line}; keep one.")
                    seen.add((key.tag, key.value))
            return dict(super().construct_mapping(node, deep=deep))

    return UniqueKeyLoader


def _check_aliases(where: str, events: Iterable[yaml.Event]) -> None:
    """Check the events of a YAML file before the loader builds objects of them.

    Args:
        where: name of the file, for error messages.
        events: events that ``yaml.parse`` yields.

    Raises:
        SeqbenchError: the file is nested too deeply, an alias is inside its own anchor, or aliases stand for more than
            ``MOST_ALIASED`` values.
    """
    import yaml

    sizes: dict[str, int] = {}  # Number of values below each anchor, with those that aliases below it stand for.
    aliased = 0
    open_: list[tuple[str | None, int]] = [(None, 0)]  # Anchor and size of each collection that is not closed yet.
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in {anchor for anchor, _ in open_}:
                raise SeqbenchError(
                    f"{where}: the alias '*{event.anchor}' is inside of its own anchor; write the value out."
                )
            size = sizes.get(str(event.anchor), 0)
            aliased += size
            if aliased > MOST_ALIASED:
                raise SeqbenchError(f"{where}: aliases stand for more than {MOST_ALIASED:,} values; write them out.")
        elif isinstance(event, yaml.CollectionStartEvent):
            if len(open_) > DEEPEST:
                raise SeqbenchError(f"{where} is nested more than {DEEPEST} levels deep.")
            open_.append((event.anchor, 1))
            continue
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size = open_.pop()
            sizes.update({anchor: size} if anchor else {})
        elif isinstance(event, yaml.ScalarEvent):
            size = 1
            sizes.update({event.anchor: 1} if event.anchor else {})
        else:
            continue
        holder, held = open_[-1]
        open_[-1] = (holder, held + size)


def _is_utf8(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def require_mapping(data: object, where: str) -> Mapping[str, object]:
    """Return the data if they are a mapping.

    Raises:
        SeqbenchError: the data are not a mapping.
    """
    if not isinstance(data, Mapping):
        raise SeqbenchError(f"{where} must be a mapping of keys to values, got {type(data).__name__}.")
    return data


def short_repr(value: object) -> str:
    """Return a short representation of a value of any type and length, for error messages.

    >>> short_repr("x" * 100)
    "'xxxxxxxxxxxx...xxxxxxxxxxxxx'"
    """
    try:
        return reprlib.repr(value)
    except ValueError:  # Python does not convert a whole number of thousands of digits to text.
        return f"a value of type {type(value).__name__}"
