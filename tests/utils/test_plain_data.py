from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqbench.utils import plain_data
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import check_plain, parse_json

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)


@given(anything)
def test_plain_data_are_written_and_read_back(data: Any) -> None:
    assert json.loads(plain_data.to_json(data)) == data


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (float("nan"), "record.a[1] is nan"),
        (float("inf"), "record.a[1] is inf"),
        (test_plain_data_are_written_and_read_back, "record.a[1] is a function"),
        ({1: 2}, "record.a[1] has the key 1"),
        (Path("x"), "record.a[1] is a"),
        ("a\ud800", "record.a[1] is the text 'a\\ud800', with half of a character"),
        ({"\udcff": 1}, "record.a[1] has the key '\\udcff'"),
        (2**1024, "record.a[1] is a whole number of 1025 bits"),
        ({10**5000: 1}, "record.a[1] has the key a value of type int"),
    ],
)
def test_a_value_that_is_not_plain_data_is_refused_with_its_place(value: Any, where: str) -> None:
    with pytest.raises(SeqbenchError) as caught:
        plain_data.to_json({"a": [0, value]})
    assert where in str(caught.value)


def test_data_that_contain_themselves_are_refused() -> None:
    data: dict[str, Any] = {}
    data["again"] = [data]
    with pytest.raises(SeqbenchError, match="nested more than 100 levels"):
        plain_data.to_json(data)


def test_yaml_that_would_execute_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    path.write_text("!!python/object/apply:os.system ['true']")
    with pytest.raises(SeqbenchError, match="not valid YAML"):
        plain_data.read_yaml(path)


def towers(first: str, each: str) -> str:
    """Return lines of anchors, each of which holds nine aliases of the previous one."""
    lines = [f"a{n}: &a{n} {each % ', '.join([f'*a{n - 1}'] * 9)}" for n in range(1, 12)]
    return "\n".join([f"a0: &a0 {first}", *lines])


ENDLESS = {
    "laughs": (towers("[x, x]", "[%s]"), "aliases stand for more than 100,000 values"),
    "merged": (towers("{x: 1}", "{<<: [%s]}"), "aliases stand for more than 100,000 values"),
    "itself": ("a: &a [*a]", r"the alias '\*a' is inside of its own anchor"),
    "below itself": ("&a {k: {k: *a}}", r"the alias '\*a' is inside of its own anchor"),
    # The loader of libyaml overruns its stack here.
    "deep": ("- " * 1_000_000, "nested more than 100 levels"),
    "brackets": ("[" * 200 + "]" * 200, "nested more than 100 levels"),
    "date": ("when: 2020-13-45", "not valid YAML: month must be in"),
    "digits": ("n: " + "9" * 5000, "not valid YAML: Exceeds the limit"),
    "truth": ("n: !!bool x", "not valid YAML"),
    "time": ("n: !!timestamp x", "not valid YAML"),
    "nowhere": ("a: *nowhere", "not valid YAML"),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ENDLESS)
def test_yaml_that_would_crash_the_loader_or_fill_the_memory_is_refused(tmp_path: Path, name: str) -> None:
    text, sentence = ENDLESS[name]
    path = tmp_path / "card.yaml"
    path.write_text(text)
    with pytest.raises(SeqbenchError, match=sentence) as caught:
        plain_data.read_yaml(path)
    assert str(path) in str(caught.value)


def test_a_few_aliases_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    path.write_text("a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: [*a, *a]\n")
    assert plain_data.read_yaml(path) == {"a": {"x": 1}, "b": {"x": 1, "y": 2}, "c": [{"x": 1}, {"x": 1}]}


@pytest.mark.timeout(20)
def test_a_pipe_a_device_and_a_folder_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "card.yaml")
    for path in (tmp_path / "card.yaml", Path("/dev/zero"), tmp_path):
        with pytest.raises(SeqbenchError, match="not a regular file"):
            plain_data.read_yaml(path)


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text(alphabet=st.characters(codec=None)),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    ),
    st.sampled_from(
        [
            "{}",
            "[1e999, {}]",
            "[1E+400, {}]",
            '["\\ud800", {}]',
            "[" * 101 + "{}" + "]" * 101,
            "9" * 400,
            '"\\\\\\"[[[", {}',
        ]
    ),
)
def test_json_is_read_as_the_standard_library_reads_it_or_refused(data: Any, shape: str) -> None:
    text = shape.replace("{}", json.dumps(data))
    try:
        expected = json.loads(text)
        check_plain(expected, "text")
    except (ValueError, SeqbenchError):
        with pytest.raises((ValueError, SeqbenchError)):
            parse_json(text.encode(), "text")
    else:
        assert parse_json(text.encode(), "text") == expected


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "{'a': 1}", "[1,]", "[1] x", "", '"\\ud800"', "[" * 100_000])
def test_text_that_is_no_strict_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="line 1"):
        plain_data.decode_json(text.encode())


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_read_to_the_last_bit(number: float) -> None:
    assert plain_data.decode_json(json.dumps(number).encode()) == number
