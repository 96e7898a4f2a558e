"""The reference of ``result.json``, generated from its models: a JSON Schema and tables of all fields.

``python -m seqbench.protocol.record_reference docs`` writes ``docs/result.schema.json`` and the tables of
``docs/result-json.md``.
"""

from __future__ import annotations

import json
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from seqbench.protocol.record_fields import RecordFile

SCHEMA_FILE, PAGE = "result.schema.json", "result-json.md"
BEGIN, END = "<!-- fields: generated -->\n", "<!-- end of fields -->\n"
"""Markers before and after the tables on the page."""

_NAMES: dict[object, str] = {
    int: "whole number",
    float: "number",
    str: "text",
    bool: "true or false",
    type(None): "null",
}


def json_schema() -> str:
    """Return the JSON Schema (draft 2020-12) of ``result.json`` as text."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **RecordFile.model_json_schema()}
    return json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def field_tables() -> str:
    """Return a Markdown table of the fields of each mapping in ``result.json``, in the order of the file's sections."""
    return "\n".join(_table(path, model) for path, model in _models("", RecordFile))


def update_page(page: str) -> str:
    """Return the text of the documentation page with updated tables.

    Raises:
        ValueError: the page lacks the markers before and after the tables.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page must contain {BEGIN.strip()} and {END.strip()}")
    return f"{before}{BEGIN}\n{field_tables()}\n{END}{after}"


def _models(path: str, model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield a model and the models in its fields, each with its dotted path in the file."""
    yield path, model
    for name, field in model.model_fields.items():
        for inner, suffix in inner_models(field.annotation, ""):
            yield from _models(f"{path}.{field.alias or name}{suffix}".removeprefix("."), inner)


def inner_models(annotation: object, suffix: str) -> Iterator[tuple[type[BaseModel], str]]:
    """Yield the models that values of a type contain, each with a suffix for keys (``.*``) or indices (``[]``)."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, suffix
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        for member in arguments:
            yield from inner_models(member, suffix)
    elif origin is dict:
        yield from inner_models(arguments[1], f"{suffix}.*")
    elif origin is list:
        yield from inner_models(arguments[0], f"{suffix}[*]")


def _table(path: str, model: type[BaseModel]) -> str:
    title = f"`{path}`" if path else "The file"
    summary = (model.__doc__ or "").strip().partition("\n")[0]
    rows = [
        f"| `{field.alias or name}` | {_type_name(field)} | {field.description} |"
        for name, field in model.model_fields.items()
    ]
    return "\n".join([f"### {title}", "", summary, "", "| Field | Type | Meaning |", "| --- | --- | --- |", *rows, ""])


def _type_name(field: FieldInfo) -> str:
    """Return the type of a field in words, with ``optional`` for a field that a record may lack."""
    name = _describe(field.annotation)
    return name if field.is_required() else f"{name}; optional"


def _describe(annotation: object) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in _NAMES:
        return _NAMES[annotation]
    if origin is typing.Annotated:
        return _describe(arguments[0])
    if origin in (typing.Union, types.UnionType):
        members = dict.fromkeys(_describe(member) for member in arguments)
        if "number" in members:
            members.pop("whole number", None)
        return " or ".join(members)
    if origin is typing.Literal:
        return " or ".join(f"`{json.dumps(value)}`" for value in arguments)
    if origin is dict:
        return f"mapping to {_describe(arguments[1])}"
    if origin is list:
        return f"list of {_describe(arguments[0])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mapping"
    return "plain data"


def main(folder: Path) -> None:
    """Write the schema and the tables of the page into the folder of the documentation."""
    (folder / SCHEMA_FILE).write_text(json_schema(), encoding="utf-8")
    page = folder / PAGE
    page.write_text(update_page(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
