from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seqbench.protocol import record_reference
from seqbench.protocol.record_fields import RecordFile
from tests.record_data import complete_record

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / record_reference.PAGE).read_text(encoding="utf-8")
AGAIN = "run `python -m seqbench.protocol.record_reference docs`"


def test_the_committed_schema_is_current() -> None:
    committed = (ROOT / "docs" / record_reference.SCHEMA_FILE).read_text(encoding="utf-8")
    assert committed == record_reference.json_schema(), AGAIN


def test_the_tables_of_the_page_are_current() -> None:
    assert record_reference.update_page(PAGE) == PAGE, AGAIN


def test_each_field_of_each_model_is_on_the_page_with_its_meaning() -> None:
    models = dict(record_reference._models("", RecordFile))
    assert {"", "results", "measured", "config", "config.options.optim", "config.tuning.tried[*]"} <= models.keys()
    for path, model in models.items():
        _, heading, section = PAGE.partition(f"### {f'`{path}`' if path else 'The file'}\n")
        assert heading, path
        table = section.partition("\n### ")[0]
        for name, field in model.model_fields.items():
            assert field.description, f"{path}.{name} has no description"
            assert f"| `{field.alias or name}` |" in table


def test_types_are_described_in_words() -> None:
    tables = record_reference.field_tables()
    assert "| `seed` | whole number | Seed of the run. |" in tables
    assert "| `chance` | number or null |" in tables
    assert "| `lengths` | mapping to list of number; optional |" in tables
    assert '| `direction` | `"max"` or `"min"` |' in tables


def test_a_page_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="the page must contain"):
        record_reference.update_page("# result.json\n")


def check(schema: dict[str, Any], data: object, definitions: dict[str, Any], path: str = "") -> None:
    """Check data against the parts of JSON Schema that the generated schema uses."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        for option in schema["anyOf"]:
            try:
                return check(option, data, definitions, path)
            except AssertionError:
                continue
        raise AssertionError(path)
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
    kind = schema.get("type")
    if kind == "number":
        assert type(data) in (int, float), path
    elif kind:
        assert type(data) is kinds[kind], path
    assert data in schema.get("enum", [data]), path
    if isinstance(data, dict):
        known = schema.get("properties", {})
        assert set(schema.get("required", ())) <= data.keys(), path
        if schema.get("additionalProperties") is False:
            assert data.keys() <= known.keys(), path
        for key, value in data.items():
            extra = schema.get("additionalProperties")
            inner = known.get(key, extra if isinstance(extra, dict) else {})
            check(inner, value, definitions, f"{path}.{key}")
    if isinstance(data, list):
        for item in data:
            check(schema.get("items", {}), item, definitions, f"{path}[]")
    return None


def test_records_agree_with_the_schema_and_broken_ones_do_not() -> None:
    schema = json.loads(record_reference.json_schema())
    committed = sorted((ROOT / "leaderboards").glob("*/results/**/*.json"))[::10]
    for text in (complete_record().to_json(), *(path.read_text(encoding="utf-8") for path in committed)):
        record = json.loads(text)
        check(schema, record, schema["$defs"])
        for broken in ({**record, "extra": 1}, {**record, "measured": {**record["measured"], "seconds": "1"}}):
            with pytest.raises(AssertionError):
                check(schema, broken, schema["$defs"])
