"""Plain data into dataclasses: no key unknown, none missing, every value of its type."""

from __future__ import annotations

import dataclasses
import math
import reprlib
from collections.abc import Callable, Mapping
from typing import Any

from seqbench.utils.errors import SeqbenchError, did_you_mean


def parse_fields(cls: type, data: Any, where: str) -> dict[str, Any]:
    """The items of a mapping as arguments of a dataclass.

    Annotations that stand in ``_CHECKS`` are checked, lists become tuples; others are left to the caller.

    Raises:
        SeqbenchError: naming ``where`` and the key: data is no mapping, a key is unknown or missing, or a
            value has the wrong type.
    """
    given = dict(require_mapping(data, where))
    known = {f.name: f for f in dataclasses.fields(cls)}
    for key in given:
        if key not in known:
            hint = did_you_mean(str(key)[:60], known)
            raise SeqbenchError(f"{where} has the unknown key '{str(key)[:60]}'.{hint}")
    for name, field in known.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in given:
            raise SeqbenchError(f"{where} lacks the key '{name}'.")
        if name in given and field.type in _CHECKS:
            expected, check = _CHECKS[str(field.type)]
            try:
                given[name] = check(given[name])
            except (ValueError, OverflowError):
                raise SeqbenchError(f"{where}.{name} must be {expected}, got {reprlib.repr(given[name])}.") from None
    return given


def require_mapping(data: Any, where: str) -> Mapping[str, Any]:
    """The data, if it is a mapping.

    Raises:
        SeqbenchError: it is none.
    """
    if not isinstance(data, Mapping):
        raise SeqbenchError(f"{where} must be a mapping of keys to values, got {type(data).__name__}.")
    return data


def _number(value: Any) -> float:
    # YAML 1.1 reads 1e-3 (no dot) as a string; people write it, so take it as the number it is.
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError
    number = float(value)
    if not math.isfinite(number):  # As text it has passed all that looks for it.
        raise ValueError
    return number


def _exactly(kind: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, kind):
            raise ValueError
        return value

    return check


def _tuple_of(check: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    return lambda value: tuple(check(item) for item in _exactly(list)(value))


# How a field's annotation reads (with `from __future__ import annotations`), and what its value must be.
_CHECKS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "int": ("a whole number", _exactly(int)),
    "float": ("a number", _number),
    "float | None": ("a number or null", lambda value: None if value is None else _number(value)),
    "str": ("text", _exactly(str)),
    "str | None": ("text or null", lambda value: None if value is None else _exactly(str)(value)),
    "tuple[float, float]": ("a list of numbers", _tuple_of(_number)),
    "tuple[float, ...]": ("a list of numbers", _tuple_of(_number)),
    "tuple[str, ...]": ("a list of texts", _tuple_of(_exactly(str))),
    "tuple[Reference, ...]": ("a list", _tuple_of(lambda item: item)),
    "Mapping[str, Any]": ("a mapping", _exactly(dict)),
    "Mapping[str, Mapping[str, Any]]": ("a mapping", _exactly(dict)),
}
