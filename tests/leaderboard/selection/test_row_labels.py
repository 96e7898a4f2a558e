from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seqbench.protocol.records import Record
from tests.leaderboard.kit import example_board, example_record, example_task_data, row_data, write_records
from tests.record_data import changed_record


def labels(folder: Path, *records: Record) -> set[str]:
    """Return the row labels of these records."""
    return {row.label for row in example_task_data(example_board(), write_records(folder, *records)).rows}


def test_configurations_of_one_architecture_are_separate_rows(tmp_path: Path) -> None:
    records = [example_record(seed=seed) for seed in range(3)]
    records += [example_record(seed=seed, value=0.7, arch_options={"num_layers": 2}) for seed in range(3)]
    # On the other task there is one configuration; its width and learning rate do not distinguish rows.
    records += [example_record(task="parity", seed=seed, arch_options={"d_model": 99}, lr=1e-3) for seed in range(3)]
    folder = write_records(tmp_path, *records)
    copy, parity = (example_task_data(example_board(), folder, task) for task in ("copy", "parity"))
    assert {row.label: row.mean for row in copy.rows} == {
        "gru (num_layers=1)": pytest.approx(0.9),
        "gru (num_layers=2)": pytest.approx(0.7),
    }
    assert row_data(parity, "gru (num_layers=1)").state == "ranked"
    assert row_data(parity, "gru (num_layers=2)").state == "missing"


def test_one_name_of_two_distributions_gives_two_rows(tmp_path: Path) -> None:
    records = [
        example_record(),
        example_record(seed=1, version="0.2.0"),
        example_record(distribution="theirs", version="2", value=0.5),
        example_record(distribution=None, version=None),
    ]
    task = example_task_data(example_board(), write_records(tmp_path, *records))
    assert {row.label for row in task.rows} == {"gru (seqbench)", "gru (theirs)", "gru (by its path)"}
    # Another version of a distribution gives no other row.
    assert row_data(task, "gru (seqbench)").costs["distribution"] == "seqbench 0.1.0; seqbench 0.2.0"


def test_an_architecture_cannot_take_the_label_of_another_row(tmp_path: Path) -> None:
    ours = [example_record(seed=seed, arch_options={"num_layers": layers}) for layers in (1, 2) for seed in range(2)]
    theirs = example_record(arch="gru (num_layers=2)", distribution="evil", seed=2, value=1.0)
    rows = example_task_data(example_board(), write_records(tmp_path, *ours, theirs)).rows
    assert len({row.label for row in rows}) == 3
    assert {row.architecture for row in rows} == {"gru", "gru (num_layers=2)"}
    assert all(len({seed.value for seed in row.seeds} - {None}) == 1 for row in rows)


def test_a_width_chosen_for_a_number_of_parameters_gives_no_row(tmp_path: Path) -> None:
    records = [example_record(seed=seed, arch_options={"d_model": 128 + seed}) for seed in range(2)]
    assert labels(tmp_path, *records) == {"gru"}
    unmatched = [example_record(seed=s, arch_options={"d_model": 128 + s}, matched=None) for s in range(2)]
    assert labels(tmp_path / "unmatched", *unmatched) == {"gru (d_model=128)", "gru (d_model=129)"}


def test_long_option_values_are_shortened(tmp_path: Path) -> None:
    records = [
        example_record(seed=0, arch_options={"note": letter * 10_000}, value=value)
        for letter, value in (("x", 0.9), ("y", 0.8))
    ]
    names = labels(tmp_path, *records)
    assert len(names) == 2
    assert all(len(name) < 40 for name in names)


def with_source(record: Record, digest: str) -> Record:
    """Return the record of a class that was given by its path, with its source."""
    sources = {"my_file:MyNet": {"digest": digest, "files": {"my_file.py": digest}}, "seqbench": {"digest": "0"}}
    changed = changed_record(record, "config.sources", sources)
    return replace(changed, checksum=changed.digest())


def test_two_sources_of_one_class_are_two_rows_and_never_seeds_of_one(tmp_path: Path) -> None:
    records = [example_record(arch="my_file:MyNet", distribution=None, version=None, seed=seed) for seed in range(3)]
    rows = labels(tmp_path, *(with_source(record, "1") for record in records))
    assert rows == {"my_file:MyNet"}
    edited = labels(tmp_path / "edited", *(with_source(r, "1" if n < 2 else "2") for n, r in enumerate(records)))
    assert len(edited) == 2
    assert all(label.startswith("my_file:MyNet (source=") for label in edited)
    # A record of an earlier seqbench states no source.
    assert "my_file:MyNet (source=none)" in labels(tmp_path / "old", records[0], with_source(records[1], "1"))


def test_another_source_of_seqbench_gives_no_other_row(tmp_path: Path) -> None:
    records = [
        changed_record(example_record(seed=seed), "config.sources", {"seqbench": {"digest": str(seed)}})
        for seed in range(2)
    ]
    assert labels(tmp_path, *(replace(record, checksum=record.digest()) for record in records)) == {"gru"}
