from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seqbench.records import TUNING_SEED, Record
from tests.leaderboard import kit
from tests.leaderboard.kit import leave, made, record


def reasons(document: dict[str, Any]) -> list[str]:
    return [aside["reason"] for aside in document["set_aside"]]


def rows(document: dict[str, Any], task: str = "copy") -> dict[str, dict[str, Any]]:
    (section,) = [section for section in document["tasks"] if section["task"] == task]
    return {row["label"]: row for row in section["rows"]}


def other_card(**changed: Any) -> Record:
    made = record(seed=1)
    return replace(made, config={**made.config, "card": {**made.config["card"], **changed}})


@pytest.mark.parametrize(
    ("strange", "reason"),
    [
        (record(seed=1, modified=("optim.steps", "task.delay")), "departs from the card in optim.steps, task.delay"),
        (record(seed=3), "seed 3 is none of the board's, which are 0 to 2"),
        (record(seed=1, parameters=120_000), "it has 120,000 parameters; the board asks for 100,000 ± 2 %"),
        (record(seed=1, status="interrupted", reason="stopped at step 7"), "it is unfinished: stopped at step 7"),
        (other_card(version=2), "it is of version 2 of the card copy; this board's is 1"),
        (other_card(digest="0" * 64), "its card copy is another than the one that is installed"),
        (other_card(direction="min"), "its metric is accuracy (min), the card's accuracy (max)"),
        (other_card(name=7), "it is no record of a run: card.name should be text, got 7"),
        (record(value=0.91), "it is a second record of one cell: 0.91, where "),
        (record(value=0.9, seconds=7.0), "it is the same run as "),
        (record(arch="other", status="failed", reason="x" * 999), None),
        (replace(record(seed=1), config={}), "card.metric should be text, got None"),
        (replace(record(seed=1), results={"status": "ok"}), "it ended ok and has no 'accuracy' on test"),
    ],
)
def test_what_does_not_count_is_named_and_the_rest_is_built(
    tmp_path: Path, strange: Record, reason: str | None
) -> None:
    leave(tmp_path / "a", record())
    strange.write(tmp_path / "b")
    document = made(kit.board(), tmp_path)
    assert rows(document)["gru"]["seeds"][0]["value"] == 0.9
    assert document["records"] == 1 if reason else 2
    if reason:
        (only,) = document["set_aside"]
        assert reason in only["reason"]
        assert only["origin"] == "b/result.json"
    else:
        assert document["set_aside"] == []


def test_files_that_are_no_records_are_named(tmp_path: Path) -> None:
    leave(tmp_path / "runs", record())
    good = json.loads(record(seed=1).to_json())
    for name, text in {
        "half": '{"results": {"sta',
        "newer": json.dumps({**good, "schema": 2}),
        "edited": json.dumps(good).replace("0.9", "0.99"),
        "old": json.dumps({key: value for key, value in good.items() if key != "checksum"}),
        "list": "[]",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text(text)
    document = made(kit.board(), tmp_path)
    assert document["records"] == 1
    found = {aside["origin"].partition("/")[0]: aside["reason"] for aside in document["set_aside"]}
    assert "it is not a readable record" in found["half"]
    assert "has schema 2, this seqbench reads 1" in found["newer"]
    assert "it was edited after it was written" in found["edited"]
    assert "it has no checksum" in found["old"]
    assert "it is not a record" in found["list"]


def test_other_tasks_other_tiers_and_trials_are_counted_not_named(tmp_path: Path) -> None:
    strangers = [
        record(task="adding"),
        record(tier="smoke"),
        record(seed=TUNING_SEED),
        record(seed=TUNING_SEED, lr=1e-2),
    ]
    document = made(kit.board(), leave(tmp_path, record(), *strangers))
    assert document["unrelated"] == {"of other tasks": 1, "of other tiers": 1, "trials of learning rates": 2}
    assert document["set_aside"] == []


def test_an_unknown_task_of_a_board_is_named_and_the_rest_is_built(tmp_path: Path) -> None:
    document = made(kit.board(tasks={"copy": None, "cpy": None}), leave(tmp_path, record()))
    assert [section["task"] for section in document["tasks"]] == ["copy"]
    assert "cpy: unknown task 'cpy'. Did you mean 'copy'" in document["problems"][0]


def test_a_short_name_stands_for_its_task(tmp_path: Path) -> None:
    document = made(kit.board(tasks={"music": None}), leave(tmp_path, record(task="music-jsb", value=8.4)))
    assert rows(document, "music")["gru"]["mean"] == 8.4


def test_a_record_whose_lines_are_not_those_of_the_others_is_set_aside(tmp_path: Path) -> None:
    odd = record(seed=2)
    metrics = json.loads(json.dumps(odd.results["metrics"]))
    metrics["test"]["accuracy"]["chance"] = 0.01
    odd = replace(odd, results={**odd.results, "metrics": metrics})
    document = made(kit.board(), leave(tmp_path, record(), record(seed=1), odd))
    assert "its chance and best possible are 0.01 and 1.0, the others' 0.125 and 1.0" in reasons(document)[0]


def test_configurations_of_one_architecture_are_rows_of_their_own(tmp_path: Path) -> None:
    deep = {"arch_options": {"num_layers": 2}}
    records = [record(seed=s) for s in range(3)] + [record(seed=s, value=0.7, **deep) for s in range(3)]
    # On another task there is one configuration, of another width and rate: they are not what tells the two apart.
    records += [record(task="parity", seed=s, arch_options={"d_model": 99}, lr=1e-3) for s in range(3)]
    document = made(kit.board(), leave(tmp_path, *records))
    assert {label: row["mean"] for label, row in rows(document).items()} == {
        "gru (num_layers=1)": pytest.approx(0.9),
        "gru (num_layers=2)": pytest.approx(0.7),
    }
    assert rows(document, "parity")["gru (num_layers=1)"]["state"] == "ranked"
    assert rows(document, "parity")["gru (num_layers=2)"]["state"] == "missing"


def test_one_name_of_two_distributions_is_two_rows(tmp_path: Path) -> None:
    theirs = record(distribution="theirs", version="2", value=0.5)
    document = made(kit.board(), leave(tmp_path, record(), theirs, record(seed=1, distribution=None, version=None)))
    assert set(rows(document)) == {"gru (seqbench 0.1.0)", "gru (theirs 2)", "gru (by its path)"}
