"""Weights & Biases: what reaches its file or its server, and that no failure of it ends or delays a run."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import json
import logging
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import wandb
import yaml

import seqbench
from seqbench.models.module import SequenceModule
from seqbench.protocol.record_fields import WandbRun
from seqbench.protocol.records import Record, read_record
from seqbench.running import run_config
from seqbench.running.loggers import wandb_connection, wandb_logger
from seqbench.running.loggers.run_logger import Ended, LoggedRun
from seqbench.running.loggers.wandb_logger import WandbRunLogger
from seqbench.running.run_request import RunRequest
from seqbench.running.runner import Run
from tests import wandb_file
from tests.optional import not_none
from tests.record_data import complete_record
from tests.wandb_stub import ENTITY, KEY, StubRun, WandbStub, isolate_wandb

SHORT = {"steps": 20, "validate_every": 20}
STEP = "trainer/global_step"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Remove keys, settings and open runs of other tests, because wandb reads its settings once in a process."""
    isolate_wandb(monkeypatch, tmp_path)
    # A W&B run that a failed test left open would fail the next test.
    monkeypatch.setattr(wandb, "run", None)
    monkeypatch.setattr(wandb_connection, "FINISH_SECONDS", 5.0)
    yield
    wandb.teardown()


@pytest.fixture
def stub() -> Iterator[WandbStub]:
    with WandbStub() as server:
        yield server


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch, stub: WandbStub) -> WandbStub:
    """A server and an API key for it."""
    monkeypatch.setenv("WANDB_BASE_URL", stub.url)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    return stub


@contextlib.contextmanager
def logged_lines() -> Iterator[list[str]]:
    """Collect the messages of the package; for fixtures of a wider scope than ``caplog`` has."""
    logger, lines = logging.getLogger("seqbench"), list[str]()
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Run, list[str], WandbStub]]:
    """A run without an API key although there is a server, its logged lines, and the server."""
    folder = tmp_path_factory.mktemp("offline")
    with pytest.MonkeyPatch.context() as patch, WandbStub() as server, logged_lines() as lines:
        isolate_wandb(patch, folder)
        patch.setenv("WANDB_BASE_URL", server.url)
        finished = run(folder, optim={"steps": 100, "validate_every": 50})
        wandb.teardown()
        yield finished, lines, server


def run(folder: Path, **given: Any) -> Run:
    # Two threads would wait for each other on a busy machine.
    defaults = {"tier": "smoke", "optim": SHORT, "trainer": {"threads": 1}, "logger": "wandb", "runs": folder / "runs"}
    return seqbench.run(arch="gru", task="copy", **{**defaults, **given})


def start(folder: Path, run_id: str | None = None, **given: Any) -> tuple[WandbRunLogger, str, str]:
    """Start the logger of a run; return it with its mode and the reason."""
    folder.mkdir(exist_ok=True)
    request = RunRequest.from_mapping({"arch": "gru", "task": "copy", "tier": "smoke", **given})
    config = run_config.resolve_config(request)
    started = WandbRunLogger(LoggedRun(config, folder, folder, run_id or secrets.token_hex(4)))
    return started, started.mode, started.reason


def finish(logger: WandbRunLogger, status: str, record: Record | None = None) -> WandbRun:
    """Close the W&B run and return its section of the record."""
    return WandbRun.model_validate(logger.finish(Ended({"status": status}, record=record)))


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.wandb"))


def only_file(folder: Path) -> StubRun:
    (path,) = files(folder)
    return wandb_file.read_offline_run(path)


def files_of(run: Run) -> list[Path]:
    """The files of a run in the folder that all runs share."""
    run_id = (run.folder / "wandb-id").read_text(encoding="utf-8").strip()
    return [path for path in files(run.folder.parents[2] / "wandb") if path.name == f"run-{run_id}.wandb"]


def file_of(run: Run) -> StubRun:
    (path,) = files_of(run)
    return wandb_file.read_offline_run(path)


def points(history: list[dict[str, Any]], name: str) -> dict[int, float]:
    return {row[STEP]: row[name] for row in history if name in row}


# Offline.


def test_without_a_key_a_run_is_offline_and_sends_no_request(offline: tuple[Run, list[str], WandbStub]) -> None:
    finished, lines, server = offline
    assert finished.record.status == "ok"
    assert not_none(finished.record.measured.wandb).mode == "offline"
    assert not_none(finished.record.measured.wandb).url is None
    assert "W&B: offline (no API key is set)" in lines
    assert server.requests == []


def test_the_file_is_named_grouped_and_tagged(offline: tuple[Run, list[str], WandbStub]) -> None:
    kept = file_of(offline[0])
    assert (kept.project, kept.group, kept.name) == ("seqbench", "copy/gru", "gru-copy-s0")
    assert sorted(kept.tags) == ["copy", "gru", "modified", "smoke"]
    assert kept.id == not_none(offline[0].record.measured.wandb).id
    assert kept.exit_code == 0


def test_the_configuration_is_nested_as_in_yaml(offline: tuple[Run, list[str], WandbStub]) -> None:
    config = file_of(offline[0]).config
    assert config["arch"]["name"] == "gru"
    assert config["optim"]["steps"] == 100
    del config["record"]
    assert config == yaml.safe_load((offline[0].folder / "config.yaml").read_text(encoding="utf-8"))


def test_the_file_holds_the_complete_record(offline: tuple[Run, list[str], WandbStub]) -> None:
    kept, record = file_of(offline[0]), offline[0].record
    assert kept.config["record"] == record.config.to_dict()
    sent = json.loads(kept.summary["record"])
    assert sent["measured"] == {**record.measured.to_dict(), "wandb": None}
    assert sent["results"] == record.without_sample().results.to_dict()
    checksum = sent.pop("checksum")
    assert dataclasses.replace(record, measured=record.measured.with_values(wandb=None), checksum=checksum).intact()


def test_the_record_of_the_last_attempt_is_sent_without_its_sample(tmp_path: Path, online: WandbStub) -> None:
    run_id = None
    for status in ("interrupted", "ok"):
        record = complete_record({"status": status, "sample": "of the data"}, {"seconds": 2.0}, {"digest": status})
        logger, _, _ = start(tmp_path, run_id)
        run_id = finish(logger, status, record).id
    (sent,) = online.runs.values()
    assert sent.config["record"]["digest"] == json.loads(sent.summary["record"])["config"]["digest"] == "ok"
    assert "of the data" not in str(sent)
    assert json.loads(sent.summary["record"])["checksum"] == record.digest()


def test_a_record_that_is_too_large_is_left_out_with_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = complete_record(config={"digest": "x" * 1000})
    monkeypatch.setattr(wandb_logger, "MOST_LETTERS", 1000)
    logger, _, _ = start(tmp_path)
    logger.finish(Ended({"status": "ok"}, record=record))
    summary = only_file(tmp_path).summary
    assert summary["record"] is None
    assert re.fullmatch(r"it has \d,\d\d\d letters, and at most 1,000 are given to W&B", summary["record_left_out"])


def test_the_history_holds_the_curve_by_step(offline: tuple[Run, list[str], WandbStub]) -> None:
    kept = file_of(offline[0])
    assert kept.axes["*"] == STEP
    with (offline[0].folder / "metrics.csv").open(encoding="utf-8") as file:
        table = [{name: float(cell) for name, cell in row.items()} for row in csv.DictReader(file)]
    assert points(kept.history, "train/loss") == {row["step"]: row["train/loss"] for row in table}
    assert [row["step"] for row in table] == [50, 100]
    validation = list(points(kept.history, "validation/accuracy").values())
    assert validation == pytest.approx([row["validation/accuracy"] for row in table])


def test_training_and_validation_have_the_same_steps(offline: tuple[Run, list[str], WandbStub]) -> None:
    history = file_of(offline[0]).history
    assert list(points(history, "validation/accuracy")) == list(points(history, "train/loss")) == [50, 100]


def test_the_summary_has_the_final_scores(offline: tuple[Run, list[str], WandbStub]) -> None:
    summary, results = file_of(offline[0]).summary, offline[0].record.results
    assert summary["status"] == "ok"
    for name, score in results.metrics["test"].items():
        assert summary[f"final/test/{name}"] == score.value
        assert summary[f"final/test/{name}_chance"] == score.chance


def test_samples_and_attention_maps_are_shown(small_data: Path, tmp_path: Path) -> None:
    task = {"name": "translation", "data_dir": str(small_data / "pairs"), "vocabulary_size": 300, "longest": 6}
    arch = {"name": "gru", "d_model": 8}
    options: dict[str, Any] = {"tier": "smoke", "optim": SHORT, "trainer": {"threads": 1}, "encoder": "bigru"}
    finished = seqbench.run(arch, task, runs=tmp_path / "runs", **options)
    assert finished.record.status == "ok", finished.record.results.reason
    wandb.teardown()
    kept = file_of(finished)
    shown = {name: value for row in kept.history for name, value in row.items() if name.startswith("sample/")}
    assert shown["sample/attention._type"] == "image-file"
    assert shown["sample/translations._type"] == "html-file"
    html = next(tmp_path.rglob("media/html/sample/*.html")).read_text(encoding="utf-8")
    assert "source" in html
    assert kept.group == "translation-multi30k-en-de/gru"


def test_sync_sends_an_offline_run_to_the_server(offline: tuple[Run, list[str], WandbStub], online: WandbStub) -> None:
    (path,) = files_of(offline[0])
    command = [sys.executable, "-m", "wandb", "sync", str(path.parent)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    kept, sent = wandb_file.read_offline_run(path), online.runs[not_none(offline[0].record.measured.wandb).id]
    assert (sent.project, sent.group, sent.name) == (kept.project, kept.group, kept.name)
    # W&B drops empty mappings, which is why the record is a text.
    kept.config["record"] = {name: value for name, value in kept.config["record"].items() if value != {}}
    assert sent.config == kept.config
    assert points(sent.history, "train/loss") == points(kept.history, "train/loss")
    assert sent.summary["final/test/accuracy"] == kept.summary["final/test/accuracy"]
    assert sent.exit_code == 0


def test_two_runs_in_one_process_have_two_wandb_runs(tmp_path: Path) -> None:
    ran = [run(tmp_path, seed=seed) for seed in (0, 1)]
    kept = [file_of(one) for one in ran]
    assert kept[0].id != kept[1].id
    for seed, (one, its) in enumerate(zip(ran, kept, strict=True)):
        assert its.id == not_none(one.record.measured.wandb).id
        assert (its.name, its.config["seed"]) == (f"gru-copy-s{seed}", seed)
        assert list(points(its.history, "train/loss").values()) == one.record.results.curves.train["loss"]


def test_an_open_wandb_run_of_the_process_receives_no_metrics(tmp_path: Path) -> None:
    theirs = wandb.init(mode="offline", dir=str(tmp_path), settings=wandb.Settings(silent=True))
    logger, _, _ = start(tmp_path / "ours")
    assert logger.run.id != theirs.id
    assert finish(logger, "ok").id == only_file(tmp_path / "ours").id


def test_a_resumed_run_keeps_its_wandb_id(tmp_path: Path, online: WandbStub) -> None:
    logger, _, _ = start(tmp_path)
    logger.log_metrics({"train/loss": 2.0}, step=50)
    named = finish(logger, "interrupted")
    assert online.runs[named.id].exit_code == 1
    online.requests.clear()
    logger, _, _ = start(tmp_path, named.id)
    assert "POST /graphql RunResumeStatus" in online.requests, "it must ask where the run stands"
    logger.log_metrics({"train/loss": 1.0}, step=100)
    logger.finish(Ended({"status": "ok"}))
    (sent,) = online.runs.values()
    assert points(sent.history, "train/loss") == {50: 2.0, 100: 1.0}
    assert sent.exit_code == 0


# Online.


def test_a_run_with_a_key_is_sent_to_the_server(
    tmp_path: Path, online: WandbStub, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO, "seqbench")
    finished = run(tmp_path)
    assert "W&B: online (an API key is set)" in caplog.messages
    named = finished.record.measured.wandb
    assert named is not None
    (sent,) = online.runs.values()
    assert (named.id, named.mode) == (sent.id, "online")
    assert named.url == f"{online.url}/{ENTITY}/seqbench/runs/{sent.id}"
    assert (sent.project, sent.group, sent.name) == ("seqbench", "copy/gru", "gru-copy-s0")
    assert sorted(sent.tags) == ["copy", "gru", "modified", "smoke"]
    assert sent.config["arch"]["name"] == "gru"
    assert points(sent.history, "train/loss") == {20: finished.record.results.curves.train["loss"][0]}
    assert sent.summary["final/test/accuracy"] == finished.record.results.metrics["test"]["accuracy"].value
    assert sent.exit_code == 0
    assert online.unknown_operations == []
    assert "wandb" not in "".join(capfd.readouterr()), "the screen is the run's own"


# Names.


ENVIRONMENT = {
    "WANDB_PROJECT": "p",
    "WANDB_ENTITY": "e",
    "WANDB_RUN_GROUP": "g",
    "WANDB_NAME": "n",
    "WANDB_TAGS": "x,y",
    "WANDB_NOTES": "why",
    "WANDB_JOB_TYPE": "j",
}


def shown(kept: StubRun) -> list[str | None]:
    own = {"copy", "gru", "smoke", "modified"}
    tags = ",".join(tag for tag in kept.tags if tag not in own)
    return [kept.project, kept.entity, kept.group, kept.name, tags, kept.notes, kept.job_type]


def test_the_environment_names_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    finish(start(tmp_path)[0], "ok")
    assert shown(only_file(tmp_path)) == list(ENVIRONMENT.values())


def test_an_option_overrides_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.setenv(name, "of-the-environment")
    keys = ("project", "entity", "group", "name", "tags", "notes", "job_type")
    options = dict(zip(keys, ENVIRONMENT.values(), strict=True))
    finish(start(tmp_path, wandb=options)[0], "ok")
    assert shown(only_file(tmp_path)) == list(ENVIRONMENT.values())


def test_the_folder_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "elsewhere"))
    logger, _, _ = start(tmp_path / "runs")
    assert f"wandb sync {tmp_path}/elsewhere/wandb/offline-run-*-" in str(logger.hint())
    finish(logger, "ok")
    assert [path.relative_to(tmp_path).parts[0] for path in files(tmp_path)] == ["elsewhere"]


def test_the_sync_command_sends_all_attempts_of_an_offline_run_as_one(tmp_path: Path, online: WandbStub) -> None:
    run_id = secrets.token_hex(4)
    for steps, status in (((50, 100), "interrupted"), ((50, 100, 150), "ok")):
        logger, _, _ = start(tmp_path, run_id, wandb={"mode": "offline"}, optim={"validate_every": 200})
        for step in steps:
            logger.log_metrics({"train/loss": float(step)}, step=step)
        finish(logger, status)
        wandb_file.read_offline_run(max(files(tmp_path), key=lambda path: path.parent.name))
        time.sleep(1.1)  # W&B names a folder by the second.
    assert len(files(tmp_path)) == 2
    command = not_none(logger.hint()).partition("`")[2].rstrip("`")
    words = command.replace("wandb sync", f"{sys.executable} -m wandb sync")
    done = subprocess.run(words, shell=True, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (sent,) = online.runs.values()
    assert [(row[STEP], row["train/loss"]) for row in sent.history] == [(50, 50.0), (100, 100.0), (150, 150.0)]
    assert sent.exit_code == 0


# Failures of W&B.


@pytest.mark.parametrize("home", [None, "/proc"])
def test_without_a_usable_home_the_screen_stays_clean(tmp_path: Path, home: str | None) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB_", "XDG_"))}
    environment.pop("HOME")
    environment |= {"WANDB_MODE": "offline", "HOME": home} if home else {"WANDB_MODE": "offline"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[3])
    code = (
        "import pathlib, sys; from tests.running.loggers.test_wandb_logger import start, finish;"
        "print(finish(start(pathlib.Path(sys.argv[1]))[0], 'ok').mode)"
    )
    words = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "offline\n"), done.stderr
    lines = [line for line in done.stderr.splitlines() if "atplotlib" not in line]
    assert lines == []


def test_without_a_server_a_run_is_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    caplog.set_level(logging.INFO, "seqbench")
    start_time = time.monotonic()
    finished = run(tmp_path)
    assert time.monotonic() - start_time < 60
    assert finished.record.status == "ok"
    assert not_none(finished.record.measured.wandb).mode == "offline"
    assert "W&B: offline (127.0.0.1 does not answer)" in caplog.messages
    assert file_of(finished).id == not_none(finished.record.measured.wandb).id


def test_a_server_that_does_not_answer_makes_the_run_offline(
    tmp_path: Path, online: WandbStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wandb_connection, "INIT_SECONDS", 1.0)
    online.unresponsive.set()
    start_time = time.monotonic()
    logger, mode, reason = start(tmp_path)
    assert time.monotonic() - start_time < 40
    assert mode == "offline"
    assert "deadline exceeded" in reason.lower()
    named = finish(logger, "ok")
    (path,) = tmp_path.rglob(f"offline-run-*/run-{named.id}.wandb")
    assert wandb_file.read_offline_run(path).name == "gru-copy-s0"


@pytest.mark.parametrize("key", [KEY, "short"])
def test_a_refused_key_makes_the_run_offline(
    tmp_path: Path, online: WandbStub, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", key)
    online.rejects_key = True
    logger, mode, reason = start(tmp_path)
    assert mode == "offline"
    assert key not in reason
    assert finish(logger, "ok").mode == "offline"


def test_a_server_that_stops_answering_does_not_delay_the_end_of_a_run(
    tmp_path: Path, online: WandbStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wandb_connection, "FINISH_SECONDS", 1.0)
    logger, mode, _ = start(tmp_path)
    assert mode == "online"
    online.unresponsive.set()
    logger.log_metrics({"train/loss": 1.0}, step=50)
    start_time = time.monotonic()
    assert finish(logger, "ok").id in online.runs
    assert time.monotonic() - start_time < 40
    assert points(only_file(tmp_path).history, "train/loss") == {50: 1.0}


def test_an_error_while_wandb_closes_its_run_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(self: Any, exit_code: int) -> None:
        raise BrokenPipeError("gone")

    logger, _, _ = start(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(wandb.Run, "finish", breaks)
        named = finish(logger, "ok")
    assert named.id == logger.run.id
    assert named.error == "BrokenPipeError: gone"


def test_a_run_is_finished_though_wandb_cannot_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(*given: Any) -> None:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(WandbRunLogger, "_init", breaks)
    caplog.set_level(logging.INFO, "seqbench")
    finished = run(tmp_path)
    assert finished.record.status == "ok"
    assert finished.record.measured.wandb is None
    assert "W&B could not be started (no such thing); the run continues without it" in caplog.messages


@pytest.mark.parametrize("ending", ["diverged", "failed", "interrupted"])
def test_a_run_that_ends_badly_is_closed_as_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    def step(module: SequenceModule, batch: Any, batch_idx: int) -> Any:
        match ending:
            case "diverged":
                return healthy(module, batch, batch_idx) * float("nan")
            case "failed":
                raise RuntimeError("broken")
        raise KeyboardInterrupt

    healthy = SequenceModule.training_step
    monkeypatch.setattr(SequenceModule, "training_step", step)
    with contextlib.suppress(KeyboardInterrupt):
        run(tmp_path)
    (path,) = tmp_path.rglob("result.json")
    record = read_record(path)
    assert record.status == ending
    assert wandb.run is None
    kept = only_file(tmp_path)
    assert kept.id == not_none(record.measured.wandb).id
    assert (kept.exit_code, kept.summary["status"]) == (1, ending)


# The mode.


def test_a_disabled_wandb_has_no_run(tmp_path: Path, online: WandbStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    finished = run(tmp_path)
    assert finished.record.status == "ok"
    assert finished.record.measured.wandb is None
    assert online.requests == []
    assert files(tmp_path) == []
    assert not (tmp_path / "runs" / "wandb").exists()


def test_the_environment_can_choose_offline(online: WandbStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert wandb_connection.wandb_mode() == ("offline", "WANDB_MODE=offline")


def test_settings_of_wandb_can_choose_offline(online: WandbStub, tmp_path: Path) -> None:
    (tmp_path / "home" / "settings").write_text("[default]\nmode = offline\n")
    assert wandb_connection.wandb_mode() == ("offline", "W&B's settings say offline")


def test_the_mode_that_lightnings_own_logger_sets_is_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "dryrun")
    assert wandb_connection.wandb_mode() == ("offline", "WANDB_MODE=dryrun")


def test_wandb_settings_can_choose_the_server(stub: WandbStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    (tmp_path / "home" / "settings").write_text(f"[default]\nbase_url = {stub.url}\n")
    assert wandb_connection.wandb_mode() == ("online", "an API key is set")


def test_online_without_a_key_does_not_ask_the_user(
    tmp_path: Path, stub: WandbStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

        def readline(self, *_: object) -> NoReturn:
            pytest.fail("asked for a key")

    monkeypatch.setenv("WANDB_BASE_URL", stub.url)
    monkeypatch.setenv("WANDB_MODE", "online")
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, Terminal())
    logger, mode, reason = start(tmp_path)
    assert (mode, reason) == ("offline", "no API key is set")
    logger.finish(Ended({"status": "ok"}))


def test_the_proxy_is_contacted_instead_of_the_server(stub: WandbStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "http://wandb.invalid")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert wandb_connection.wandb_mode()[0] == "offline"
    monkeypatch.setenv("http_proxy", stub.url)
    assert wandb_connection.wandb_mode()[0] == "online"
    monkeypatch.setenv("no_proxy", "wandb.invalid")
    assert wandb_connection.wandb_mode()[0] == "offline"


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("machine {netloc} login user password {key}", True),
        ("machine {host} login user password {key}", False),
        ("machine api.wandb.ai login user password {key}", False),
        ("default login user password {key}", True),
        ("machine {netloc} login user", False),
        ("machine", False),
        (None, False),
    ],
    ids=["this server", "another port", "another server", "any server", "no password", "broken", "no file"],
)
@pytest.mark.parametrize("place", ["NETRC", ".netrc", "_netrc"])
def test_a_key_in_netrc_is_found_in_the_places_that_wandb_reads(
    stub: WandbStub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str | None, found: bool, place: str
) -> None:
    from wandb.sdk.lib import wbauth

    monkeypatch.setenv("WANDB_BASE_URL", stub.url)
    path = tmp_path / "home" / place
    monkeypatch.setenv("NETRC", str(path)) if place == "NETRC" else monkeypatch.delenv("NETRC")
    if entry is not None:
        netloc = stub.url.removeprefix("http://")
        path.write_text(entry.format(netloc=netloc, host="127.0.0.1", key=KEY) + "\n")
        path.chmod(0o600)
    assert wandb_connection.wandb_mode()[0] == ("online" if found else "offline")
    assert (wbauth.read_netrc_auth(host=stub.url) is not None) == found
