from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from hypothesis import given

from seqbench.leaderboard import board_builder
from seqbench.leaderboard.data import record_collection
from seqbench.leaderboard.data.checked_records import CheckedRecord
from seqbench.leaderboard.data.record_collection import ExcludedRecord
from seqbench.protocol.records import build_record
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import check_plain
from tests.fuzzing import strategies
from tests.fuzzing.strategies import tried
from tests.leaderboard import kit
from tests.leaderboard.kit import board_data, example_record, write_records

SECTIONS = ("results", "measured", "config")


def test_a_document_does_not_depend_on_the_order_of_its_records(tmp_path: Path) -> None:
    records = [
        example_record(task, arch, seed, 0.5 + 0.1 * seed)
        for task in ("copy", "parity")
        for arch in ("a", "b")
        for seed in range(3)
    ]
    modified = example_record(seed=1, modified=("data",))
    found = list(record_collection.collect_records([write_records(tmp_path, *records, modified)]))
    first = board_builder.build_board_data(kit.example_board(), found).to_json()
    for seed in range(5):
        random.Random(seed).shuffle(found)
        assert board_builder.build_board_data(kit.example_board(), found).to_json() == first


def test_a_document_of_nothing_is_a_document(tmp_path: Path) -> None:
    document = board_data(kit.example_board(), tmp_path)
    assert (document.records, document.overall, document.published) == (0, None, [])
    check_plain(document.to_plain(), "document")


def test_the_place_of_a_folder_makes_no_difference(tmp_path: Path) -> None:
    for name in ("here", "there"):
        write_records(tmp_path / name, example_record())
    assert board_data(kit.example_board(), tmp_path / "here") == board_data(kit.example_board(), tmp_path / "there")


@tried(60)
@given(data=strategies.broken([{key: getattr(example_record(), key).to_dict() for key in SECTIONS}]))
def test_no_record_however_broken_keeps_a_board_from_being_built(data: object) -> None:
    if not isinstance(data, dict) or not all(isinstance(data.get(key), dict) for key in SECTIONS):
        return  # Not even read: see test_records.
    found: list[CheckedRecord | ExcludedRecord] = []
    for sections in (data, {key: getattr(example_record(), key).to_dict() for key in SECTIONS}):
        try:
            made = build_record(*(sections[key] for key in SECTIONS))
            found.append(record_collection.check_record(replace(made, checksum=made.digest()), str(len(found))))
        except (SeqbenchError, TypeError, ValueError):  # A status that no record can have, or no plain data.
            continue
    board_builder.build_board_data(kit.example_board(), found).to_json()
