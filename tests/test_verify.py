from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seqbench import folders, options, plain, records, runner, verify
from seqbench.errors import SeqbenchError
from seqbench.records import Record

TASK = {"name": "parity", "samples": 20, "max_length": 8, "probe_lengths": [10, 20], "probe_samples": 16}
OPTIM = {"steps": 60, "batch_size": 8, "validate_every": 20, "lr": 2e-3}
NAMES = ["record", "card", "configuration", "size", "lines", "weights", "scores"]

Data = dict[str, Any]


def config(**changed: Any) -> Any:
    given = {"arch": {"name": "gru", "d_model": 8}, "task": TASK, "tier": "smoke", "optim": OPTIM, "logger": "none"}
    return options.resolve({**given, **changed})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    done = runner.run(config(), tmp_path_factory.mktemp("runs"))
    assert done.record.status == "ok"
    return done.folder


@pytest.fixture
def folder(run: Path, tmp_path: Path) -> Path:
    """A copy of the run, to be tampered with."""
    return Path(shutil.copytree(run, tmp_path / "run"))


def edit(folder: Path, change: Callable[[Data], Any]) -> None:
    """Change a record as somebody would who knows of its checksum."""
    data = json.loads((folder / records.NAME).read_text())
    change(data)
    Record(data["results"], data["measured"], data["config"]).write(folder)


def states(report: verify.Report) -> dict[str, str]:
    return {check.name: check.state for check in report.checks}


def wrong(report: verify.Report) -> dict[str, str]:
    return {check.name: check.says for check in report.checks if check.state == "wrong"}


def test_a_true_record_is_found_true_bit_for_bit_and_its_folder_is_not_touched(run: Path) -> None:
    before = {path: path.is_file() and path.read_bytes() for path in run.rglob("*")}
    report = verify.verify(run)
    assert states(report) == dict.fromkeys(NAMES, "ok")
    assert (report.ok, report.verdict) == (True, "All is as recorded.")
    assert all("bit for bit" in check.says for check in report.checks if check.name in ("lines", "scores"))
    assert {path: path.is_file() and path.read_bytes() for path in run.rglob("*")} == before
    assert json.loads(plain.to_json(report.to_dict()))["checks"][0]["name"] == "record"


def better(data: Data) -> None:
    data["results"]["metrics"]["test"]["accuracy"]["value"] += 0.01


def probed(data: Data) -> None:
    data["results"]["lengths"]["accuracy"][0] += 1 / 16


def validated(data: Data) -> None:
    """A better validation, in the curve as well, at the step that was the best."""
    results = data["results"]
    curve = results["curves"]["validation"]
    place = curve["step"].index(results["best_step"])
    curve["accuracy"][place] += 0.01
    results["metrics"]["validation"]["accuracy"]["value"] += 0.01


def earlier(data: Data) -> None:
    """A point of the curve before the chosen one, made worse: no score changes."""
    curve = data["results"]["curves"]["train"]
    curve["loss"][0] += 0.1


def other_step(data: Data) -> None:
    results = data["results"]
    results["best_step"] = next(x for x in results["curves"]["validation"]["step"] if x != results["best_step"])


def doubted(data: Data) -> None:
    data["results"]["above_chance"] = not data["results"]["above_chance"]


def fewer_points(data: Data) -> None:
    for column in data["results"]["curves"]["validation"].values():
        del column[-1]


def other_rate(data: Data) -> None:
    """Another learning rate of the grid, which modifies nothing, with the digest that goes with it."""
    changed = config(optim={**OPTIM, "lr": 5e-3})
    data["config"]["options"]["optim"]["lr"] = 5e-3
    data["config"] |= {"digest": changed.digest(), "modified": changed.modified()}


def put(*path: str, value: Any) -> Callable[[Data], None]:
    """A change of one value."""

    def change(data: Data) -> None:
        for key in path[:-1]:
            data = data[key]
        assert data[path[-1]] != value
        data[path[-1]] = value

    return change


TAMPERED: dict[str, tuple[Callable[[Data], None], set[str]]] = {
    "a better test score": (better, {"scores"}),
    "a better probe": (probed, {"scores"}),
    "a better validation": (validated, {"scores", "weights"}),
    "a chance line that is easier to beat": (
        put("results", "metrics", "test", "accuracy", "chance", value=0.1),
        {"lines"},
    ),
    "a best possible that is nearer": (put("results", "metrics", "test", "loss", "best", value=0.5), {"lines"}),
    "a baseline": (put("results", "baselines", "test", value={"guess": {"accuracy": 0.1}}), {"lines"}),
    "clearly better than chance": (doubted, {"scores"}),
    "another step": (other_step, {"weights", "scores"}),
    "another curve": (earlier, {"weights"}),
    "a curve with a point left out": (fewer_points, {"scores"}),
    "fewer parameters": (put("config", "parameters", value=100), {"size"}),
    "fewer operations": (put("config", "flops_per_token", value=1.0), {"size"}),
    "a size that was matched": (put("config", "match_params", value=100_000), {"size"}),
    "another learning rate": (put("config", "options", "optim", "lr", value=5e-3), {"configuration", "weights"}),
    "another learning rate and its digest": (other_rate, {"weights"}),
    "nothing modified": (put("config", "modified", value=[]), {"configuration"}),
    "another seed": (put("config", "seed", value=1), {"configuration"}),
    "another architecture": (put("config", "architecture", "name", value="lstm"), {"configuration"}),
    "another card": (put("config", "card", "digest", value="0" * 64), {"card", "configuration"}),
    "another version of the card": (put("config", "card", "version", value=2), {"card", "configuration"}),
    "data that were never read": (put("config", "data", value={"all/x": "0"}), {"configuration"}),
    "other weights": (put("results", "weights", value="0" * 64), {"weights"}),
}


@pytest.mark.parametrize("kind", TAMPERED)
def test_a_record_that_was_tampered_with_is_found(folder: Path, kind: str) -> None:
    change, found = TAMPERED[kind]
    edit(folder, change)
    report = verify.verify(folder)
    # Which step was the best, and so whether more is wrong, may hang on the processor.
    assert found <= set(wrong(report)), wrong(report)
    assert len(wrong(report)) <= 2
    assert not report.ok
    assert report.verdict.startswith("WRONG in ")


def test_an_edited_record_is_found_by_its_checksum_alone(folder: Path) -> None:
    path = folder / records.NAME
    data = json.loads(path.read_text())
    data["measured"]["seconds"] = 0.1
    path.write_text(json.dumps(data))
    assert set(wrong(verify.verify(folder))) == {"record"}


def test_a_checkpoint_that_was_tampered_with_is_found(folder: Path) -> None:
    saved = torch.load(folder / folders.BEST, weights_only=True)
    next(iter(saved["state_dict"].values())).view(-1)[0] += 1e-6
    torch.save(saved, folder / folders.BEST)
    report = verify.verify(folder)
    assert "results.weights is recorded as" in wrong(report)["weights"]
    assert states(report)["scores"] == "skipped"
    (folder / folders.BEST).write_bytes(b"no checkpoint")
    assert "does not fit its record" in wrong(verify.verify(folder))["weights"]


def test_a_difference_within_the_tolerance_is_told_and_beyond_it_wrong(folder: Path) -> None:
    def off(data: Data) -> None:
        data["results"]["metrics"]["test"]["loss"]["value"] += 1e-9

    edit(folder, off)
    report = verify.verify(folder)
    assert report.ok
    assert "within 1e-06, at most 1.0e-09 off (test.loss)" in report.checks[-1].says
    assert set(wrong(verify.verify(folder, tolerance=1e-12))) == {"scores"}


def test_another_release_of_the_architecture_is_named_and_not_wrong(folder: Path) -> None:
    edit(folder, put("config", "architecture", "version", value="0.0.1"))
    report = verify.verify(folder)
    assert report.ok
    assert "recorded with the architecture of seqbench '0.0.1', here" in report.checks[2].says


def test_a_record_without_its_folder_skips_what_needs_the_checkpoint(run: Path, tmp_path: Path) -> None:
    lone = tmp_path / "parity-gru-0.json"
    lone.write_bytes((run / records.NAME).read_bytes())
    report = verify.verify(lone)
    assert (report.ok, report.verdict) == (True, "Nothing is wrong; not checked: weights, scores.")
    assert "best.ckpt is not beside the record; --retrain" in report.checks[-1].says
    for change in (other_step, fewer_points, doubted):
        folder = tmp_path / "lone"
        folder.mkdir(exist_ok=True)
        shutil.copy(run / records.NAME, folder)
        edit(folder, change)
        assert set(wrong(verify.verify(folder))) == {"scores"}


def test_a_diverged_run_is_believed_and_an_unfinished_one_is_no_result(folder: Path) -> None:
    def diverge(data: Data) -> None:
        data["results"] = {"status": "diverged", "reason": "the loss is nan", "curves": data["results"]["curves"]}

    edit(folder, diverge)
    report = verify.verify(folder)
    assert (report.ok, report.named("skipped")) == (True, ["lines", "weights", "scores"])
    edit(folder, put("results", "status", value="interrupted"))
    assert "the run ended as interrupted, not with a result" in wrong(verify.verify(folder))["record"]


def test_a_second_run_agrees_bit_for_bit_and_finds_what_was_made_up(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    shutil.copy(run / records.NAME, tmp_path)
    report = verify.verify(tmp_path, retrain=True)
    assert (report.checks[-1].name, report.checks[-1].says) == (
        "retrain",
        "run again, with the same results bit for bit",
    )
    assert report.verdict == "All is as recorded, and a second run agrees."
    # What no other check can see of a record alone.
    for change in (better, earlier):
        edit(tmp_path, change)
    edit(tmp_path, put("measured", "device", value="an abacus"))
    says = wrong(verify.verify(tmp_path, retrain=True))
    assert set(says) == {"retrain"}
    assert "it does not agree: results.curves.train.loss[0] is recorded as" in says["retrain"]
    assert "recorded with device 'an abacus', here " in says["retrain"]
    assert verify.verify(tmp_path, retrain=True, tolerance=0.2).ok
    assert list((tmp_path / "temporary").iterdir()) == []


def test_ctrl_c_in_a_second_run_leaves_no_litter(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    real = runner.run

    def stopped(*arguments: Any, **named: Any) -> Any:
        done = real(*arguments, **named)
        return runner.Run(done.record, done.folder, "Ctrl-C")

    monkeypatch.setattr(runner, "run", stopped)
    with pytest.raises(KeyboardInterrupt):
        verify.verify(run, retrain=True)
    assert list(tmp_path.iterdir()) == []


STRANGE = {
    "results": {"metrics": [None], "baselines": -1, "best_step": {"a": 1}, "curves": None, "weights": 1e308},
    "config": {"options": "\x1b[31mred", "card": [], "architecture": None, "spec": {"input": 1}, "data": ["x"]},
    "measured": {"threads": "many", "device": [1]},
}


@pytest.mark.parametrize("section", STRANGE)
def test_a_hostile_record_is_wrong_and_no_traceback(folder: Path, section: str) -> None:
    real = json.loads((folder / records.NAME).read_text())
    for key, value in STRANGE[section].items():
        edit(folder, put(section, key, value=value))
        report = verify.verify(folder)
        assert [check.name for check in report.checks] == NAMES
        assert report.ok == (section == "measured"), key
        assert all(check.says.isprintable() for check in report.checks)
        Record(real["results"], real["measured"], real["config"]).write(folder)
    edit(folder, lambda data: data[section].clear() or data["results"].update(status="ok"))
    assert verify.verify(folder).ok == (section == "measured")


def test_what_is_no_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(SeqbenchError, match="is not a record"):
        verify.verify(tmp_path / "x.json")
    with pytest.raises(SeqbenchError, match="no record at"):
        verify.verify(tmp_path)
