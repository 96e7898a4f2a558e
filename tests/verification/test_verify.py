from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from seqbench import verification
from seqbench.protocol import records, registry
from seqbench.utils import plain_data
from seqbench.utils.errors import SeqbenchError
from seqbench.verification import training_process, verify
from seqbench.verification.training_process import repeat_start
from tests.verification.helpers import (
    CHECKS,
    RecordData,
    change_best_step,
    edit_record,
    message_of,
    negate_above_chance,
    remove_last_validation,
    skipped,
    states,
    wrong,
)


def test_a_true_record_agrees_bit_for_bit_and_its_folder_stays_as_it_is(run: Path) -> None:
    before = {path: path.is_file() and path.read_bytes() for path in run.rglob("*")}
    report = verify.verify_record(run)
    assert states(report) == dict.fromkeys(CHECKS, "ok")
    assert (report.ok, report.verdict) == (True, "Everything agrees with the record.")
    assert all("bit for bit" in check.message for check in report.checks if check.name in ("lines", "scores"))
    assert {path: path.is_file() and path.read_bytes() for path in run.rglob("*")} == before
    assert json.loads(plain_data.to_json(report.to_dict()))["checks"][0]["name"] == "record"


def test_this_process_never_imports_the_architecture(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = registry.Entry.load

    def load_no_architecture(entry: registry.Entry) -> Any:
        assert entry.group != registry.ARCHITECTURES, "the process with the targets imports an architecture"
        return load(entry)

    monkeypatch.setattr(registry.Entry, "load", load_no_architecture)
    monkeypatch.setattr(training_process, "repeat_start", repeat_start)
    assert states(verify.verify_record(run)) == dict.fromkeys(CHECKS, "ok")


@pytest.mark.usefixtures("nets_in_this_process")
def test_a_difference_within_the_tolerance_is_reported_and_a_larger_one_is_wrong(folder: Path) -> None:
    def change(data: RecordData) -> None:
        data["results"]["metrics"]["test"]["loss"]["value"] += 1e-9

    edit_record(folder, change)
    report = verify.verify_record(folder)
    assert report.ok
    assert "within 1e-06, at most 1.0e-09 off (test.loss)" in message_of(report, "scores")
    assert set(wrong(verify.verify_record(folder, tolerance=1e-12))) == {"scores"}


@pytest.mark.usefixtures("nets_in_this_process")
def test_without_the_checkpoint_its_checks_are_skipped(run: Path, tmp_path: Path) -> None:
    lone = tmp_path / "parity-gru-0.json"
    lone.write_bytes((run / records.NAME).read_bytes())
    report = verify.verify_record(lone)
    unchecked = "weights, scores, predictions, fresh test, causality, consistency"
    assert (report.ok, report.verdict) == (True, f"Nothing is wrong; not checked: {unchecked}.")
    assert all(
        "best.ckpt is not beside the record" in check.message
        for check in report.checks[-6:]
        if check.name != "predictions"
    )
    for change in (change_best_step, remove_last_validation, negate_above_chance):
        folder = tmp_path / "lone"
        folder.mkdir(exist_ok=True)
        shutil.copy(run / records.NAME, folder)
        edit_record(folder, change)
        assert set(wrong(verify.verify_record(folder))) == {"scores"}


@pytest.mark.usefixtures("nets_in_this_process")
def test_a_missing_library_skips_the_check(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(verification.CHECKS, "lines", lambda subject: importlib.import_module("no_such_library"))
    assert "No module named 'no_such_library'" in skipped(verify.verify_record(run), ["lines"])


HOSTILE: dict[str, dict[str, object]] = {
    "results": {"metrics": [None], "baselines": -1, "best_step": {"a": 1}, "curves": None, "weights": 1e308},
    "config": {"options": "\x1b[31mred", "card": [], "architecture": None, "spec": {"input": 1}, "data": ["x"]},
    "measured": {"threads": "many", "device": [1]},
}


@pytest.mark.parametrize("section", HOSTILE)
def test_a_hostile_record_is_refused_in_a_printable_sentence(folder: Path, section: str) -> None:
    path = folder / records.NAME
    whole = json.loads(path.read_text())
    for key, value in HOSTILE[section].items():
        path.write_text(json.dumps({**whole, section: {**whole[section], key: value}}))
        with pytest.raises(SeqbenchError, match=f"{section}.*{key}") as raised:
            verify.verify_record(folder)
        assert str(raised.value).isprintable()


def test_a_file_that_is_no_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(SeqbenchError, match="is not a record"):
        verify.verify_record(tmp_path / "x.json")
    with pytest.raises(SeqbenchError, match="no record at"):
        verify.verify_record(tmp_path)
