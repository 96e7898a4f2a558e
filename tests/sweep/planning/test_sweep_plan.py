from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from seqbench.protocol import run_folder
from seqbench.protocol.records import TUNING_SEED
from seqbench.sweep.planning import sweep_plan
from seqbench.utils.errors import SeqbenchError
from tests.sweep.helpers import GIVEN, WORDS, build_small_plan, write_record


def test_architectures_tasks_grid_and_seeds_make_cells(tmp_path: Path) -> None:
    made = sweep_plan.build_plan(
        GIVEN, ["--optim.steps", "20", "--optim.validate_every", "10"], ["gru", "lstm"], ["copy", "parity"], [0, 3],
        {"arch.num_layers": ["1", "2"], "optim.lr": ["1e-3"]}, tmp_path,
    )  # fmt: skip
    cells = made.cells()
    assert len(cells) == 2 * 2 * 2 * 2
    assert len({cell.folder for cell in cells}) == len(cells)
    assert {cell.config.arch_options["num_layers"] for cell in cells} == {1, 2}
    assert {cell.config.optim.lr for cell in cells} == {1e-3}
    assert cells[0].name == "gru on copy, arch.num_layers=1, optim.lr=1e-3, seed 0"
    # Every group once before any group twice.
    assert [cell.config.seed for cell in cells] == [0] * 8 + [3] * 8
    assert made.refused == {}


def test_the_card_says_how_many_seeds_where_nobody_does(tmp_path: Path) -> None:
    made = build_small_plan(tmp_path, seeds=None)
    assert [cell.config.seed for cell in made.cells()] == list(range(made.groups[0].config.chosen.seeds))


def test_a_cell_runs_as_its_command_would(tmp_path: Path) -> None:
    from seqbench.running import parameter_matching

    (cell,) = build_small_plan(tmp_path, seeds=[4]).cells()
    alone = parameter_matching.resolve_config({**GIVEN, "arch": "gru", "task": "copy", "seed": 4}, WORDS)
    assert cell.folder == alone.folder(tmp_path)
    assert pickle.loads(pickle.dumps(cell.config)).digest() == alone.digest()


def test_a_size_is_matched_for_every_architecture(tmp_path: Path) -> None:
    at = WORDS.index("--arch.d_model")
    words = WORDS[:at] + WORDS[at + 2 :]
    made = sweep_plan.build_plan({**GIVEN, "match_params": "20k"}, words, ["gru", "lstm"], ["copy"], [0], {}, tmp_path)
    assert [cell.config.match_params for cell in made.cells()] == [20_000, 20_000]
    assert made.groups[0].config.arch_options["d_model"] > made.groups[1].config.arch_options["d_model"]


def test_what_an_architecture_does_not_take_is_refused_and_the_rest_runs(tmp_path: Path) -> None:
    made = build_small_plan(tmp_path, ("bow", "gru"), arch__num_layers=["1", "2"])
    assert [cell.group.config.arch for cell in made.cells()[:2]] == ["gru", "gru"]
    assert set(made.refused) == {"bow on copy, arch.num_layers=1", "bow on copy, arch.num_layers=2"}
    assert "num_layers" in made.refused["bow on copy, arch.num_layers=1"]


@pytest.mark.parametrize(
    ("archs", "tasks", "seeds", "grid", "sentence"),
    [
        (["gru", "grru"], ["copy"], [0], {}, "Did you mean 'gru'"),
        (["gru"], ["copy", "cpoy"], [0], {}, "Did you mean 'copy'"),
        (["gru"], ["copy"], [0], {"arch.num_layer": ["1"]}, "Did you mean .*arch.num_layers"),
        (["gru"], ["copy"], [0], {"optim.steps": ["20"]}, "given for all cells and in --grid"),
        (["gru"], ["copy"], [TUNING_SEED], {}, "the one that learning rates are tuned on"),
    ],
)
def test_a_mistake_is_told_before_anything_runs(
    archs: list[str], tasks: list[str], seeds: list[int], grid: dict[str, list[str]], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        sweep_plan.build_plan(GIVEN, WORDS, archs, tasks, seeds, grid, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_cell_is_finished_by_a_result_and_by_nothing_else(tmp_path: Path) -> None:
    (cell,) = build_small_plan(tmp_path, seeds=[0]).cells()
    assert not cell.finished()
    for status, finished in (("ok", True), ("diverged", True), ("failed", False), ("interrupted", False)):
        write_record(cell, status)
        assert cell.finished() is finished
    (cell.folder / "result.json").write_text('{"half":')
    assert not cell.finished()


def test_a_cell_at_which_another_is_at_work_is_busy(tmp_path: Path) -> None:
    (cell,) = build_small_plan(tmp_path, seeds=[0]).cells()
    assert not sweep_plan.is_running(cell)
    assert not cell.folder.exists()
    with run_folder.lock_folder(cell.folder):
        assert sweep_plan.is_running(cell)
    assert not sweep_plan.is_running(cell)


def test_groups_can_be_left_out_but_not_all(tmp_path: Path) -> None:
    made = build_small_plan(tmp_path, ("gru", "lstm"))
    left = sweep_plan.remove_groups(made, {made.groups[0]: "looks ahead"})
    assert [group.config.arch for group in left.groups] == ["lstm"]
    assert left.refused == {"gru on copy": "looks ahead"}
    with pytest.raises(SeqbenchError, match="looks ahead"):
        sweep_plan.remove_groups(left, {left.groups[0]: "looks ahead"})
