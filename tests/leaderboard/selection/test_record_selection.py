from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seqbench.leaderboard.board_data import BoardData, RowData
from seqbench.protocol.records import TUNING_SEED, Record
from tests.leaderboard import kit
from tests.leaderboard.kit import board_data, example_record, write_records
from tests.record_data import changed_record, complete_record


def reasons(document: BoardData) -> list[str]:
    return [aside.reason for aside in document.set_aside]


def rows(document: BoardData, task: str = "copy") -> dict[str, RowData]:
    (section,) = [section for section in document.tasks if section.task == task]
    return {row.label: row for row in section.rows}


def other_card(**changed: Any) -> Record:
    made = example_record(seed=1)
    return replace(made, config=made.config.with_values(card={**made.config.card.to_dict(), **changed}))


@pytest.mark.parametrize(
    ("strange", "reason"),
    [
        (
            example_record(seed=1, modified=("optim.steps", "task.delay")),
            "departs from the card in optim.steps, task.delay",
        ),
        (example_record(seed=3), "its seed is 3; the board's seeds are 0 to 2"),
        (example_record(seed=1, parameters=120_000), "it has 120,000 parameters; the board asks for 100,000 ± 2 %"),
        (
            example_record(seed=1, status="interrupted", reason="stopped at step 7"),
            "it is unfinished: stopped at step 7",
        ),
        (other_card(version=2), "it is of version 2 of the card copy; this board's is 1"),
        (other_card(digest="0" * 64), "its card copy differs from the installed card"),
        (other_card(direction="min"), "its metric is accuracy (min), the card's accuracy (max)"),
        (example_record(value=0.91), "it is a second record of one cell: its result is 0.91"),
        (example_record(value=0.9, seconds=7.0), "it is the same run as "),
        (example_record(arch="other", status="failed", reason="x" * 999), None),
        (complete_record(config=example_record(seed=1).config.to_dict()), "it ended ok and has no 'accuracy' on test"),
    ],
)
def test_what_does_not_count_is_named_and_the_rest_is_built(
    tmp_path: Path, strange: Record, reason: str | None
) -> None:
    write_records(tmp_path / "a", example_record())
    strange.write(tmp_path / "b")
    document = board_data(kit.example_board(), tmp_path)
    assert rows(document)["gru"].seeds[0].value == 0.9
    assert document.records == 1 if reason else 2
    if reason:
        (only,) = document.set_aside
        assert reason in only.reason
        assert only.origin == "b/result.json"
    else:
        assert document.set_aside == []


def test_files_that_are_no_records_are_named(tmp_path: Path) -> None:
    write_records(tmp_path / "runs", example_record())
    good = json.loads(example_record(seed=1).to_json())
    for name, text in {
        "half": '{"results": {"sta',
        "newer": json.dumps({**good, "schema": 2}),
        "edited": json.dumps(good).replace("0.9", "0.99"),
        "old": json.dumps({key: value for key, value in good.items() if key != "checksum"}),
        "list": "[]",
        "number": json.dumps({**good, "config": {**good["config"], "seed": "one"}}),
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text(text)
    document = board_data(kit.example_board(), tmp_path)
    assert document.records == 1
    found = {aside.origin.partition("/")[0]: aside.reason for aside in document.set_aside}
    assert "it is not a readable record" in found["half"]
    assert "has schema 2, this seqbench reads 1" in found["newer"]
    assert "it was edited after it was written" in found["edited"]
    assert "it has no checksum" in found["old"]
    assert "it is not a record" in found["list"]
    assert "config.seed must be a whole number, got 'one'" in found["number"]


def test_other_tasks_other_tiers_and_trials_are_counted_not_named(tmp_path: Path) -> None:
    strangers = [
        example_record(task="adding"),
        example_record(tier="smoke"),
        example_record(seed=TUNING_SEED),
        example_record(seed=TUNING_SEED, lr=1e-2),
    ]
    document = board_data(kit.example_board(), write_records(tmp_path, example_record(), *strangers))
    assert document.unrelated == {"of other tasks": 1, "of other tiers": 1, "trials of learning rates": 2}
    assert document.set_aside == []


def test_an_unknown_task_of_a_board_is_named_and_the_rest_is_built(tmp_path: Path) -> None:
    document = board_data(
        kit.example_board(tasks={"copy": None, "cpy": None}), write_records(tmp_path, example_record())
    )
    assert [section.task for section in document.tasks] == ["copy"]
    assert "cpy: unknown task 'cpy'. Did you mean 'copy'" in document.problems[0]


def test_a_short_name_stands_for_its_task(tmp_path: Path) -> None:
    document = board_data(
        kit.example_board(tasks={"music": None}), write_records(tmp_path, example_record(task="music-jsb", value=8.4))
    )
    assert rows(document, "music")["gru"].mean == 8.4


def test_a_record_whose_lines_are_not_those_of_the_others_is_set_aside(tmp_path: Path) -> None:
    odd = with_chance(example_record(seed=2), 0.01)
    document = board_data(kit.example_board(), write_records(tmp_path, example_record(), example_record(seed=1), odd))
    assert "its chance and best possible are 0.01 and 1.0, the others' 0.125 and 1.0" in reasons(document)[0]


def test_configurations_of_one_architecture_are_rows_of_their_own(tmp_path: Path) -> None:
    deep = {"arch_options": {"num_layers": 2}}
    records = [example_record(seed=s) for s in range(3)] + [example_record(seed=s, value=0.7, **deep) for s in range(3)]
    # On another task there is one configuration, of another width and rate: they are not what tells the two apart.
    records += [example_record(task="parity", seed=s, arch_options={"d_model": 99}, lr=1e-3) for s in range(3)]
    document = board_data(kit.example_board(), write_records(tmp_path, *records))
    assert {label: row.mean for label, row in rows(document).items()} == {
        "gru (num_layers=1)": pytest.approx(0.9),
        "gru (num_layers=2)": pytest.approx(0.7),
    }
    assert rows(document, "parity")["gru (num_layers=1)"].state == "ranked"
    assert rows(document, "parity")["gru (num_layers=2)"].state == "missing"


def test_one_name_of_two_distributions_is_two_rows(tmp_path: Path) -> None:
    theirs = example_record(distribution="theirs", version="2", value=0.5)
    later = example_record(seed=1, version="0.2.0")
    document = board_data(
        kit.example_board(),
        write_records(tmp_path, example_record(), later, theirs, example_record(distribution=None, version=None)),
    )
    assert set(rows(document)) == {"gru (seqbench)", "gru (theirs)", "gru (by its path)"}
    # Another version is no other row, and is told.
    assert rows(document)["gru (seqbench)"].costs["distribution"] == "seqbench 0.1.0; seqbench 0.2.0"


def test_nobody_gets_into_anothers_row_by_a_name(tmp_path: Path) -> None:
    ours = [example_record(seed=seed, arch_options={"num_layers": layers}) for layers in (1, 2) for seed in range(2)]
    sneak = example_record(arch="gru (num_layers=2)", distribution="evil", seed=2, value=1.0)
    found = rows(board_data(kit.example_board(), write_records(tmp_path, *ours, sneak)))
    assert [seed.status for seed in found["gru (num_layers=2)"].seeds].count("missing") in (1, 2)
    assert len(found) == 3
    assert {row.architecture for row in found.values()} == {"gru", "gru (num_layers=2)"}
    assert all(len({seed.value for seed in row.seeds} - {None}) == 1 for row in found.values())


def test_one_training_counts_once(tmp_path: Path) -> None:
    first = example_record()
    copy = changed_record(first, "config.seed", 1)
    document = board_data(kit.example_board(), write_records(tmp_path, first, copy))
    assert document.records == 1
    assert "it has the same weights as copy/" in reasons(document)[0]


def test_a_run_that_diverged_says_nothing_of_lines(tmp_path: Path) -> None:
    honest = [example_record(seed=seed) for seed in range(2)]
    poison = []
    for seed in range(3):
        made_up = with_chance(example_record(arch=f"evil-{seed}"), 0.9)
        poison.append(replace(made_up, results=made_up.results.with_values(status="diverged", reason="x")))
    document = board_data(kit.example_board(), write_records(tmp_path, *honest, *poison))
    assert document.tasks[0].chance == 0.125
    assert document.set_aside == []
    assert rows(document)["evil-0"].seeds[0].value == 0.125


def with_chance(made: Record, chance: float) -> Record:
    return changed_record(made, "results.metrics.test.accuracy.chance", chance)


def test_lines_of_another_processor_are_the_same_lines(tmp_path: Path) -> None:
    document = board_data(
        kit.example_board(),
        write_records(tmp_path, example_record(), with_chance(example_record(seed=1), 0.125 + 1e-14)),
    )
    assert document.set_aside == []


def test_records_that_do_not_agree_on_their_lines_are_a_problem(tmp_path: Path) -> None:
    document = board_data(
        kit.example_board(), write_records(tmp_path, example_record(), with_chance(example_record(seed=1), 0.2))
    )
    assert "copy: its records do not agree on chance and best possible" in document.problems[0]
    assert document.records == 1


def test_a_result_counts_before_a_run_that_broke(tmp_path: Path) -> None:
    failed = example_record(status="out_of_memory", reason="memory ran out")
    failed.write(tmp_path / "a")
    example_record().write(tmp_path / "b")
    document = board_data(kit.example_board(), tmp_path)
    assert rows(document)["gru"].seeds[0].status == "ok"
    assert document.set_aside[0].origin == "a/result.json"


def test_the_size_is_the_boards_and_not_any_near_it(tmp_path: Path) -> None:
    document = board_data(
        kit.example_board(), write_records(tmp_path, example_record(matched=99_000, parameters=99_000))
    )
    assert "its width was chosen for 99,000 parameters; the board asks for 100,000" in reasons(document)[0]


def test_long_options_are_told_by_their_digest(tmp_path: Path) -> None:
    long = [
        example_record(seed=0, arch_options={"note": "x" * 10_000}),
        example_record(seed=0, arch_options={"note": "y" * 10_000}, value=0.8),
    ]
    found = rows(board_data(kit.example_board(), write_records(tmp_path, *long)))
    assert len(found) == 2
    assert all(len(label) < 40 for label in found)
