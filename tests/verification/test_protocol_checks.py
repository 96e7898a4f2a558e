from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from seqbench.datamodules import loading
from seqbench.datamodules.sources import published_datasets
from seqbench.models import build
from seqbench.models.weights import count_parameters
from seqbench.protocol import records, run_folder
from seqbench.running import runner
from seqbench.running.diagnostics import cost
from seqbench.utils.errors import SeqbenchError
from seqbench.verification import verify
from tests import distributions
from tests.protocol.identity.folders import NET, user_folder, write_files
from tests.verification.helpers import (
    CHECKS,
    NET_CHECKS,
    OPTIM,
    REBUILT,
    RecordData,
    check_change_is_found,
    edit_record,
    message_of,
    replace_value,
    resolve,
    skipped,
    wrong,
)

pytestmark = pytest.mark.usefixtures("nets_in_this_process")

Change = Callable[[RecordData], None]

CHANGES: dict[str, tuple[Change, set[str]]] = {
    "chance": (replace_value("results", "metrics", "test", "accuracy", "chance", value=0.1), {"lines"}),
    "best possible": (replace_value("results", "metrics", "test", "loss", "best", value=0.5), {"lines"}),
    "baselines": (replace_value("results", "baselines", "test", value={"guess": {"accuracy": 0.1}}), {"lines"}),
    "facts of the data": (replace_value("config", "data_facts", value={"invented": 1}), {"lines"}),
    "parameters": (replace_value("config", "parameters", value=100), {"size"}),
    "bytes of the state": (replace_value("config", "state_bytes", value=1), {"size"}),
    "operations": (replace_value("config", "flops_per_token", value=1.0), {"size"}),
    "matched parameters": (replace_value("config", "match_params", value=100_000), {"size"}),
    "learning rate": (
        replace_value("config", "options", "optim", "lr", value=5e-3),
        {"configuration", "weights"},
    ),
    "modified options": (replace_value("config", "modified", value=[]), {"configuration"}),
    "seed": (replace_value("config", "seed", value=1), {"configuration"}),
    "digest of the options": (replace_value("config", "digest", value="0" * 64), {"configuration"}),
    "architecture": (replace_value("config", "architecture", "name", value="lstm"), {"configuration"}),
    "digest of the card": (replace_value("config", "card", "digest", value="0" * 64), {"card", "configuration"}),
    "version of the card": (replace_value("config", "card", "version", value=99), {"card", "configuration"}),
    "checksums of data": (replace_value("config", "data", value={"all/x": "0"}), {"configuration"}),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_record_that_differs_from_its_protocol_is_wrong(folder: Path, kind: str) -> None:
    change, failing = CHANGES[kind]
    check_change_is_found(folder, change, failing)


def test_a_record_that_was_edited_has_a_wrong_checksum(folder: Path) -> None:
    path = folder / records.NAME
    data = json.loads(path.read_text())
    data["measured"]["seconds"] = 0.1
    path.write_text(json.dumps(data))
    assert set(wrong(verify.verify_record(folder))) == {"record"}


def test_another_version_of_the_architecture_is_reported_and_not_wrong(folder: Path) -> None:
    edit_record(folder, replace_value("config", "architecture", "version", value="0.0.1"))
    report = verify.verify_record(folder)
    assert report.ok
    assert "recorded with the architecture of seqbench '0.0.1', here" in report.checks[2].message


def add_result(key: str, value: object) -> Change:
    return lambda data: data["results"].update({key: value})


def test_a_diverged_run_is_a_result_and_an_unfinished_run_is_none(folder: Path) -> None:
    def diverge(data: RecordData) -> None:
        reason = "test accuracy is nan with the weights of step 20"
        data["results"] = {"status": "diverged", "reason": reason, "curves": data["results"]["curves"]}

    edit_record(folder, diverge)
    report = verify.verify_record(folder)
    assert (report.ok, report.names("skipped")) == (True, ["lines", "weights", *NET_CHECKS])
    for key, value in (("metrics", {"test": {}}), ("baselines", {}), ("lengths", {"length": [10]})):
        edit_record(folder, add_result(key, value))
        assert f"cannot have scores, but the record holds {key}" in wrong(verify.verify_record(folder))["record"]
        edit_record(folder, diverge)
    edit_record(folder, replace_value("results", "status", value="interrupted"))
    assert "the run ended as interrupted, not with a result" in wrong(verify.verify_record(folder))["record"]


def test_missing_data_make_no_record_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("SEQBENCH_DATA", str(tmp_path / "empty"))
    monkeypatch.setenv("SEQBENCH_CACHE", str(tmp_path / "none"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    config = resolve(
        task={"name": "char-lm-ptb", "source": "synthetic"}, optim={**OPTIM, "steps": 2, "validate_every": 2}
    )
    card, options = config.card, config.options()
    options["task"]["source"] = "auto"
    options["optim"] |= OPTIM  # The record keeps the curve of its run.
    described = {"name": card.name, "version": card.version, "tier": "smoke", "digest": card.digest("smoke")}
    described |= {"metric": card.metric.name, "direction": card.metric.direction, "selection": card.metric.selection}

    def change(data: RecordData) -> None:
        data["config"]["options"] = options
        data["config"]["card"] |= described
        for scores in data["results"]["metrics"].values():
            scores[card.metric.name] = {"value": scores["accuracy"]["value"], "chance": None, "best": None}

    edit_record(folder, change)
    message = skipped(verify.verify_record(folder, retrain=True), [*REBUILT, "retrain"])
    assert message.startswith(
        "it cannot be rebuilt here, so its size, chance and scores cannot be checked: the data set 'ptb'"
    )
    for name in published_datasets.find_dataset("ptb").files.values():
        (tmp_path / "empty" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "empty" / name).write_bytes(b"cut off")
    assert "is not the published file" in skipped(verify.verify_record(folder), REBUILT)
    # The record may name a folder of the machine on which the run was made.
    options["task"]["data_dir"] = "/no/such/folder"
    edit_record(folder, change)
    assert "is neither a folder nor a file" in skipped(verify.verify_record(folder), REBUILT)
    options["task"] = {**options["task"], "source": "synthetic", "unknown": 1}
    del options["task"]["data_dir"]
    edit_record(folder, change)
    assert "unknown option 'task.unknown'" in wrong(verify.verify_record(folder))["configuration"]


@pytest.fixture
def sentences(small_data: Path, tmp_path: Path, cache: Path) -> Path:
    """The folder of a run on labelled sentences of a user, whose data have been moved to ``tmp_path / "moved"``."""
    task = {"name": "sentiment", "data_dir": str(small_data / "sentences")}
    finished = runner.run(resolve(task=task, optim={**OPTIM, "steps": 4, "validate_every": 2}), tmp_path / "runs")
    assert finished.record.status == "ok"
    shutil.move(small_data / "sentences", tmp_path / "moved")
    return finished.folder


def test_moved_data_are_read_where_the_user_says(sentences: Path, tmp_path: Path) -> None:
    report = verify.verify_record(sentences)
    assert "is neither a folder nor a file" in skipped(report, REBUILT)
    assert "is the one that was scored: digest" in message_of(report, "weights")
    for kept in (True, False):  # The prepared arrays may be deleted too.
        report = verify.verify_record(sentences, data_dir=tmp_path / "moved", retrain=kept)
        assert (report.ok, report.names("skipped")) == (True, [])
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    (tmp_path / "moved" / "test.tsv").write_text("the film\t0\n")
    message = skipped(verify.verify_record(sentences, data_dir=tmp_path / "moved"), REBUILT)
    assert "are not those of the run (other checksums of test)" in message
    (tmp_path / "moved" / "test.tsv").unlink()
    assert "but no test file" in skipped(verify.verify_record(sentences, data_dir=tmp_path / "moved"), REBUILT)


def test_the_weights_are_checked_without_the_data(sentences: Path) -> None:
    checkpoint = torch.load(sentences / run_folder.BEST, weights_only=True)
    next(iter(checkpoint["state_dict"].values())).view(-1)[0] += 1e-6
    torch.save(checkpoint, sentences / run_folder.BEST)
    assert "results.weights is recorded as" in wrong(verify.verify_record(sentences))["weights"]
    (sentences / run_folder.BEST).write_bytes(b"no checkpoint")
    assert "does not fit its record" in wrong(verify.verify_record(sentences))["weights"]


def test_a_place_of_data_that_were_generated_is_a_mistake_of_the_user(run: Path, tmp_path: Path) -> None:
    with pytest.raises(SeqbenchError, match=r"data_dir does not apply: the data of this run of .parity. were"):
        verify.verify_record(run, data_dir=tmp_path)


def test_a_folder_that_does_not_exist_is_a_mistake_of_the_user(sentences: Path, tmp_path: Path) -> None:
    with pytest.raises(SeqbenchError, match="nowhere is neither a folder nor a file"):
        verify.verify_record(sentences, data_dir=tmp_path / "nowhere")


def test_a_missing_distribution_skips_checks_and_another_distribution_is_wrong(folder: Path) -> None:
    def change_distribution(distribution: str, name: str = "their-net", version: str = "1.0") -> Change:
        def change(data: RecordData) -> None:
            data["config"]["architecture"] |= {"name": name, "distribution": distribution, "version": version}
            data["config"]["options"]["arch"]["name"] = name

        return change

    edit_record(folder, change_distribution("their-nets"))
    message = skipped(verify.verify_record(folder), REBUILT)
    assert message.startswith(
        "the architecture 'their-net' is of their-nets 1.0, and it is not installed here; install"
    )
    edit_record(folder, change_distribution("torch", version="0.0.1"))
    assert "is of torch 0.0.1, and torch 2" in skipped(verify.verify_record(folder), REBUILT)
    edit_record(folder, change_distribution("their-nets", name="gru"))
    assert "config.architecture.distribution is recorded as" in wrong(verify.verify_record(folder))["configuration"]
    edit_record(folder, change_distribution("seqbench", version=recorded_version(folder)))
    assert "unknown architecture 'their-net'" in wrong(verify.verify_record(folder))["configuration"]
    edit_record(folder, change_distribution("seqbench", name="gru", version=recorded_version(folder)))
    edit_record(
        folder,
        lambda data: (
            data["config"]["card"].update(name="their-task", distribution="their-tasks"),
            data["config"]["options"]["task"].update(name="their-task"),
        ),
    )
    assert "the task 'their-task' is of their-tasks" in skipped(verify.verify_record(folder), ["card", *REBUILT])


def recorded_version(folder: Path) -> str:
    return str(records.read_record(folder).config.card.distribution_version)


@pytest.mark.usefixtures("separate_processes")
def test_a_class_given_by_its_path_is_imported_only_with_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with distributions.site(tmp_path / "site", monkeypatch) as site:
        (site.folder / "my_file.py").write_text(distributions.NET)
        finished = runner.run(resolve(arch={"name": "my_file:Net", "d_model": 8}), tmp_path / "runs")
        report = verify.verify_record(finished.folder, trust=True)
        assert (report.ok, report.names("skipped")) == (True, [])
    marker = tmp_path / "imported"
    (tmp_path / "my_file.py").write_text(f"open({str(marker)!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    assert "read that file, then add --trust" in skipped(verify.verify_record(finished.folder), REBUILT)
    assert not marker.exists()
    monkeypatch.syspath_prepend(tmp_path)
    assert "'my_file:Net' could not be imported" in skipped(verify.verify_record(finished.folder, trust=True), REBUILT)
    assert not marker.exists()  # The file was imported in a process that may not write.
    sys.modules.pop("my_file", None)  # Other tests have another file of this name.


def test_the_width_for_match_params_is_the_one_that_is_found(folder: Path) -> None:
    wide = resolve(arch={"name": "gru", "d_model": 150})
    spec = loading.build_datamodule(wide).spec

    def count(width: int) -> int:
        return count_parameters(build.build_on_meta_device(resolve(arch={"name": "gru", "d_model": width}), spec))

    def matched(target: int) -> Change:
        def change(data: RecordData) -> None:
            data["config"]["options"]["arch"]["d_model"] = 150
            data["config"] |= {**cost.config_cost(wide, spec), "parameters": count(150), "match_params": target}

        return change

    (folder / run_folder.BEST).unlink()  # Its weights have another width.
    edit_record(folder, matched(count(150)))
    assert "size" not in wrong(verify.verify_record(folder))
    edit_record(folder, matched(count(151)))
    assert wrong(verify.verify_record(folder))["size"].endswith("parameters, is recorded as 150 and is 151")


def test_the_source_that_has_changed_since_the_run_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with user_folder(tmp_path / "user", monkeypatch) as folder:
        write_files(folder, {"my_file.py": NET})
        finished = runner.run(resolve(arch={"name": "my_file:MyNet", "d_model": 8}), tmp_path / "runs")
        write_files(folder, {"my_file.py": NET.replace("tanh", "relu")})
        reason = skipped(verify.verify_record(finished.folder, trust=True), REBUILT)
        assert "the source of my_file:MyNet has changed since the run: file my_file.py; restore it" in reason


def test_a_record_without_sources_is_verified_by_its_digest_without_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with user_folder(tmp_path / "user", monkeypatch) as folder:
        write_files(folder, {"my_file.py": NET})
        config = resolve(arch={"name": "my_file:MyNet", "d_model": 8})
        finished = runner.run(config, tmp_path / "runs")
        assert verify.verify_record(finished.folder, trust=True).names("skipped") == []

        def remove_sources(data: RecordData) -> None:
            del data["config"]["sources"]
            data["config"]["digest"] = dataclasses.replace(config, class_files={}).digest()

        edit_record(finished.folder, remove_sources)
        assert verify.verify_record(finished.folder, trust=True).names("ok") == [
            name for name in CHECKS if name != "sources"
        ]
        edit_record(finished.folder, replace_value("config", "digest", value=config.digest()))
        assert "configuration" in wrong(verify.verify_record(finished.folder, trust=True))


def test_another_source_of_a_distribution_is_reported_and_not_wrong(folder: Path) -> None:
    edit_record(folder, replace_value("config", "sources", "seqbench", "digest", value="0" * 64))
    # The source of a stated commit is known, and another one would be wrong.
    edit_record(folder, replace_value("config", "git_commit", value=None))
    report = verify.verify_record(folder)
    assert report.ok
    assert report.checks[2].message.endswith("; recorded with another source of seqbench")


def test_a_class_that_has_moved_since_the_run_is_reported_and_not_wrong(folder: Path) -> None:
    edit_record(folder, replace_value("config", "architecture", "class", value="seqbench.architectures.earlier:GRU"))
    assert "configuration" in wrong(verify.verify_record(folder))
    edit_record(folder, replace_value("config", "sources", "seqbench", "digest", value="0" * 64))
    edit_record(folder, replace_value("config", "git_commit", value=None))
    report = verify.verify_record(folder)
    assert report.ok
    assert "; the class of the architecture has moved since" in report.checks[2].message


def test_an_option_of_the_task_that_is_newer_than_the_record_makes_no_record_wrong(folder: Path) -> None:
    config = resolve()
    options = {key: value for key, value in config.task_options.items() if key != "min_length"}
    older = dataclasses.replace(config, task_options=options).digest()
    assert older != config.digest()

    def remove_option(data: RecordData) -> None:
        assert data["config"]["digest"] == config.digest()
        del data["config"]["options"]["task"]["min_length"]
        data["config"]["digest"] = older

    edit_record(folder, remove_option)
    report = verify.verify_record(folder)
    assert "configuration" in report.names("ok"), message_of(report, "configuration")
