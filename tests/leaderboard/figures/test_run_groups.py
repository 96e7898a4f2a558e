"""Runs of a figure are grouped over seeds, and what does not fit is refused or said."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from seqbench.leaderboard.figures.run_groups import read_figure_runs
from seqbench.protocol.records import TUNING_SEED
from seqbench.utils.errors import SeqbenchError
from tests.leaderboard.figures.kit import with_curves


def groups(*records: Any, **options: Any) -> dict[str, list[int]]:
    runs = read_figure_runs(records, **options)
    return {group.label: [record.config.seed for record in group.records] for group in runs.groups}


def test_runs_of_one_configuration_form_a_group_in_the_order_of_their_seeds() -> None:
    assert groups(with_curves(seed=1), with_curves(seed=0), with_curves(arch="lstm")) == {"gru": [0, 1], "lstm": [0]}


def test_configurations_of_one_architecture_are_told_apart_by_what_differs() -> None:
    deep, fast = with_curves(arch_options={"num_layers": 3}), with_curves(arch_options={"num_layers": 3}, lr=0.1)
    assert set(groups(with_curves(), deep, fast)) == {
        "gru (num_layers=1, lr=0.005)",
        "gru (num_layers=3, lr=0.005)",
        "gru (num_layers=3, lr=0.1)",
    }


def test_edited_code_of_a_class_given_by_its_path_is_another_group() -> None:
    records = [with_curves(seed=seed) for seed in (0, 1)]
    edited = []
    for record, digest in zip(records, ("a" * 64, "b" * 64), strict=True):
        sources = {"arch": {"digest": digest, "files": {"net.py": digest}}}
        edited.append(dataclasses.replace(record, config=record.config.with_values(sources=sources)))
    assert sorted(groups(*edited).values()) == [[0], [1]]
    assert all(label.startswith("gru (source=") for label in groups(*edited))


def test_trials_and_unfinished_runs_are_left_out_and_said() -> None:
    runs = read_figure_runs(
        [with_curves(), with_curves(seed=TUNING_SEED), with_curves(seed=1, status="diverged", reason="nan")]
    )
    assert [len(group.records) for group in runs.groups] == [1]
    assert runs.left_out == ("1 learning-rate trial", "record 3, which ended as diverged")


def test_a_folder_gives_each_of_its_records_once(tmp_path: Path) -> None:
    for seed in (0, 1):
        with_curves(seed=seed).write(tmp_path / f"s{seed}")
    assert groups(tmp_path, tmp_path / "s0", tmp_path / "s1" / "result.json") == {"gru": [0, 1]}


def test_labels_rename_groups() -> None:
    assert list(groups(with_curves(), labels={"gru": "GRU (ours)"})) == ["GRU (ours)"]
    with pytest.raises(SeqbenchError, match=r"no runs are labelled 'lstm'; the labels are gru\."):
        groups(with_curves(), labels={"lstm": "x"})


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], "there are no runs"),
        ([with_curves(status="failed", reason="no")], r"no finished run; left out: record 1, which ended as failed"),
        ([with_curves(), with_curves(task="parity")], r"2 tasks: copy \(1 run\), parity \(1 run\)"),
        ([with_curves(), with_curves(tier="smoke")], "2 tiers: small"),
        (
            [with_curves(), with_curves(value=0.3)],
            "record 1 and record 2 are the same configuration with the same seed",
        ),
    ],
)
def test_runs_that_do_not_fit_into_one_figure_are_refused(records: list[Any], message: str) -> None:
    with pytest.raises(SeqbenchError, match=message):
        read_figure_runs(records)


def test_a_missing_place_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SeqbenchError, match="there is no "):
        read_figure_runs([tmp_path / "missing"])
