from __future__ import annotations

import math
import re
from typing import Literal

import pytest
from pydantic import Field
from pydantic.dataclasses import dataclass

from seqbench.utils.errors import SeqbenchError
from seqbench.utils.strict_model import (
    STRICT,
    Number,
    PlainMapping,
    PlainValue,
    StrictModel,
    WholeNumber,
    YamlFloat,
    validate,
)


class Inner(StrictModel):
    """A model in a model."""

    size: WholeNumber
    kind: Literal["max", "min"] = "max"


class Outer(StrictModel):
    """A model with every kind of field."""

    name: str = Field(alias="class")
    inner: Inner | None = None
    score: Number | None = None
    curve: list[Number] = Field(default_factory=list)
    named: dict[str, Inner] = Field(default_factory=dict)
    options: PlainMapping = Field(default_factory=dict)
    sample: PlainValue = None


@dataclass(frozen=True, config=STRICT)
class Options:
    """A dataclass as cards and options are."""

    steps: int
    lr: YamlFloat = 0.1
    betas: tuple[YamlFloat, YamlFloat] = (0.9, 0.99)
    inner: Inner | None = None

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise SeqbenchError(f"steps must be at least 1, got {self.steps}.")


@pytest.mark.parametrize(
    "data",
    [
        {"class": "x"},
        {"class": "x", "inner": None, "score": None},
        {"class": "x", "inner": {"size": 1}, "score": 2, "curve": [1, 1.0, -0.0], "named": {"a": {"size": 3}}},
        {"class": "x", "options": {"a": [1, {"b": None}]}, "sample": [[1, 2], "x"]},
    ],
)
def test_a_model_returns_exactly_the_keys_and_numbers_that_it_was_given(data: dict[str, object]) -> None:
    plain = validate(Outer, data).to_dict()
    assert plain == data
    assert repr(plain) == repr(data) or plain.keys() == data.keys()
    assert [type(number) for number in validate(Outer, {"class": "x", "curve": [1, 1.0]}).curve] == [int, float]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ([], "it must be a mapping of keys to values, got []."),
        ({}, "it lacks the key 'class'."),
        ({"class": "x", "sccore": 1}, "it has the unknown key 'sccore'. Did you mean 'score'?"),
        ({"class": 3}, "class must be text, got 3."),
        ({"class": "x", "score": "1"}, "score must be a finite number, got '1'."),
        ({"class": "x", "score": True}, "score must be a finite number, got True."),
        ({"class": "x", "score": math.inf}, "score must be a finite number, got inf."),
        ({"class": "x", "score": 2**70}, "score must be a finite number, got "),
        ({"class": "x", "curve": [1, None]}, "curve[1] must be a finite number, got None."),
        ({"class": "x", "curve": (1,)}, "curve must be a list, got (1,)."),
        ({"class": "x", "inner": {"size": 1.0}}, "inner.size must be a whole number, got 1.0."),
        ({"class": "x", "inner": {"size": 2**63}}, "inner.size must be a whole number of at most 64 bits, got "),
        (
            {"class": "x", "inner": {"size": 1, "kind": "mox"}},
            "inner.kind must be 'max' or 'min', got 'mox'. Did you mean",
        ),
        (
            {"class": "x", "named": {"a": {"size": 1, "syze": 2}}},
            "named.a has the unknown key 'syze'. Did you mean 'size'?",
        ),
        ({"class": "x", "options": []}, "options must be a mapping of keys to values, got []."),
        ({"class": "x", "options": {"a": math.nan}}, "options must be plain data: options.a is nan"),
        ({"class": "x", "sample": {1: 2}}, "sample must be plain data: sample has the key 1"),
    ],
)
def test_a_mistake_is_named_with_its_place(data: object, sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=re.escape(sentence)) as caught:
        validate(Outer, data)
    assert str(caught.value).startswith(sentence.partition(" ")[0])


def test_the_origin_and_the_name_of_the_data_are_part_of_the_sentence() -> None:
    with pytest.raises(SeqbenchError, match=r"^file\.json: data\.class must be text, got 1\.$"):
        validate(Outer, {"class": 1}, "data", "file.json")


def test_a_dataclass_takes_lists_for_tuples_and_numbers_as_text() -> None:
    options = validate(Options, {"steps": 3, "lr": "1e-3", "betas": [0.5, 1], "inner": {"size": 2}})
    assert options == Options(3, 0.001, (0.5, 1.0), Inner(size=2))
    assert type(options.betas[1]) is float


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "optim lacks the key 'steps'."),
        ({"steps": 1, "step": 2}, "optim has the unknown key 'step'. Did you mean 'steps'?"),
        ({"steps": "1"}, "optim.steps must be a whole number, got '1'."),
        ({"steps": True}, "optim.steps must be a whole number, got True."),
        ({"steps": 1, "lr": "fast"}, "optim.lr must be a number, got 'fast'."),
        ({"steps": 1, "lr": "inf"}, "optim.lr must be a finite number, got inf."),
        ({"steps": 1, "lr": math.nan}, "optim.lr is nan, which JSON cannot hold"),
        ({"steps": 1, "betas": [0.5]}, "optim.betas must be a list of more than 1 values, got [0.5]."),
        ({"steps": 1, "betas": [0.5, 0.5, 0.5]}, "optim.betas"),
        ({"steps": 0}, "steps must be at least 1, got 0."),
        ({"steps": {1, 2}}, "optim.steps is a set, not plain data"),
    ],
)
def test_a_mistake_in_a_dataclass_is_named_with_its_key(data: object, sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=re.escape(sentence)):
        validate(Options, data, "optim")


def test_a_copy_with_other_values_is_validated() -> None:
    model = validate(Outer, {"class": "x", "score": 1})
    assert model.with_values(score=2.5).to_dict() == {"class": "x", "score": 2.5}
    with pytest.raises(SeqbenchError, match="score must be a finite number"):
        model.with_values(score="high")
    with pytest.raises(SeqbenchError, match="unknown key 'scores'"):
        model.with_values(scores=1)


def test_a_model_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        validate(Outer, {"class": "x"}).score = 3
