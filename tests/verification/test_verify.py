from __future__ import annotations

import importlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seqbench import verification
from seqbench.datamodules import loading
from seqbench.datamodules.sources import published_datasets
from seqbench.models import build
from seqbench.models.weights import count_parameters
from seqbench.protocol import records, run_folder
from seqbench.running import run_config, runner
from seqbench.running.diagnostics import cost
from seqbench.running.run_request import RunRequest
from seqbench.utils import plain_data
from seqbench.utils.errors import SeqbenchError
from seqbench.verification import verify
from tests import distributions

TASK = {"name": "parity", "samples": 20, "max_length": 8, "probe_lengths": [10, 20], "probe_samples": 16}
OPTIM = {"steps": 60, "batch_size": 8, "validate_every": 20, "lr": 2e-3}
NAMES = ["record", "card", "configuration", "size", "lines", "weights", "scores"]

Data = dict[str, Any]


def config(**changed: Any) -> Any:
    given = {"arch": {"name": "gru", "d_model": 8}, "task": TASK, "tier": "smoke", "optim": OPTIM, "logger": "none"}
    return run_config.resolve_config(RunRequest.from_mapping({**given, **changed}))


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
    records.build_record(data["results"], data["measured"], data["config"]).write(folder)


def states(report: verify.Report) -> dict[str, str]:
    return {check.name: check.state for check in report.checks}


def wrong(report: verify.Report) -> dict[str, str]:
    return {check.name: check.says for check in report.checks if check.state == "wrong"}


def test_a_true_record_is_found_true_bit_for_bit_and_its_folder_is_not_touched(run: Path) -> None:
    before = {path: path.is_file() and path.read_bytes() for path in run.rglob("*")}
    report = verify.verify_record(run)
    assert states(report) == dict.fromkeys(NAMES, "ok")
    assert (report.ok, report.verdict) == (True, "All is as recorded.")
    assert all("bit for bit" in check.says for check in report.checks if check.name in ("lines", "scores"))
    assert {path: path.is_file() and path.read_bytes() for path in run.rglob("*")} == before
    assert json.loads(plain_data.to_json(report.to_dict()))["checks"][0]["name"] == "record"


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
    report = verify.verify_record(folder)
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
    assert set(wrong(verify.verify_record(folder))) == {"record"}


def test_a_checkpoint_that_was_tampered_with_is_found(folder: Path) -> None:
    saved = torch.load(folder / run_folder.BEST, weights_only=True)
    next(iter(saved["state_dict"].values())).view(-1)[0] += 1e-6
    torch.save(saved, folder / run_folder.BEST)
    report = verify.verify_record(folder)
    assert "results.weights is recorded as" in wrong(report)["weights"]
    assert states(report)["scores"] == "skipped"
    (folder / run_folder.BEST).write_bytes(b"no checkpoint")
    assert "does not fit its record" in wrong(verify.verify_record(folder))["weights"]


def test_a_difference_within_the_tolerance_is_told_and_beyond_it_wrong(folder: Path) -> None:
    def off(data: Data) -> None:
        data["results"]["metrics"]["test"]["loss"]["value"] += 1e-9

    edit(folder, off)
    report = verify.verify_record(folder)
    assert report.ok
    assert "within 1e-06, at most 1.0e-09 off (test.loss)" in report.checks[-1].says
    assert set(wrong(verify.verify_record(folder, tolerance=1e-12))) == {"scores"}


def test_another_release_of_the_architecture_is_named_and_not_wrong(folder: Path) -> None:
    edit(folder, put("config", "architecture", "version", value="0.0.1"))
    report = verify.verify_record(folder)
    assert report.ok
    assert "recorded with the architecture of seqbench '0.0.1', here" in report.checks[2].says


def test_a_record_without_its_folder_skips_what_needs_the_checkpoint(run: Path, tmp_path: Path) -> None:
    lone = tmp_path / "parity-gru-0.json"
    lone.write_bytes((run / records.NAME).read_bytes())
    report = verify.verify_record(lone)
    assert (report.ok, report.verdict) == (True, "Nothing is wrong; not checked: weights, scores.")
    assert "best.ckpt is not beside the record; --retrain" in report.checks[-1].says
    for change in (other_step, fewer_points, doubted):
        folder = tmp_path / "lone"
        folder.mkdir(exist_ok=True)
        shutil.copy(run / records.NAME, folder)
        edit(folder, change)
        assert set(wrong(verify.verify_record(folder))) == {"scores"}


def test_a_diverged_run_is_believed_and_an_unfinished_one_is_no_result(folder: Path) -> None:
    def diverge(data: Data) -> None:
        data["results"] = {"status": "diverged", "reason": "the loss is nan", "curves": data["results"]["curves"]}

    edit(folder, diverge)
    report = verify.verify_record(folder)
    assert (report.ok, report.named("skipped")) == (True, ["lines", "weights", "scores"])
    for key, held in (("metrics", {"test": {}}), ("baselines", {}), ("lengths", {"length": [10]})):
        edit(folder, lambda data, key=key, held=held: data["results"].update({key: held}))
        assert f"has no scores, but it holds {key}" in wrong(verify.verify_record(folder))["record"]
        edit(folder, diverge)
    edit(folder, put("results", "status", value="interrupted"))
    assert "the run ended as interrupted, not with a result" in wrong(verify.verify_record(folder))["record"]


def test_a_second_run_agrees_bit_for_bit_and_finds_what_was_made_up(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    shutil.copy(run / records.NAME, tmp_path)
    report = verify.verify_record(tmp_path, retrain=True)
    assert (report.checks[-1].name, report.checks[-1].says) == (
        "retrain",
        "run again, with the same results bit for bit",
    )
    assert report.verdict == "All is as recorded, and a second run agrees."
    # What no other check can see of a record alone.
    for change in (better, earlier):
        edit(tmp_path, change)
    edit(tmp_path, put("measured", "device", value="an abacus"))
    says = wrong(verify.verify_record(tmp_path, retrain=True))
    assert set(says) == {"retrain"}
    assert "it does not agree: results.curves.train.loss[0] is recorded as" in says["retrain"]
    assert "recorded with device 'an abacus', here " in says["retrain"]
    assert verify.verify_record(tmp_path, retrain=True, tolerance=0.2).ok
    assert list((tmp_path / "temporary").iterdir()) == []


def test_ctrl_c_in_a_second_run_leaves_no_litter(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    real = runner.run

    def stopped(*arguments: Any, **named: Any) -> Any:
        done = real(*arguments, **named)
        return runner.Run(done.record, done.folder, "Ctrl-C")

    monkeypatch.setattr(runner, "run", stopped)
    with pytest.raises(KeyboardInterrupt):
        verify.verify_record(run, retrain=True)
    assert list(tmp_path.iterdir()) == []


REBUILT = ["configuration", "size", "lines", "weights", "scores"]


def skipped(report: verify.Report, names: list[str]) -> str:
    """What the first check that was skipped says, where nothing is wrong and these were skipped."""
    assert wrong(report) == {}
    assert report.named("skipped") == names
    assert report.verdict == f"Nothing is wrong; not checked: {', '.join(names)}."
    return next(check.says for check in report.checks if check.state == "skipped")


def test_data_that_are_not_at_hand_make_no_record_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    task = {"name": "char-lm-ptb", "source": "synthetic"}
    chosen = config(task=task, optim={**OPTIM, "steps": 2, "validate_every": 2})
    data = {
        "arch": chosen.options()["arch"],
        "task": {**chosen.options()["task"], "source": "auto"},
        "tier": "smoke",
        "seed": 0,
    }
    monkeypatch.setenv("SEQBENCH_DATA", str(tmp_path / "empty"))
    monkeypatch.setenv("SEQBENCH_CACHE", str(tmp_path / "none"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    card = chosen.card
    recorded = {"name": card.name, "version": card.version, "tier": "smoke", "digest": card.digest("smoke")}
    recorded |= {"metric": card.metric.name, "direction": card.metric.direction}

    def elsewhere(record: Data) -> None:
        record["config"]["options"] = {**record["config"]["options"], **data}
        record["config"]["card"] |= recorded
        for lines in record["results"]["metrics"].values():
            lines[card.metric.name] = lines["accuracy"]

    edit(folder, elsewhere)
    says = skipped(verify.verify_record(folder, retrain=True), [*REBUILT, "retrain"])
    assert says.startswith(
        "it cannot be rebuilt here, nor can its size, lines and scores be checked: the data set 'ptb'"
    )
    for name in published_datasets.find_dataset("ptb").files.values():
        (tmp_path / "empty" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "empty" / name).write_bytes(b"cut off")
    assert "is not the published file" in skipped(verify.verify_record(folder), REBUILT)
    # A folder of the machine on which it ran.
    data["task"]["data_dir"] = "/no/such/folder"
    edit(folder, elsewhere)
    assert "is neither a folder nor a file" in skipped(verify.verify_record(folder), REBUILT)
    del data["task"]["data_dir"]
    data["task"]["unknown"] = 1
    monkeypatch.undo()
    edit(folder, elsewhere)
    assert "unknown option 'task.unknown'" in wrong(verify.verify_record(folder))["configuration"]


def test_what_is_not_installed_here_is_not_checked_and_what_is_another_distributions_is_wrong(folder: Path) -> None:
    def other(distribution: str, name: str = "their-net", version: str = "1.0") -> Callable[[Data], None]:
        def change(data: Data) -> None:
            data["config"]["architecture"] |= {"name": name, "distribution": distribution, "version": version}
            data["config"]["options"]["arch"]["name"] = name

        return change

    edit(folder, other("their-nets"))
    says = skipped(verify.verify_record(folder), REBUILT)
    assert says.startswith("the architecture 'their-net' is of their-nets 1.0, and it is not installed here; install")
    edit(folder, other("torch", version="0.0.1"))
    assert "is of torch 0.0.1, and torch 2" in skipped(verify.verify_record(folder), REBUILT)
    edit(folder, other("their-nets", name="gru"))
    assert "config.architecture.distribution is recorded as" in wrong(verify.verify_record(folder))["configuration"]
    edit(folder, other("seqbench", version=records_version(folder)))
    assert "unknown architecture 'their-net'" in wrong(verify.verify_record(folder))["configuration"]
    edit(folder, other("seqbench", name="gru", version=records_version(folder)))
    edit(
        folder,
        lambda data: (
            data["config"]["card"].update(name="their-task", distribution="their-tasks"),
            data["config"]["options"]["task"].update(name="their-task"),
        ),
    )
    assert "the task 'their-task' is of their-tasks" in skipped(verify.verify_record(folder), ["card", *REBUILT])


def test_a_library_that_is_not_installed_here_makes_no_record_wrong(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(verification.CHECKS, "lines", lambda subject: importlib.import_module("no_such_library"))
    assert "No module named 'no_such_library'" in skipped(verify.verify_record(run), ["lines"])


def records_version(folder: Path) -> str:
    return str(records.read_record(folder).config.card.distribution_version)


def test_a_class_given_by_its_path_is_imported_only_where_one_trusts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with distributions.site(tmp_path / "site", monkeypatch) as site:
        (site.folder / "my_file.py").write_text(distributions.NET)
        done = runner.run(config(arch={"name": "my_file:Net", "d_model": 8}), tmp_path / "runs")
        report = verify.verify_record(done.folder, trust=True)
        assert (report.ok, report.named("skipped")) == (True, [])
    marker = tmp_path / "imported"
    (tmp_path / "my_file.py").write_text(f"open({str(marker)!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    assert "look into that file, then add --trust" in skipped(verify.verify_record(done.folder), REBUILT)
    assert not marker.exists()
    monkeypatch.syspath_prepend(tmp_path)
    assert "could not be imported from my_file:Net" in skipped(verify.verify_record(done.folder, trust=True), REBUILT)
    assert marker.exists()


def test_a_matched_size_has_the_width_that_is_found_for_it(folder: Path) -> None:
    wide = config(arch={"name": "gru", "d_model": 150})
    spec = loading.build_datamodule(wide).spec

    def count(width: int) -> int:
        return count_parameters(build.build_on_meta_device(config(arch={"name": "gru", "d_model": width}), spec))

    def matched(target: int) -> Callable[[Data], None]:
        def change(data: Data) -> None:
            data["config"]["options"]["arch"]["d_model"] = 150
            data["config"] |= {**cost.model_cost(wide, spec), "parameters": count(150), "match_params": target}

        return change

    edit(folder, matched(count(150)))
    assert "size" not in wrong(verify.verify_record(folder))
    edit(folder, matched(count(151)))
    assert wrong(verify.verify_record(folder))["size"].endswith("parameters, is recorded as 150 and is 151")


STRANGE = {
    "results": {"metrics": [None], "baselines": -1, "best_step": {"a": 1}, "curves": None, "weights": 1e308},
    "config": {"options": "\x1b[31mred", "card": [], "architecture": None, "spec": {"input": 1}, "data": ["x"]},
    "measured": {"threads": "many", "device": [1]},
}


@pytest.mark.parametrize("section", STRANGE)
def test_a_hostile_record_is_refused_in_a_printable_sentence(folder: Path, section: str) -> None:
    path = folder / records.NAME
    whole = json.loads(path.read_text())
    for key, value in STRANGE[section].items():
        path.write_text(json.dumps({**whole, section: {**whole[section], key: value}}))
        with pytest.raises(SeqbenchError, match=f"{section}.*{key}") as raised:
            verify.verify_record(folder)
        assert str(raised.value).isprintable()


def test_what_is_no_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(SeqbenchError, match="is not a record"):
        verify.verify_record(tmp_path / "x.json")
    with pytest.raises(SeqbenchError, match="no record at"):
        verify.verify_record(tmp_path)


def test_of_equal_scores_the_latest_must_have_been_chosen() -> None:
    from seqbench.verification import checkpoint_checks

    assert checkpoint_checks._latest_best([0.5, 1.0, 1.0, 0.9], "max") == 2
    assert checkpoint_checks._latest_best([0.5, 0.25, 0.25 + 1e-12], "min") == 2  # Equal in 32 bits.
