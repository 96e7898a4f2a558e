from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from hypothesis import given

from seqbench.leaderboard.board_builder import build_board_data
from seqbench.leaderboard.data.record_collection import CollectedRecord, check_record, collect_records
from seqbench.protocol.records import build_record
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import check_plain
from tests.fuzzing import strategies
from tests.fuzzing.strategies import tried
from tests.leaderboard.kit import board_data, example_board, example_record, write_records

SECTIONS = ("results", "measured", "config")


def test_the_order_of_the_records_has_no_effect(tmp_path: Path) -> None:
    records = [
        example_record(task, arch, seed, 0.5 + 0.1 * seed)
        for task in ("copy", "parity")
        for arch in ("a", "b")
        for seed in range(3)
    ]
    records.append(example_record(seed=1, modified=("data",)))
    collected = list(collect_records([write_records(tmp_path, *records)]))
    text = build_board_data(example_board(), collected).to_json()
    for seed in range(5):
        random.Random(seed).shuffle(collected)
        assert build_board_data(example_board(), collected).to_json() == text


def test_the_path_of_the_folder_has_no_effect(tmp_path: Path) -> None:
    for name in ("here", "there"):
        write_records(tmp_path / name, example_record())
    assert board_data(example_board(), tmp_path / "here") == board_data(example_board(), tmp_path / "there")


def test_a_board_without_records_has_data(tmp_path: Path) -> None:
    data = board_data(example_board(), tmp_path)
    assert (data.records, data.overall, data.published) == (0, None, [])
    check_plain(data.to_plain(), "data")


def test_the_rules_are_those_of_the_board(tmp_path: Path) -> None:
    board = example_board(columns=["parameters"], source="a paper")
    rules = board_data(board, tmp_path).board
    assert (rules.name, rules.tier, rules.seeds, rules.source) == ("test", "small", 3, "a paper")
    assert list(rules.columns) == ["parameters"]
    assert rules.digest == board.digest()


@tried(60)
@given(sections=strategies.broken([{key: getattr(example_record(), key).to_dict() for key in SECTIONS}]))
def test_a_broken_record_does_not_prevent_the_others_from_counting(sections: object) -> None:
    if not isinstance(sections, dict) or not all(isinstance(sections.get(key), dict) for key in SECTIONS):
        return  # Such data are refused when a record is read: see test_records.
    collected: list[CollectedRecord] = []
    for data in (sections, {key: getattr(example_record(), key).to_dict() for key in SECTIONS}):
        try:
            record = build_record(*(data[key] for key in SECTIONS))
            collected.append(check_record(replace(record, checksum=record.digest()), str(len(collected))))
        except SeqbenchError:  # No record can have these values.
            continue
    build_board_data(example_board(), collected).to_json()
