"""Broken cards, derived from the shipped ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given

from seqbench.protocol import cards
from seqbench.protocol.cards import Card
from seqbench.utils import plain_data
from seqbench.utils.errors import SeqbenchError
from tests.fuzzing import strategies
from tests.fuzzing.guard import only_within

TEXTS = [path.read_text(encoding="utf-8") for path in sorted((Path(__file__).parents[2] / "tasks").glob("*.yaml"))]
CARDS = [data for data in map(yaml.safe_load, TEXTS) if "alias" not in data]


def parse(data: Any) -> Card | None:
    """Return the card of some data, with all its digests computed; None if the data are refused."""
    try:
        card = cards.parse_card(data, "toy.yaml")
    except SeqbenchError as error:
        assert str(error).startswith("toy.yaml cannot be used: ")
        assert len(str(error)) < 2000
        return None
    for tier in card.tiers:
        card.digest(tier)
    return card


def parse_file(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    try:
        data_read = plain_data.read_yaml(path)
    except SeqbenchError as error:
        assert str(path) in str(error)
        return
    parse(data_read)


def fuzz_data(examples: int, folder: Path, random: bool = False) -> int:
    """Parse broken plain data; return the number of cases."""
    count = 0

    @strategies.tried(examples, random)
    @given(strategies.broken(CARDS))
    def each(data: Any) -> None:
        nonlocal count
        count += 1
        with only_within(folder):
            parse(data)

    each()
    return count


def fuzz_files(examples: int, folder: Path, random: bool = False) -> int:
    """Parse broken files; return the number of cases."""
    count = 0

    @strategies.tried(examples, random)
    @given(strategies.broken_text(TEXTS))
    def each(data: bytes) -> None:
        nonlocal count
        count += 1
        with only_within(folder):
            parse_file(folder / "card.yaml", data)

    each()
    assert {path.name for path in folder.iterdir()} == {"card.yaml"}
    return count


def test_a_broken_card_is_accepted_or_refused_in_a_sentence(tmp_path: Path) -> None:
    assert fuzz_data(2 * strategies.FAST, tmp_path) > strategies.FAST


def test_a_broken_card_file_is_accepted_or_refused_in_a_sentence(tmp_path: Path) -> None:
    assert fuzz_files(2 * strategies.FAST, tmp_path) > strategies.FAST


@pytest.mark.slow
@pytest.mark.exhaustive
def test_thousands_of_broken_cards_are_accepted_or_refused_in_a_sentence(tmp_path: Path) -> None:
    counts = {"data": fuzz_data(2500, tmp_path, True), "files": fuzz_files(2500, tmp_path, True)}
    print(counts)
    assert min(counts.values()) >= 2000
