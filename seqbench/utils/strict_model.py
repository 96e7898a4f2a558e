"""Strict models of plain data: unknown keys are refused, every value has its type, and every number is finite."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Annotated, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    GetPydanticSchema,
    JsonValue,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import ErrorDetails, core_schema

from seqbench.utils.errors import SeqbenchError, did_you_mean
from seqbench.utils.plain_data import check_plain, short_repr

LARGEST_WHOLE_NUMBER = 2**63 - 1
_WHOLE = core_schema.int_schema(strict=True, ge=-LARGEST_WHOLE_NUMBER, le=LARGEST_WHOLE_NUMBER)
_NUMBER = core_schema.union_schema(
    [_WHOLE, core_schema.float_schema(strict=True, allow_inf_nan=False)],
    custom_error_type="number",
    custom_error_message="a finite number",
)

WholeNumber = Annotated[
    int,
    GetPydanticSchema(lambda source, handler: _WHOLE),
    WithJsonSchema({"type": "integer"}),
]
"""A whole number of at most 64 bits; booleans and floats are refused."""

Number = Annotated[
    int | float,
    GetPydanticSchema(lambda source, handler: _NUMBER),
    WithJsonSchema({"type": "number"}),
]
"""A finite number, kept as it was read: 2 stays a whole number and 2.0 a float, so that digests do not change."""


def _check_plain_value(value: JsonValue, info: ValidationInfo) -> JsonValue:
    try:
        check_plain(value, str(info.field_name))
    except SeqbenchError as error:
        raise ValueError(str(error)) from error
    return value


def _check_plain_mapping(value: JsonValue, info: ValidationInfo) -> JsonValue:
    if not isinstance(value, dict):
        raise ValueError(f"it must be a mapping of keys to values, got {short_repr(value)}")
    return _check_plain_value(value, info)


PlainValue = Annotated[JsonValue, PlainValidator(_check_plain_value), WithJsonSchema({})]
"""Any plain data, for parts whose form others decide, such as a task's sample."""

PlainMapping = Annotated[dict[str, JsonValue], PlainValidator(_check_plain_mapping), WithJsonSchema({"type": "object"})]
"""Any plain data by name, for parts whose names others decide, such as an architecture's options."""


class StrictModel(BaseModel):
    """A frozen model that refuses unknown keys, converts nothing, and writes exactly the keys that it was given."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        defer_build=True,
        serialize_by_alias=True,
        protected_namespaces=(),
    )

    def to_dict(self) -> dict[str, JsonValue]:
        """Return plain data with the keys that were given, and no others."""
        return self.model_dump(exclude_unset=True)

    def with_values(self, **changes: object) -> Self:
        """Return a copy with some fields set anew.

        Raises:
            SeqbenchError: a value is none that its field takes.
        """
        return validate(type(self), {**self.to_dict(), **changes}, type(self).__name__)


Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], data: object, where: str) -> Model:
    """Build a model from plain data.

    Args:
        model: class to build.
        data: mapping of field names to values.
        where: origin of the data, such as a file, for the error.

    Raises:
        SeqbenchError: a key is unknown or missing, or a value has the wrong type; the sentence names ``where`` and
            the key.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise SeqbenchError(explain_validation_error(error, model, where)) from None


_EXPECTED = {
    "int_type": "a whole number",
    "greater_than_equal": "a whole number of at most 64 bits",
    "less_than_equal": "a whole number of at most 64 bits",
    "float_type": "a number",
    "finite_number": "a finite number",
    "number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "string_unicode": "text in UTF-8",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "dataclass_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "none_required": "null",
}
"""What a value had to be, by the type of pydantic's error."""


def explain_validation_error(error: ValidationError, model: type, where: str) -> str:
    """Return one sentence about the first mistake in the data that a model refused.

    Args:
        error: raised by the model.
        model: class that refused the data.
        where: origin of the data, such as a file.
    """
    first = min(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
    *parents, last = first["loc"] or ("",)
    place = _dotted(where, parents)
    if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        key = str(last)[:60]
        return f"{place} has the unknown key '{key}'.{did_you_mean(key, _keys(model, parents))}"
    if first["type"] in ("missing", "missing_argument"):
        return f"{place} lacks the key '{last}'."
    if first["type"] == "invalid_key":
        return f"{place} has the key {short_repr(first['input'])}; keys must be text."
    return f"{_dotted(where, first['loc'])} must be {_expected(first)}."


def _expected(error: ErrorDetails) -> str:
    """Return what a value had to be, and what it was."""
    if error["type"] == "value_error":
        return f"plain data: {error['ctx']['error']}"
    if error["type"] == "literal_error":
        return f"{error['ctx']['expected']}, got {short_repr(error['input'])}"
    return f"{_EXPECTED.get(error['type'], error['msg'])}, got {short_repr(error['input'])}"


def _dotted(where: str, location: typing.Iterable[int | str]) -> str:
    """Return a place in the data: ``result.json: config.card`` or ``curves.train.loss[3]``."""
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{str(step)[:60]}"
    path = path.removeprefix(".")
    return f"{where}: {path}" if where and path else where or path or "the data"


def _keys(model: object, location: typing.Sequence[int | str]) -> list[str]:
    """Return the keys that the model at a place of the data knows."""
    for step in location:
        model = _inner_type(model, step)
    model = next((part for part in _union_members(model) if hasattr(part, "model_fields")), None)
    fields: Mapping[str, typing.Any] = getattr(model, "model_fields", {})  # pydantic's FieldInfo, of any class.
    return [field.alias or name for name, field in fields.items()]


def _inner_type(model: object, step: int | str) -> object:
    for part in _union_members(model):
        fields = getattr(part, "model_fields", {})
        for name, field in fields.items():
            if step in (name, field.alias):
                annotation: object = field.annotation
                return annotation
        if arguments := typing.get_args(part):
            return arguments[-1]
    return None


def _union_members(annotation: object) -> tuple[object, ...]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return typing.get_args(annotation)
    return (annotation,)
