from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from seqbench.protocol import run_folder
from seqbench.protocol.records import TUNING_SEED
from seqbench.running import run_config
from seqbench.running.run_request import RunRequest
from seqbench.sweep.planning import sweep_plan
from seqbench.sweep.planning.plan_request import PlanRequest
from seqbench.utils.errors import SeqbenchError
from tests.sweep.helpers import ARGUMENTS, OPTIONS, build_small_plan, write_record


def test_cells_are_the_product_of_architectures_tasks_grid_and_seeds(tmp_path: Path) -> None:
    steps = ["--optim.steps", "20", "--optim.validate_every", "10"]
    grid = {"arch.num_layers": ["1", "2"], "optim.lr": ["1e-3"]}
    request = PlanRequest(["gru", "lstm"], ["copy", "parity"], tmp_path, [0, 3], grid, OPTIONS, steps)
    plan = sweep_plan.build_plan(request)
    cells = plan.cells()
    assert len(cells) == 2 * 2 * 2 * 2
    assert len({cell.folder for cell in cells}) == len(cells)
    assert {cell.config.arch_options["num_layers"] for cell in cells} == {1, 2}
    assert {cell.config.optim.lr for cell in cells} == {1e-3}
    assert cells[0].name == "gru on copy, arch.num_layers=1, optim.lr=1e-3, seed 0"
    # The first seed of all groups comes before the second seed of any.
    assert [cell.config.seed for cell in cells] == [0] * 8 + [3] * 8
    assert plan.refused == {}


def test_the_card_sets_the_number_of_seeds_by_default(tmp_path: Path) -> None:
    plan = build_small_plan(tmp_path, seeds=None)
    assert [cell.config.seed for cell in plan.cells()] == list(range(plan.groups[0].config.chosen.seeds))


def test_a_cell_is_the_same_run_as_its_command(tmp_path: Path) -> None:
    (cell,) = build_small_plan(tmp_path, seeds=[4]).cells()
    request = RunRequest.from_mapping({**OPTIONS, "arch": "gru", "task": "copy", "seed": 4}, ARGUMENTS)
    config = run_config.resolve_config(request)
    assert cell.folder == config.folder(tmp_path)
    assert pickle.loads(pickle.dumps(cell.config)).digest() == config.digest()


def test_the_width_is_matched_for_each_architecture(tmp_path: Path) -> None:
    at = ARGUMENTS.index("--arch.d_model")
    arguments = ARGUMENTS[:at] + ARGUMENTS[at + 2 :]
    options = {**OPTIONS, "match_params": "20k"}
    request = PlanRequest(["gru", "lstm"], ["copy"], tmp_path, [0], options=options, arguments=arguments)
    plan = sweep_plan.build_plan(request)
    assert [cell.config.match_params for cell in plan.cells()] == [20_000, 20_000]
    assert plan.groups[0].config.arch_options["d_model"] > plan.groups[1].config.arch_options["d_model"]


def test_a_group_whose_architecture_lacks_an_option_is_refused(tmp_path: Path) -> None:
    plan = build_small_plan(tmp_path, ("bow", "gru"), arch__num_layers=["1", "2"])
    assert [cell.group.config.arch for cell in plan.cells()[:2]] == ["gru", "gru"]
    assert set(plan.refused) == {"bow on copy, arch.num_layers=1", "bow on copy, arch.num_layers=2"}
    assert "num_layers" in plan.refused["bow on copy, arch.num_layers=1"]


@pytest.mark.parametrize(
    ("archs", "tasks", "seeds", "grid", "message"),
    [
        (["gru", "grru"], ["copy"], [0], {}, "Did you mean 'gru'"),
        (["gru"], ["copy", "cpoy"], [0], {}, "Did you mean 'copy'"),
        (["gru"], ["copy"], [0], {"arch.num_layer": ["1"]}, "Did you mean .*arch.num_layers"),
        (["gru"], ["copy"], [0], {"optim.steps": ["20"]}, "given for all cells and in --grid"),
        (["gru"], ["copy"], [0], {"optim.lr": ["1e-3", "0.001"]}, "is the same run as"),
        (["gru"], ["copy"], [TUNING_SEED], {}, "reserved for learning-rate trials"),
    ],
)
def test_a_mistake_in_the_request_is_an_error(
    archs: list[str], tasks: list[str], seeds: list[int], grid: dict[str, list[str]], message: str, tmp_path: Path
) -> None:
    with pytest.raises(SeqbenchError, match=message):
        sweep_plan.build_plan(PlanRequest(archs, tasks, tmp_path, seeds, grid, OPTIONS, ARGUMENTS))
    assert list(tmp_path.iterdir()) == []


def test_a_cell_is_finished_if_its_record_is_ok_or_diverged(tmp_path: Path) -> None:
    (cell,) = build_small_plan(tmp_path, seeds=[0]).cells()
    assert not cell.finished()
    for status, finished in (("ok", True), ("diverged", True), ("failed", False), ("interrupted", False)):
        write_record(cell, status)
        assert cell.finished() is finished


def test_a_broken_record_is_no_record(tmp_path: Path) -> None:
    (cell,) = build_small_plan(tmp_path, seeds=[0]).cells()
    cell.folder.mkdir(parents=True)
    (cell.folder / "result.json").write_text('{"half":')
    assert cell.record() is None
    assert not cell.finished()


def test_a_cell_is_running_while_its_folder_is_locked(tmp_path: Path) -> None:
    (cell,) = build_small_plan(tmp_path, seeds=[0]).cells()
    assert not sweep_plan.is_running(cell)
    assert not cell.folder.exists()
    with run_folder.lock_folder(cell.folder):
        assert sweep_plan.is_running(cell)
    assert not sweep_plan.is_running(cell)


def test_some_groups_can_be_removed_but_not_all(tmp_path: Path) -> None:
    plan = build_small_plan(tmp_path, ("gru", "lstm"))
    rest = sweep_plan.remove_groups(plan, {plan.groups[0]: "looks ahead"})
    assert [group.config.arch for group in rest.groups] == ["lstm"]
    assert rest.refused == {"gru on copy": "looks ahead"}
    with pytest.raises(SeqbenchError, match="looks ahead"):
        sweep_plan.remove_groups(rest, {rest.groups[0]: "looks ahead"})
