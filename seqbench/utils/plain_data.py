"""Plain data: what JSON can hold, from JSON and YAML that anybody may have written."""

from __future__ import annotations

import hashlib
import json
import math
import reprlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqbench.utils.atomic_files import read_bytes
from seqbench.utils.errors import SeqbenchError, one_line

if TYPE_CHECKING:
    from pydantic import JsonValue

DEEPEST, MOST_BITS = 100, 1024
"""Levels of nesting, and bits of a whole number, up to which data is plain: what any reader of JSON can take."""
MOST_BORROWED = 100_000
"""Values that the aliases of one YAML file may stand for; a few lines of aliases of aliases make billions."""


def to_json(data: Any) -> str:
    """Strict JSON text (no NaN, no infinity, nothing but plain data), sorted, with a final newline.

    Raises:
        SeqbenchError: naming the place of the first value that is not plain data.
    """
    check_plain(data, "record")
    return json.dumps(data, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def json_digest(data: Any) -> str:
    """SHA-256 (hex) of plain data: its JSON with sorted keys and no spaces, so the same on any machine."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def check_plain(value: Any, where: str, depth: int = 0) -> None:
    """Make sure that data is what strict JSON in UTF-8 can hold and any reader can take.

    Raises:
        SeqbenchError: naming the place, below ``where``, of the first value that is not.
    """
    if depth > DEEPEST:
        raise SeqbenchError(f"{where[:80]}… is nested more than {DEEPEST} levels deep; nothing of seqbench's is.")
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        if not _in_utf8(value):
            raise SeqbenchError(
                f"{where} is the text {short_repr(value)}, with half of a character; UTF-8 cannot hold it."
            )
    elif isinstance(value, int):
        if value.bit_length() > MOST_BITS:
            bits = value.bit_length()
            raise SeqbenchError(f"{where} is a whole number of {bits} bits; expected at most {MOST_BITS}.")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise SeqbenchError(f"{where} is {value}, which JSON cannot hold; give a finite number or null.")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str) or not _in_utf8(key):
                raise SeqbenchError(f"{where} has the key {short_repr(key)}; keys must be strings in UTF-8.")
            check_plain(item, f"{where}.{key}", depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            check_plain(item, f"{where}[{index}]", depth + 1)
    else:
        raise SeqbenchError(f"{where} is a {type(value).__name__}, not plain data; it cannot be recorded.")


def read_json(path: Path) -> JsonValue:
    """The plain data of a small file of strict JSON.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no strict JSON in UTF-8.
        SeqbenchError: as ``read_bytes`` and ``check_plain``.
    """
    return parse_json(read_bytes(path), str(path))


def parse_json(text: bytes, where: str) -> JsonValue:
    """Return the plain data of strict JSON.

    Raises:
        ValueError: the text is no strict JSON in UTF-8.
        SeqbenchError: as ``check_plain``, naming ``where`` the text came from.
    """
    data = decode_json(text)
    check_plain(data, where)
    return data


def decode_json(text: bytes) -> JsonValue:
    """Return the data of strict JSON, of which whole numbers may be large and floats infinite (``1e999``).

    Raises:
        ValueError: the text is no strict JSON in UTF-8, or it is nested more than 200 levels deep.
    """
    from pydantic_core import from_json  # Imported here, so that `seqbench list` does not wait for it.

    data: JsonValue = from_json(text, allow_inf_nan=False)
    return data


def read_yaml(path: Path) -> Any:
    """Plain data of a YAML (or JSON) file; only the safe loader's types.

    Raises:
        SeqbenchError: the file cannot be read, is no YAML, or grows beyond all bounds when its aliases are followed.
    """
    import yaml  # Here, so that `--help` does not pay for it.

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        text = read_bytes(path).decode("utf-8-sig")
        _check_growth(str(path), yaml.parse(text, Loader=loader))
        return yaml.load(text, Loader=loader)
    except (OSError, UnicodeDecodeError) as error:
        raise SeqbenchError(f"{path} cannot be read: {error}.") from error
    except SeqbenchError:
        raise
    # Beside YAMLError, what Python says of a 13th month, a number of 5,000 digits or `!!bool x`.
    except Exception as error:
        raise SeqbenchError(f"{path} is not valid YAML: {one_line(error, 300) or type(error).__name__}.") from error


def _check_growth(where: str, events: Iterable[Any]) -> None:
    """Refuse what would crash the loader's recursion or grow beyond all bounds, before anything is made of it.

    Raises:
        SeqbenchError: nested too deeply, an alias that stands within its own anchor, or aliases of aliases of aliases.
    """
    import yaml

    sizes: dict[str, int] = {}  # What an anchor holds, counted with all that its aliases stand for.
    borrowed = 0
    open_: list[tuple[str | None, int]] = [(None, 0)]
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in {anchor for anchor, _ in open_}:
                raise SeqbenchError(f"{where}: the alias '*{event.anchor}' stands within what it names; write it out.")
            size = sizes.get(str(event.anchor), 0)
            borrowed += size
            if borrowed > MOST_BORROWED:
                raise SeqbenchError(f"{where}: aliases stand for more than {MOST_BORROWED:,} values; write them out.")
        elif isinstance(event, yaml.CollectionStartEvent):
            if len(open_) > DEEPEST:
                raise SeqbenchError(f"{where} is nested more than {DEEPEST} levels deep; nothing of seqbench's is.")
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


def _in_utf8(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def require_mapping(data: object, where: str) -> Mapping[str, Any]:
    """Return the data if they are a mapping.

    Raises:
        SeqbenchError: they are not.
    """
    if not isinstance(data, Mapping):
        raise SeqbenchError(f"{where} must be a mapping of keys to values, got {type(data).__name__}.")
    return data


def short_repr(value: Any) -> str:
    """A value of a stranger's, for a sentence: of whatever type and length, in a few words."""
    try:
        return reprlib.repr(value)
    except ValueError:  # A whole number of thousands of digits.
        return f"something of type {type(value).__name__}"
