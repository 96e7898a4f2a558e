from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from seqbench import registry
from seqbench.errors import SeqbenchError


class Point(SimpleNamespace):
    """An entry point of a distribution that is not really installed."""


def point(name: str, value: str, dist: str, version: str = "1.0") -> Point:
    return Point(name=name, value=value, dist=SimpleNamespace(name=dist, version=version))


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Point]]:
    points = [point("gru", "seqbench.architectures.recurrent:GRU", "seqbench")]
    offered = SimpleNamespace(select=lambda group: points if group == registry.ARCHITECTURES else [])
    monkeypatch.setattr(registry, "_installed", lambda: offered)
    registry.entries.cache_clear()
    yield points
    registry.entries.cache_clear()


def test_built_ins_are_registered_under_the_public_groups() -> None:
    assert {"gru", "lstm", "rnn"} <= set(registry.entries(registry.ARCHITECTURES))
    assert {"copy", "parity", "parity-last", "char-lm"} <= set(registry.entries(registry.TASKS))
    assert isinstance(EntryPoint("a", "b:c", registry.ARCHITECTURES), EntryPoint)


def test_a_name_resolves_to_its_class() -> None:
    from seqbench.architectures.recurrent import GRU

    assert registry.find(registry.ARCHITECTURES, "gru").load() is GRU


def test_an_unknown_name_gets_the_close_matches() -> None:
    with pytest.raises(SeqbenchError, match=r"unknown architecture 'gruu'\. Did you mean 'gru'"):
        registry.find(registry.ARCHITECTURES, "gruu")


def test_two_distributions_with_one_name_are_both_named(offer: list[Point]) -> None:
    offer.append(point("gru", "other:GRU", "other-package", "2.0"))
    with pytest.raises(SeqbenchError, match=r"seqbench 1\.0 .* and other-package 2\.0"):
        registry.find(registry.ARCHITECTURES, "gru")


def test_one_distribution_seen_twice_is_no_clash(offer: list[Point]) -> None:
    offer.append(point("gru", "seqbench.architectures.recurrent:GRU", "seqbench"))
    assert registry.find(registry.ARCHITECTURES, "gru").distribution == "seqbench"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("no_such_package:Net", "ModuleNotFoundError"),
        ("seqbench.architectures.recurrent:Nothing", "AttributeError"),
    ],
)
def test_a_broken_plug_in_breaks_only_itself(offer: list[Point], value: str, reason: str) -> None:
    offer.append(point("broken", value, "broken-package"))
    with pytest.raises(SeqbenchError, match=rf"'broken' \(from broken-package 1\.0\).*{reason}"):
        registry.find(registry.ARCHITECTURES, "broken").load()
    registry.find(registry.ARCHITECTURES, "gru").load()


def test_a_class_may_be_given_by_its_path() -> None:
    entry = registry.find(registry.ARCHITECTURES, "seqbench.architectures.recurrent:LSTM")
    assert entry.load().__name__ == "LSTM"
    assert entry.distribution is None


def test_without_any_entry_the_missing_install_is_named(offer: list[Point]) -> None:
    with pytest.raises(SeqbenchError, match="not installed in this environment"):
        registry.find(registry.TASKS, "copy")
