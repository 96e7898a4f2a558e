"""Strict models of plain data: unknown keys and wrong types raise an error, and every number is finite.

The models are pydantic's; ``validate`` turns pydantic's errors into one sentence that names the key.
"""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetPydanticSchema,
    JsonValue,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import ErrorDetails, PydanticCustomError, core_schema

from seqbench.utils.errors import SeqbenchError, did_you_mean
from seqbench.utils.plain_data import check_plain, short_repr

STRICT: Final = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
"""Configuration of the pydantic dataclasses of cards and options."""

LARGEST_WHOLE_NUMBER = 2**63 - 1
_WHOLE = core_schema.int_schema(strict=True, ge=-LARGEST_WHOLE_NUMBER, le=LARGEST_WHOLE_NUMBER)
_FLOAT = core_schema.float_schema(strict=True, allow_inf_nan=False)
# A strict float accepts an int as well, and would convert an int that is too large for `_WHOLE`.
_NO_INT = core_schema.json_or_python_schema(
    json_schema=_FLOAT, python_schema=core_schema.chain_schema([core_schema.is_instance_schema(float), _FLOAT])
)
_NUMBER = core_schema.union_schema(
    [_WHOLE, _NO_INT],
    custom_error_type="number",
    custom_error_message="a finite number",
)

WholeNumber = Annotated[
    int,
    GetPydanticSchema(lambda source, handler: _WHOLE),
    WithJsonSchema({"type": "integer"}),
]
"""A whole number of at most 64 bits; booleans and floats raise an error."""

Number = Annotated[
    int | float,
    GetPydanticSchema(lambda source, handler: _NUMBER),
    WithJsonSchema({"type": "number"}),
]
"""A finite number without conversion: 2 stays a whole number and 2.0 a float, so that digests do not change."""


def _number_from_text(value: object) -> object:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


YamlFloat = Annotated[float, BeforeValidator(_number_from_text)]
"""A finite float, which may be given as text, because YAML 1.1 reads ``1e-3`` (without a dot) as text."""


def _check_plain_value(value: JsonValue, info: ValidationInfo) -> JsonValue:
    try:
        check_plain(value, str(info.field_name))
    except SeqbenchError as error:
        raise ValueError(str(error)) from error
    return value


def _check_plain_mapping(value: JsonValue, info: ValidationInfo) -> JsonValue:
    if not isinstance(value, dict):
        raise PydanticCustomError("dict_type", "a mapping of keys to values")
    return _check_plain_value(value, info)


PlainValue = Annotated[
    JsonValue,
    GetPydanticSchema(lambda source, handler: core_schema.with_info_plain_validator_function(_check_plain_value)),
    WithJsonSchema({}),
]
"""Any plain data, for parts without a fixed form, such as the sample of a task."""

PlainMapping = Annotated[
    dict[str, JsonValue],
    GetPydanticSchema(lambda source, handler: core_schema.with_info_plain_validator_function(_check_plain_mapping)),
    WithJsonSchema({"type": "object"}),
]
"""Any plain data by name, for parts without fixed names, such as the options of an architecture."""


class StrictModel(BaseModel):
    """A frozen model that accepts only known keys, converts no value, and writes only the keys that were given."""

    model_config = ConfigDict(**STRICT, frozen=True, defer_build=True, serialize_by_alias=True)

    def to_dict(self) -> dict[str, JsonValue]:
        """Return plain data with only the keys that were given."""
        return self.model_dump(exclude_unset=True)

    def with_values(self, **changes: object) -> Self:
        """Return a copy with new values of some fields.

        Raises:
            SeqbenchError: a field is unknown, or a value has the wrong type.
        """
        return validate(type(self), {**self.to_dict(), **changes})


T = TypeVar("T")


def validate(kind: type[T], data: object, name: str = "", origin: str = "") -> T:
    """Build a model or a pydantic dataclass from plain data.

    Args:
        kind: class to build.
        data: mapping of field names to values.
        name: dotted name of the data in ``origin``, such as ``optim``.
        origin: origin of the data, such as the name of a file.

    Raises:
        SeqbenchError: a key is unknown or missing, or a value has the wrong type; the message names the key.
    """
    try:
        if issubclass(kind, BaseModel):
            return kind.model_validate(data)
        # From JSON, because only then a strict dataclass accepts a mapping, and a strict tuple accepts a list.
        check_plain(data, name or "it")
        return TypeAdapter(kind).validate_json(json.dumps(data))
    except ValidationError as error:
        sentence = explain_validation_error(error, kind, name)
        raise SeqbenchError(f"{origin}: {sentence}" if origin else sentence) from None


_EXPECTED = {
    "int_type": "a whole number",
    "greater_than_equal": "a whole number of at most 64 bits",
    "less_than_equal": "a whole number of at most 64 bits",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "string_unicode": "text in UTF-8",
    "list_type": "a list",
    "tuple_type": "a list",
    "too_long": "a list of fewer values",
    "none_required": "null",
    **dict.fromkeys(
        ("dict_type", "mapping_type", "model_type", "model_attributes_type", "dataclass_type", "dataclass_exact_type"),
        "a mapping of keys to values",
    ),
}
"""Description of the expected value, by the type of pydantic's error."""
_UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")
_MISSING_KEY = ("missing", "missing_argument", "missing_keyword_only_argument")


def explain_validation_error(error: ValidationError, kind: object, name: str = "") -> str:
    """Return one sentence on one mistake in the data, on an unknown key if there is one.

    Args:
        error: error of pydantic.
        kind: class that could not be built.
        name: dotted name of the data.
    """
    mistake = min(error.errors(include_url=False), key=lambda one: one["type"] not in _UNKNOWN_KEY)
    location = mistake["loc"]
    parent = _dotted(name, location[:-1])
    if mistake["type"] in _UNKNOWN_KEY:
        return _unknown_key(parent, location[-1], _keys(kind, location[:-1]))
    if mistake["type"] in _MISSING_KEY and isinstance(location[-1], int):
        return f"{parent} must be a list of more than {location[-1]} values, got {short_repr(mistake['input'])}."
    if mistake["type"] in _MISSING_KEY:
        return f"{parent} lacks the key '{location[-1]}'."
    if location and location[-1] == "[key]":
        return _unknown_key(_dotted(name, location[:-2]), mistake["input"], _literals(mistake))
    hint = ""
    if mistake["type"] == "literal_error" and isinstance(mistake["input"], str):
        hint = did_you_mean(mistake["input"][:60], _literals(mistake))
    return f"{_dotted(name, location)} must be {_expected(mistake)}.{hint}"


def _literals(mistake: ErrorDetails) -> list[str]:
    """Return the accepted names of a value, which pydantic writes as text, ``'max' or 'min'``."""
    return re.findall(r"'([^']*)'", str(mistake.get("ctx", {}).get("expected", "")))


def _unknown_key(place: str, key: object, known: Iterable[str]) -> str:
    short = str(key)[:60]
    return f"{place} has the unknown key '{short}'.{did_you_mean(short, known)}"


def _expected(mistake: ErrorDetails) -> str:
    """Return a description of the expected value and of the given value."""
    if mistake["type"] == "value_error":
        return f"plain data: {str(mistake['ctx']['error']).rstrip('.')}"
    expected = _EXPECTED.get(mistake["type"], mistake["msg"])
    if mistake["type"] == "literal_error":
        expected = str(mistake["ctx"]["expected"])
    return f"{expected}, got {short_repr(mistake['input'])}"


def _dotted(name: str, location: Iterable[int | str]) -> str:
    """Return the dotted name of a place in the data, such as ``curves.train.loss[3]``; ``it`` for all of the data.

    >>> _dotted("optim", ["betas", 1])
    'optim.betas[1]'
    """
    for step in location:
        name += f"[{step}]" if isinstance(step, int) else f".{str(step)[:60]}"
    return name.removeprefix(".") or "it"


def _keys(kind: object, location: Sequence[int | str]) -> list[str]:
    """Return the known keys of the class at a place in the data."""
    for step in location:
        kind = _type_at(kind, step)
    fields = next((_fields(part) for part in _union_members(kind) if _fields(part)), {})
    return [alias for alias, _ in fields.values()]


def _type_at(kind: object, step: int | str) -> object:
    """Return the type of a field, or of the items of a container."""
    for part in _union_members(kind):
        for name, (alias, annotation) in _fields(part).items():
            if step in (name, alias):
                return annotation
        if arguments := [one for one in typing.get_args(part) if one is not Ellipsis]:
            return arguments[-1]
    return None


def _fields(kind: object) -> Mapping[str, tuple[str, object]]:
    """Return the alias and the type of each field of a model or a pydantic dataclass; empty for other types."""
    fields = getattr(kind, "__pydantic_fields__", {})
    return {name: (field.alias or name, field.annotation) for name, field in fields.items()}


def _union_members(annotation: object) -> tuple[object, ...]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)
