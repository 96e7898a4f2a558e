"""One field of a true record is edited, with a new checksum: the check that ``checked_fields`` names finds it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqbench import verification
from seqbench.protocol import records
from seqbench.protocol.records import Record
from seqbench.running import runner
from seqbench.utils.errors import SeqbenchError
from seqbench.verification import checked_fields, record_subject, verify
from seqbench.verification.blind.hosted_net import HostedNet
from seqbench.verification.blind.net_description import NetDescription
from seqbench.verification.blind.net_requests import start_message
from seqbench.verification.checked_fields import RETRAIN, WORD, find_check
from tests.fuzzing.strategies import FAST, tried
from tests.verification.helpers import NET_CHECKS, RecordData, resolve

SLOW_CHECKS = ("start", *NET_CHECKS)
"""Checks that run or train the net."""

Place = tuple[str | int, ...]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    return runner.run(resolve(), tmp_path_factory.mktemp("runs")).folder


def leaves(data: object, place: Place = ()) -> Iterator[tuple[Place, object]]:
    """Return the place and value of each number, text and truth value of a record."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else None
    if items is None:
        yield place, data
        return
    for key, value in items:
        yield from leaves(value, (*place, key))


def field_at(place: Place) -> str:
    """Return the field of a record that a place belongs to; empty for a place in no field."""
    for length in range(1, len(place) + 1):
        for field in checked_fields.list_fields():
            parts = field.split(".")
            if len(parts) == length and all(a in ("*", str(b)) for a, b in zip(parts, place, strict=False)):
                return field
    return ""


def expected_check(data: RecordData, place: Place, value: object) -> str:
    """Return the check that must find a false value at a place, with the remarks of the table."""
    field = field_at(place)
    if field.startswith("results.curves"):
        results, kind = data["results"], place[2]
        if results["curves"][kind]["step"][int(place[-1])] > results["best_step"]:
            return RETRAIN
    if field == "config.options.task" and place[3] in ("data_dir", "source"):
        return WORD
    if field == "config.data_facts" and isinstance(value, str):
        return WORD
    return find_check(field)


def false_places(data: RecordData) -> list[tuple[Place, object]]:
    """Return each place of a record whose value can be edited; null stands for whole parts that a record lacks."""
    found = [(place, value) for place, value in leaves(data) if place[0] in ("results", "measured", "config")]
    # A logger that does not exist is no option of a run.
    named = [(place, value) for place, value in found if value is not None and place[-1] != "logger"]
    return [(place, value) for place, value in named if field_at(place)]


@st.composite
def false_values(draw: st.DrawFn, value: object) -> object:
    """Draw another value of the same type."""
    match value:
        case bool():
            return not value
        case int():
            return value + draw(st.sampled_from([1, -1, 7, 1000]))
        case float():
            return value * draw(st.sampled_from([0.5, 1.01, -2.0])) + draw(st.sampled_from([0.001, 1.0]))
        case str():
            return draw(st.sampled_from([value + "x", value[::-1] + "0", "ok", "0" * 64]).filter(lambda x: x != value))
        case _:
            return draw(st.sampled_from([1, 0.5]))


def edit(data: RecordData, place: Place, value: object) -> RecordData:
    """Return a record with another value at a place."""
    changed: Any = copy.deepcopy(data)
    holder = changed
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    return changed


def found_by(folder: Path, data: RecordData) -> dict[str, str]:
    """Return the checks that did not agree with a record, with their messages; empty if all of them did."""
    try:
        record = records.build_record(data["results"], data["measured"], data["config"])
    except SeqbenchError as error:
        return {"format": str(error)}
    record.write(folder)
    return {one.name: one.message for one in verify.verify_record(folder).checks if one.state != "ok"}


class LocalPair:
    """Describes the net of a record in this process, which is faster than two new ones.

    Args:
        record: record of the run.
        weights: weights of the checkpoint by name.
        threads: CPU threads of the run.
        hidden: not used; this process may read all files.
    """

    def __init__(
        self, record: Record, weights: Mapping[str, Tensor], threads: int, hidden: Sequence[Path] = ()
    ) -> None:
        self.start = start_message(record, weights, "cpu", threads, costs=True)

    def __enter__(self) -> LocalPair:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def describe(self) -> NetDescription:
        words = {"isolation": "none", "confined_by_kernel": False}
        return NetDescription.model_validate({**HostedNet(self.start).describe(), **words})


@pytest.fixture
def without_net(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the checks that run the net, and build it in this process for the others."""
    checks = {name: check for name, check in verification.CHECKS.items() if name not in SLOW_CHECKS}
    monkeypatch.setattr(verify, "CHECKS", checks)
    monkeypatch.setattr(record_subject, "NetPair", LocalPair)


@pytest.mark.usefixtures("without_net")
@settings(tried(FAST // 2), phases=[Phase.generate])  # A smaller example of an edit says no more.
@given(st.data())
def test_an_edit_is_found_by_its_check_or_is_the_submitters_word(run: Path, draws: st.DataObject) -> None:
    data = json.loads((run / records.NAME).read_text())
    place, value = draws.draw(st.sampled_from(false_places(data)))
    check = expected_check(data, place, value)
    false = draws.draw(false_values(value))
    try:
        found = found_by(run, edit(data, place, false))
    finally:
        (run / records.NAME).write_text(json.dumps(data))
    where = ".".join(map(str, place))
    if check in (WORD, RETRAIN) or check in SLOW_CHECKS:
        assert not found or set(found) <= {"format", "record"}, f"{where} = {false!r}: {found}"
    else:
        assert check in found or "format" in found, f"{where} = {false!r} was not found by {check}, but by {found}"
