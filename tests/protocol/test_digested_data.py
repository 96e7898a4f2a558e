"""Digests hold what decides the results, and stay the same when an optional key is added with its neutral value."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from pydantic.dataclasses import dataclass

from seqbench.protocol import digested_data, registry
from seqbench.protocol.cards import Card, Optim, Tier, load_card
from seqbench.protocol.config import PairOptions
from seqbench.protocol.digested_data import DESCRIPTIONS, NEUTRAL, digested_fields, without_neutral
from seqbench.utils.strict_model import STRICT

OPTIM: dict[str, Any] = {"steps": 10, "batch_size": 2, "validate_every": 5, "lr": 0.1}


def optional_fields(kind: type) -> set[str]:
    fields = [field for field in dataclasses.fields(kind) if not is_required(field)]
    return {field.name for field in fields} - set(DESCRIPTIONS.get(kind.__name__, ()))


def is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


@pytest.mark.parametrize("kind", [Card, Tier, Optim, PairOptions], ids=lambda kind: kind.__name__)
def test_each_optional_key_has_a_neutral_value(kind: type) -> None:
    """A key without one changes every digest: add it to ``NEUTRAL`` with the value that means as before."""
    assert optional_fields(kind) == set(NEUTRAL[kind.__name__])


def test_the_neutral_values_are_those_of_the_first_cards_of_version_2() -> None:
    """Another value would change what an omitted key means in every earlier digest; change the default alone."""
    first = {
        "optimizer": "adam",
        "weight_decay": 0.0,
        "betas": (0.9, 0.999),
        "momentum": 0.0,
        "schedule": "constant",
        "warmup": 0,
        "clip": 0.0,
    }
    assert {name: NEUTRAL["Optim"][name] for name in first} == first
    assert NEUTRAL["PairOptions"]["bridge"] == "additive"


def test_a_key_at_its_neutral_value_is_left_out_whether_it_is_given_or_not() -> None:
    given = Optim(**OPTIM, optimizer="adam", betas=(0.9, 0.999), clip=0.0)
    assert digested_fields(given) == digested_fields(Optim(**OPTIM)) == OPTIM
    assert digested_fields(Optim(**OPTIM, clip=1.0)) == {**OPTIM, "clip": 1.0}
    assert without_neutral("Optim", {"betas": [0.9, 0.999]}) == {}


def test_a_new_optional_key_of_the_optimisation_changes_no_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    neutral = {**NEUTRAL, "Optim": {**NEUTRAL["Optim"], "label_smoothing_of_a_test": 0.0}}
    monkeypatch.setattr(digested_data, "NEUTRAL", neutral)

    @dataclass(frozen=True, config=STRICT)
    class NewOptim(Optim):
        label_smoothing_of_a_test: float = 0.0

    NewOptim.__name__ = "Optim"
    card = load_card("copy")
    small = card.tier("small")
    for value, same in ((0.0, True), (0.1, False)):
        optim = NewOptim(**dataclasses.asdict(small.optim), label_smoothing_of_a_test=value)
        changed = dataclasses.replace(card, tiers={**card.tiers, "small": dataclasses.replace(small, optim=optim)})
        assert "label_smoothing_of_a_test" in dataclasses.asdict(changed.tier("small").optim)
        assert (changed.digest("small") == card.digest("small")) is same


@pytest.mark.parametrize("kind", ["Card", "Tier"])
def test_a_new_optional_key_of_a_card_or_a_tier_changes_no_digest(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digested_data, "NEUTRAL", {**NEUTRAL, kind: {**NEUTRAL[kind], "new_key": None}})

    @dataclass(frozen=True, config=STRICT)
    class NewCard(Card):
        new_key: int | None = None

    @dataclass(frozen=True, config=STRICT)
    class NewTier(Tier):
        new_key: int | None = None

    NewCard.__name__, NewTier.__name__ = "Card", "Tier"
    card = load_card("char-lm-ptb")

    def digest(value: int | None) -> str:
        fields = {field.name: getattr(card, field.name) for field in dataclasses.fields(Card)}
        if kind == "Card":
            return NewCard(**fields, new_key=value).digest("paper")
        paper = {field.name: getattr(card.tier("paper"), field.name) for field in dataclasses.fields(Tier)}
        return Card(**{**fields, "tiers": {"paper": NewTier(**paper, new_key=value)}}).digest("paper")

    assert digest(None) == card.digest("paper")
    assert digest(1) != card.digest("paper")


def test_changes_of_the_optimisation_count_by_their_values_and_not_by_their_spelling() -> None:
    optim = Optim(**OPTIM)

    def digested(optims: dict[str, dict[str, Any]]) -> dict[str, object]:
        return Tier(optim=optim, arch={"d_model": 8}, optims=optims).digested(["tcn", "gru"])

    assert digested({"tcn": {"lr": "2e-1"}}) == digested({"tcn": {"lr": 0.2}})
    assert digested({"tcn": {"lr": 0.2}}) != digested({"gru": {"lr": 0.2}})
    assert digested({"tcn": {"lr": 0.1}}) == digested({})


def test_numbers_of_one_value_and_arguments_of_all_tiers_and_of_one_have_one_digest() -> None:
    card = load_card("copy")
    small = card.tier("small")

    def digest(arguments: dict[str, Any], task: dict[str, Any], **changes: Any) -> str:
        tier = dataclasses.replace(small, task=task, **changes)
        return dataclasses.replace(card, arguments=arguments, tiers={"small": tier}).digest("small")

    expected = digest({"delay": 30}, {"blank_weight": 1.0})
    assert digest({}, {"delay": 30, "blank_weight": 1.0}) == expected
    assert digest({"delay": 9, "blank_weight": 1}, {"delay": 30}) == expected
    assert digest({"delay": 31}, {"blank_weight": 1.0}) != expected
    assert digest({"delay": 30}, {"blank_weight": 1}, seeds=5, body={"dropout": 0}) == expected
    assert digest({"delay": 30}, {"blank_weight": 1}, body={"dropout": 0.1}) != expected


def test_only_keys_of_prose_and_limits_are_in_no_digest() -> None:
    for kind in (Card, Tier):
        names = {field.name for field in dataclasses.fields(kind)} | {"limits"}
        assert set(DESCRIPTIONS[kind.__name__]) <= names


def test_every_card_of_seqbench_names_a_registered_kind_of_data() -> None:
    for name, entries in registry.list_entries(registry.TASKS).items():
        if entries[0].distribution == registry.SEQBENCH:
            card = load_card(name)
            assert card.datamodule in registry.list_entries(registry.DATAMODULES)
            assert card.version >= 2
