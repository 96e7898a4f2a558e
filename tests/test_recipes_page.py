"""The page of the recipes, the committed rows behind it, and what all cards of the small tiers share."""

from __future__ import annotations

import doctest
import json
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from benchmarks import (
    _recipe_figure,
    _recipe_goals,
    _recipe_page,
    _recipe_records,
    _recipe_sweeps,
    recipes,
    transformer_recipes,
)
from seqbench.protocol.cards import load_card
from seqbench.protocol.records import Record
from seqbench.protocol.search.rate_search import Scale, Trial, advance_search
from seqbench.protocol.search.recorded_search import describe_search
from seqbench.protocol.search.search_rule import SearchRule
from seqbench.utils.errors import SeqbenchError
from tests.leaderboard.kit import example_record, write_records

AGAIN = "run `python -m benchmarks.recipes`"
CARDS = ("copy", "copy-10", "parity", "char-lm-shakespeare", "music-jsb", "music-nottingham")


def searched_record(task: str, arch: str, seed: int, value: float, peak: float = 2e-3, chance: float = 0.125) -> Record:
    """Return a record whose search prefers the rate nearest to ``peak``, with trials as its rule asks for them."""
    card = load_card(task)
    rule, scale = SearchRule(card.tier("small").learning_rates), Scale(card.metric.direction, chance, None)
    sign = 1 if card.metric.direction == "max" else -1
    scores: dict[Trial, float | None] = {}
    while (state := advance_search(rule, scale, scores)).pending:
        scores |= {
            trial: chance + sign * 0.4 * (1 + trial.rung) * min(trial.lr / peak, peak / trial.lr)
            for trial in state.pending
        }
    assert state.chosen is not None
    steps = (400, 1000, 2000)
    rows = [{"lr": one.lr, "value": scores[one], "rung": one.rung, "steps": steps[one.rung]} for one in state.asked]
    search = describe_search(rule, scale).to_dict()
    tuning = {"tried": rows, "lr": state.chosen.lr, "search": search, "bound": state.bound, "cost": 2.5}
    return example_record(task, arch, seed, value, tuning=tuning, lr=state.chosen.lr)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Records of two architectures on copy, and of two on music-jsb, one of them with its best rate at the bound."""
    values = {"gru": (0.95, 0.97, 0.99), "rnn": (0.12, 0.13, 0.14)}
    records = [searched_record("copy", arch, seed, values[arch][seed]) for arch in values for seed in range(3)]
    records += [searched_record("music-jsb", "tcn", seed, 8.40 + 0.01 * seed, 1e-2, 11.09) for seed in range(3)]
    records += [searched_record("music-jsb", "gru", seed, 8.5 + 0.01 * seed, 1e9, 11.09) for seed in range(3)]
    return write_records(tmp_path / "runs", *records)


@pytest.fixture
def tasks(runs: Path) -> dict[str, _recipe_records.Task]:
    found, excluded = _recipe_records.read_records([runs])
    assert excluded == []
    return found


def test_the_committed_page_is_current() -> None:
    page = _recipe_page.PAGE.read_text(encoding="utf-8")
    assert _recipe_page.page_text(page, _recipe_records.read_tasks()) == page, AGAIN


def test_the_page_has_a_section_for_every_task() -> None:
    found = _recipe_page.SECTION.findall(_recipe_page.PAGE.read_text(encoding="utf-8"))
    assert sorted(name for _, name, _ in found) == sorted(_recipe_sweeps.recipe_board().tasks)


def test_committed_rows_of_the_board_are_those_of_its_records() -> None:
    """Rows that others submitted since the page was made are allowed to be missing."""
    if not _recipe_records.BOARD_RECORDS.is_dir():
        pytest.skip("the board has no records yet")
    made, _ = _recipe_records.read_records([_recipe_records.BOARD_RECORDS])
    for name, task in _recipe_records.read_tasks().items():
        for row, family in task["families"].items():
            if row in made.get(name, {"families": {}})["families"]:
                assert family == json.loads(json.dumps(made[name]["families"][row])), AGAIN


def test_the_trials_of_the_transformer_are_those_of_their_command() -> None:
    page = transformer_recipes.PAGE.read_text(encoding="utf-8")
    assert transformer_recipes.page_text(page) == page, "run `python -m benchmarks.transformer_recipes --table`"
    trials = transformer_recipes.known_trials()
    assert all(abs(row["parameters"] - 100_000) <= 3_000 for row in trials.values())
    assert all(row["test"]["accuracy"] >= 0.95 for row in trials.values() if row["task"] == "copy")
    longer = [row["test"]["accuracy_longer"] for row in trials.values() if row["task"] == "parity"]
    assert all(0.4 < score < 0.6 for score in longer)


def test_every_figure_on_the_page_is_there() -> None:
    for name in _recipe_records.read_tasks():
        assert (_recipe_page.DOCS / "figures" / f"recipes-{name}.svg").is_file(), AGAIN


@pytest.mark.parametrize(
    "module",
    [_recipe_figure, _recipe_goals, _recipe_page, _recipe_records, _recipe_sweeps],
    ids=lambda one: one.__name__,
)
def test_examples_give_the_output_that_they_show(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


def test_a_row_has_the_choice_and_all_trials_of_its_record(tasks: dict[str, _recipe_records.Task]) -> None:
    task = tasks["copy"]
    row = task["families"]["gru"]
    trials = row["search"]["trials"]
    assert (task["metric"], task["direction"], row["parameters"]) == ("accuracy", "max", 100_000)
    assert (row["lr"], row["search"]["lr"], row["search"]["bound"]) == (2e-3, 2e-3, "")
    assert [trial["rung"] for trial in trials] == [0] * 5 + [1] * 3
    assert {trial["steps"] for trial in trials} == {400, 1000}
    assert [seed["test"] for seed in row["seeds"]] == [{"accuracy": value} for value in (0.95, 0.97, 0.99)]
    assert [seed["seconds"] for seed in row["seeds"]] == [60.0, 61.0, 62.0]


def test_rows_survive_the_file_and_rows_of_another_card_do_not(
    tasks: dict[str, _recipe_records.Task], tmp_path: Path
) -> None:
    path = tmp_path / "recipes.json"
    tasks["copy"]["families"]["rnn"]["card_digest"] = "0" * 64
    _recipe_records.write_tasks(tasks, path)
    again = _recipe_records.read_tasks(path)
    assert list(again) == ["copy", "music-jsb"]
    assert list(tasks["copy"]["families"]) == ["rnn", "gru"]
    assert list(again["copy"]["families"]) == ["gru"]
    assert again["music-jsb"] == tasks["music-jsb"]


def test_seeds_with_different_searches_are_refused(tmp_path: Path) -> None:
    rows = [searched_record("copy", "gru", 0, 0.9), searched_record("copy", "gru", 1, 0.8, peak=2.1e-3)]
    with pytest.raises(SeqbenchError, match="the seeds of gru on copy state different searches"):
        _recipe_records.read_records([write_records(tmp_path, *rows)])


def test_a_record_that_does_not_count_on_the_board_makes_no_row(tmp_path: Path) -> None:
    runs = write_records(tmp_path, example_record("copy", modified=("optim.steps",)))
    tasks, excluded = _recipe_records.read_records([runs])
    assert tasks == {}
    assert "only unmodified runs rank" in excluded[0].reason


def test_a_claim_holds_for_the_mean_over_the_seeds(tasks: dict[str, _recipe_records.Task]) -> None:
    found = {(task, str(verdict)) for task, verdict in _recipe_goals.verdicts(tasks)}
    assert ("copy", "gru: accuracy 0.9700 (0.9500 to 0.9900), accuracy >= 0.95: holds") in found
    assert ("copy", "rnn: accuracy 0.1300 (0.1200 to 0.1400), accuracy <= 0.5: holds") in found
    assert ("copy", "lstm: accuracy >= 0.95 (0 of 3 seeds): not measured") in found
    assert ("music-jsb", "tcn: best rate 0.01 is inside: holds") in found
    assert ("music-jsb", "gru: best rate 0.5 is at the highest rate that may be tried: does NOT hold") in found


@pytest.mark.parametrize(("sign", "verdicts"), [("<", [True, False, False]), ("<=", [True, True, False])])
def test_a_bound_is_met_on_its_side(sign: str, verdicts: list[bool]) -> None:
    below = _recipe_goals.Bound(("gru",), "loss", sign, 2.0)
    assert [below.admits([score, score]) for score in (1.9, 2.0, 2.1)] == verdicts


@pytest.mark.parametrize(
    ("status", "scores", "holds"),
    [("ok", (20.0, 21.0), None), ("ok", (20.0, 21.0, 22.0), True), ("ok", (20.0, 20.0, 20.0), False)],
)
def test_a_comparison_needs_all_seeds_and_a_mean_that_is_at_least_equal(
    status: str, scores: tuple[float, ...], holds: bool | None
) -> None:
    def row(values: tuple[float, ...]) -> dict[str, object]:
        seeds = [{"seed": k, "status": status, "test": {"bleu": value}} for k, value in enumerate(values)]
        return {"seeds": seeds}

    goal = _recipe_goals.AtLeastLevel("transformer", "gru", "bleu")
    rows = {"transformer": row(scores), "gru": row((21.0, 21.0, 21.0))}
    assert [verdict.holds for verdict in goal.verdicts(rows, "max")] == [holds]


def test_a_seed_that_diverged_refutes_a_claim() -> None:
    seeds = [{"seed": k, "status": status, "test": {}} for k, status in enumerate(("ok", "diverged", "ok"))]
    goal = _recipe_goals.Bound(("gru",), "accuracy", "<=", 0.5)
    (verdict,) = goal.verdicts({"gru": {"seeds": seeds}}, "max")
    assert str(verdict) == "gru: accuracy <= 0.5 (seed 1 ended as diverged): does NOT hold"


def test_the_table_names_range_rates_and_bound(tasks: dict[str, _recipe_records.Task]) -> None:
    table = _recipe_page.task_section(load_card("music-jsb"), tasks["music-jsb"])
    assert (
        "| `tcn` | 8.41 (8.4 to 8.42) | 8.41 (8.4 to 8.42) | 0.01 | 0.002, 0.005, 0.01, 0.02, 0.05 | none | 3 |"
        in table
    )
    assert "| 0.5 (highest that may be tried) | 0.002, 0.005, 0.01, 0.02, 0.05, 0.1 (added), 0.2 (added)" in table
    assert "- search: 5 rates for 20 % of the steps, the best 3 for 50 %" in table


def test_a_task_without_rows_shows_the_command_that_makes_them() -> None:
    section = _recipe_page.task_section(load_card("copy"), None)
    assert "Not measured yet." in section
    assert "seqbench sweep --arch rnn,lstm,gru" in section


def test_the_figure_has_a_panel_for_each_row_and_a_line_for_each_rung(tasks: dict[str, _recipe_records.Task]) -> None:
    figure = _recipe_figure.rate_curves(tasks["music-jsb"])
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in panels] == ["gru: 0.5 (at the bound)", "tcn: 0.01"]
    lines = [line for line in panels[1].lines if np.size(line.get_xdata()) > 1]
    assert [np.size(line.get_xdata()) for line in lines] == [5, 3]
    assert lines[0].get_linewidth() < lines[1].get_linewidth()
    chosen = panels[1].lines[-1]
    assert (np.asarray(chosen.get_xdata()).tolist(), chosen.get_markersize()) == ([0.01], 9)


def test_the_figure_is_equal_for_equal_rows(tasks: dict[str, _recipe_records.Task], tmp_path: Path) -> None:
    for name in ("one.svg", "other.svg"):
        _recipe_figure.save(tasks["copy"], tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()
    assert ElementTree.parse(tmp_path / "one.svg").getroot().tag.endswith("svg")


def test_trials_without_a_score_are_drawn_at_the_worst_edge(tasks: dict[str, _recipe_records.Task]) -> None:
    search = tasks["copy"]["families"]["gru"]["search"]
    search["trials"][4] |= {"value": None, "status": "diverged"}
    figure = _recipe_figure.rate_curves(tasks["copy"])
    (lost,) = [line for line in figure.axes[1].lines if line.get_marker() == "x" and np.size(line.get_xdata())]
    assert np.asarray(lost.get_ydata()).tolist() == [figure.axes[0].get_ylim()[0]]


def test_the_command_writes_all_files_and_checks_the_claims(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docs = tmp_path / "docs"
    (docs / "figures").mkdir(parents=True)
    (docs / "recipes.md").write_text(_recipe_page.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(_recipe_page, "DOCS", docs)
    monkeypatch.setattr(_recipe_page, "PAGE", docs / "recipes.md")
    monkeypatch.setattr(_recipe_records, "PATH", tmp_path / "recipes.json")
    monkeypatch.setattr(_recipe_records, "BOARD_RECORDS", tmp_path / "none")
    (docs / "figures" / "recipes-parity.svg").touch()
    assert recipes.main(["--runs", str(runs)]) == 0
    assert sorted(path.name for path in (docs / "figures").iterdir()) == ["recipes-copy.svg", "recipes-music-jsb.svg"]
    assert "| `gru` | 0.97 (0.95 to 0.99) |" in (docs / "recipes.md").read_text(encoding="utf-8")
    first = (tmp_path / "recipes.json").read_bytes()
    assert recipes.main(["--check"]) == 1
    assert (tmp_path / "recipes.json").read_bytes() == first
    assert "copy lstm: accuracy >= 0.95 (0 of 3 seeds): not measured" in capsys.readouterr().out
    assert recipes.main(["--runs", str(tmp_path / "nowhere")]) == 2


def test_every_task_of_the_board_has_a_sweep_at_its_size(capsys: pytest.CaptureFixture[str]) -> None:
    assert recipes.main(["--commands"]) == 0
    commands = [shlex.split(line) for line in capsys.readouterr().out.splitlines()]
    sizes = {words[words.index("--task") + 1]: words[words.index("--match-params") + 1] for words in commands}
    board = _recipe_sweeps.recipe_board()
    assert sizes == {name: str(size.parameters) for name in board.tasks if (size := board.size_for(name))}


def plan(words: list[str], folder: Path) -> str:
    """Return what a sweep shows as its plan."""
    command = [sys.executable, "-m", "seqbench", *words[1:], "--dry-run", "--no-probe"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_the_sweep_of_a_generated_task_can_be_planned(tmp_path: Path) -> None:
    ((*words,),) = _recipe_sweeps.sweep_commands("copy")
    words[words.index("--arch") + 1] = "gru"
    assert "3 cells, 0 finished, 3 to run and usually 8 learning-rate trials" in plan(words, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("task", _recipe_sweeps.recipe_board().tasks)
def test_every_sweep_can_be_planned(task: str, tmp_path: Path) -> None:
    for words in _recipe_sweeps.sweep_commands(task):
        assert "learning-rate trials" in plan(words, tmp_path)


@pytest.mark.parametrize("name", CARDS)
@pytest.mark.parametrize("tier", ["smoke", "small", "medium"])
def test_a_recipe_has_adamw_a_warm_up_a_cosine_and_five_rates(name: str, tier: str) -> None:
    chosen = load_card(name).tier(tier)
    optim = chosen.optim
    assert (optim.optimizer, optim.schedule, optim.clip, optim.weight_decay) == ("adamw", "cosine", 1.0, 0.01)
    assert 0.05 <= optim.warmup / optim.steps <= 0.10
    assert len(chosen.learning_rates) == 5
    assert list(chosen.learning_rates) == sorted(chosen.learning_rates)
    assert chosen.learning_rates[0] < optim.lr < chosen.learning_rates[-1]
