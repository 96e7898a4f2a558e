from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from seqbench.protocol import cards, registry
from seqbench.utils.errors import SeqbenchError

TASKS = Path(__file__).resolve().parents[2] / "tasks"

VALID: dict[str, Any] = {
    "name": "toy",
    "version": 1,
    "summary": "a toy",
    "example": "a -> b",
    "datamodule": "x:Y",
    "metric": {"name": "accuracy", "direction": "max"},
    "citation": "none",
    "licence": "none",
    "arguments": {"delay": 3},
    "tiers": {
        "small": {
            "arch": {"d_model": 8},
            "optim": {"steps": 10, "batch_size": 2, "validate_every": 5, "lr": 0.1},
            "learning_rates": [0.1, 0.2],
        }
    },
}


def changed(path: str, value: Any) -> dict[str, Any]:
    data = copy.deepcopy(VALID)
    *folders, last = path.split("/")
    place = data
    for folder in folders:
        place = place[folder]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return data


ALIASES = {
    "char-lm": "char-lm-shakespeare",
    "music": "music-jsb",
    "sentiment": "sentiment-sst2",
    "translation": "translation-multi30k-en-de",
}


@pytest.mark.parametrize("name", sorted(registry.list_entries(registry.TASKS)))
def test_every_shipped_card_is_valid(name: str) -> None:
    card = cards.load_card(name)
    assert card.name == name or name in ALIASES
    assert {"smoke", "small", "medium"} <= set(card.tiers)
    lines = sum(1 for line in (TASKS / f"{card.name}.yaml").read_text().splitlines() if line.strip())
    assert lines <= 65
    assert card.limits.startswith("A ")
    assert card.limits.count(".") >= 1


def test_every_card_file_is_registered() -> None:
    assert {path.stem for path in TASKS.glob("*.yaml")} == set(registry.list_entries(registry.TASKS))


@pytest.mark.parametrize(("name", "stands_for"), ALIASES.items())
def test_a_short_name_loads_the_card_that_it_stands_for(name: str, stands_for: str) -> None:
    assert cards.load_card(name).name == stands_for


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("colour", "red", "it has the unknown key 'colour'"),
        ("metrik", {}, "Did you mean 'metric'"),
        ("tiers/small/optim/step", 3, "tiers.small.optim has the unknown key 'step'. Did you mean 'steps'"),
        ("tiers/huge", {}, "tiers has the unknown key 'huge'"),
        ("summary", ..., "lacks the key 'summary'"),
        ("version", "one", "version must be a whole number, got 'one'"),
        ("version", 0, "version must be a whole number from 1, got 0"),
        ("version", True, "version must be a whole number, got True"),
        ("metric/direction", "up", "direction must be 'max' or 'min', got 'up'"),
        ("tiers", [], "tiers must be a mapping"),
        ("tiers/small/optim/lr", -1.0, "lr must be a positive number"),
        ("tiers/small/optim/lr", 0.5, "is not in its learning_rates"),
        ("tiers/small/optim/validate_every", 4, "must divide optim.steps"),
        ("tiers/small/optim/warmup", 10**6, "optim.warmup (1000000) must be at most optim.steps"),
        ("tiers/small/optim/optimizer", "adan", "Did you mean 'adam'"),
        ("tiers/small/optim/steps", 0, "steps must be at least 1"),
        ("tiers/small/optim/betas", [0.9], "betas must be a list of more than 1 values, got [0.9]"),
        ("tiers/small/task", 3, "tiers.small.task must be a mapping"),
        ("tiers/small/optim/steps", 2**70, "optim.steps must be at most 1e+12"),
        pytest.param("arguments/delay", 10**5000, "delay is a whole number of 16610 bits", id="huge"),
        ("arguments/delay", "\ud800", "with half of a character"),
        ("tiers/small/learning_rates", [0.1, "1e400"], "learning_rates[1] must be a finite number"),
        ("tiers/small/optim/weight_decay", "nan", "weight_decay must be a finite number, got nan"),
        ("name", "../toy", "name must be of letters, digits, dots, dashes and underscores"),
        ("name", "..", "name must be of letters"),
        ("name", "/toy", "name must be of letters"),
        ("name", "toy\n", "name must be of letters"),
    ],
)
def test_a_broken_card_is_refused_with_the_name_of_the_key(path: str, value: Any, sentence: str) -> None:
    with pytest.raises(SeqbenchError) as caught:
        cards.parse_card(changed(path, value), "toy.yaml")
    assert str(caught.value).startswith("toy.yaml cannot be used: ")
    assert sentence in str(caught.value)


def test_scientific_notation_without_a_dot_is_a_number() -> None:
    data = yaml.safe_load(yaml.safe_dump(changed("tiers/small/optim/lr", "1e-1")))
    assert cards.parse_card(data, "toy.yaml").tier("small").optim.lr == 0.1


def test_the_digest_depends_on_the_protocol_and_not_on_the_prose() -> None:
    digest = cards.parse_card(VALID, "").digest("small")
    for path, value in [("summary", "other"), ("citation", "x"), ("example", "y"), ("licence", "z")]:
        assert cards.parse_card(changed(path, value), "").digest("small") == digest
    assert cards.parse_card(changed("tiers/small/deviations", ["one"]), "").digest("small") == digest
    for key, other in [
        ("version", 2),
        ("name", "other"),
        ("arguments/delay", 4),
        ("tiers/small/optim/steps", 20),
        ("tiers/small/arch/d_model", 9),
        ("tiers/small/learning_rates", [0.1]),
        ("metric/name", "loss"),
    ]:
        assert cards.parse_card(changed(key, other), "").digest("small") != digest, key


def test_a_recipe_changes_only_the_digests_of_its_architecture() -> None:
    plain = cards.parse_card(VALID, "")
    for key, value in (("architectures", {"d_model": 9}), ("optims", {"lr": 0.5})):
        card = cards.parse_card(changed(f"tiers/small/{key}", {"tcn": value}), "")
        assert card.digest("small") == plain.digest("small")
        assert card.digest("small", ["gru"]) == plain.digest("small", ["gru"])
        assert card.digest("small", ["tcn"]) != plain.digest("small", ["tcn"]), key
        assert card.digest("small", ["gru", "tcn"]) != plain.digest("small", ["gru", "tcn"]), key


def test_an_unknown_tier_is_refused_with_the_closest_names() -> None:
    with pytest.raises(SeqbenchError, match=r"no tier 'smal'\. Did you mean 'small'"):
        cards.load_card("copy").tier("smal")


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["", "tiers", "tiers/small", "tiers/small/optim", "metric"]), st.text(max_size=8), plain)
def test_any_plain_data_under_any_key_is_accepted_or_refused_in_a_sentence(place: str, key: str, value: Any) -> None:
    data = copy.deepcopy(VALID)
    target = data
    for part in place.split("/") if place else []:
        target = target[part]
    target[key] = value
    try:
        cards.parse_card(data, "toy.yaml")
    except SeqbenchError as error:
        assert str(error).startswith("toy.yaml cannot be used")


@given(st.sampled_from([*VALID, "tiers/small/arch", "tiers/small/optim", "tiers/small/optim/betas"]), plain)
def test_any_value_of_a_known_key_is_accepted_or_refused_in_a_sentence(path: str, value: Any) -> None:
    try:
        cards.parse_card(changed(path, value), "toy.yaml").digest("small")
    except SeqbenchError as error:
        assert str(error)
