"""Records through Weights & Biases: out by a run, back by its project; and a board as a table."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb

import seqbench
from seqbench.leaderboard.data import wandb_runs
from seqbench.leaderboard.pages import wandb_table
from seqbench.protocol.records import Record
from seqbench.running import wandb_logging
from seqbench.utils.errors import SeqbenchError
from tests.wandb_stub import ENTITY, KEY, StubRun, WandbStub, isolate


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    isolate(monkeypatch, tmp_path)
    monkeypatch.setattr(wandb, "run", None)
    monkeypatch.setattr(wandb_logging, "FINISH_SECONDS", 5.0)
    yield
    wandb.teardown()


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbStub]:
    with WandbStub() as stub:
        monkeypatch.setenv("WANDB_BASE_URL", stub.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        yield stub


def record(seed: int = 0, status: str = "ok") -> Record:
    # 2.0 would come back from a config as 2.
    return Record({"status": status}, {"seconds": 2.0, "wandb": None}, {"seed": seed, "flops_per_token": 3.0})


def put(stub: WandbStub, name: str, text: Any, task: str = "copy", tier: str = "small", code: int | None = 0) -> None:
    run = StubRun(name, "seqbench", config={"task": {"name": task}, "tier": tier}, exit_code=code)
    run.summary = {"record": text} if text is not None else {"status": "ok"}
    stub.runs[name] = run


def read(path: str = "seqbench", tasks: tuple[str, ...] = ("copy",)) -> list[tuple[str, Record | SeqbenchError]]:
    return list(wandb_runs.read_wandb_records(path, tasks, "small"))


def refusal(path: str = "wandb:seqbench") -> str:
    with pytest.raises(SeqbenchError) as raised:
        read(path)
    text = str(raised.value)
    assert KEY not in text
    assert "\n" not in text
    return text


# Reading.


def test_a_run_comes_back_as_its_record(tmp_path: Path, online: WandbStub, capfd: pytest.CaptureFixture[str]) -> None:
    optim, trainer = {"steps": 20, "validate_every": 20}, {"threads": 1}
    ran = seqbench.run("gru", "copy", tier="smoke", optim=optim, trainer=trainer, runs=tmp_path / "runs")
    assert ran.record.measured["wandb"]["mode"] == "online"
    ((origin, back),) = wandb_runs.read_wandb_records(f"wandb:{ENTITY}/seqbench", ["copy"], "smoke")
    assert origin == f"wandb:{ENTITY}/seqbench/{ran.record.measured['wandb']['id']}"
    assert isinstance(back, Record)
    assert back.intact()
    assert (back.results, back.config) == (ran.record.without_sample().results, ran.record.config)
    assert back.measured == {**ran.record.measured, "wandb": None}
    assert online.unknown == []
    assert "wandb" not in "".join(capfd.readouterr())


def test_runs_come_page_by_page_and_none_is_kept(online: WandbStub, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(7):
        put(online, f"run{seed}", record(seed).to_json())
    made, make = [], wandb_runs._runs
    monkeypatch.setattr(wandb_runs, "_runs", lambda *given: made.append(make(*given)) or made[0])
    monkeypatch.setattr(wandb_runs, "PAGE", 3)
    found = wandb_runs.read_wandb_records(f"{ENTITY}/seqbench", ["copy"], "small")
    first = next(found)
    assert len(online.asked) == 1
    rest = list(found)
    assert [asked["cursor"] for asked in online.asked] == [None, "3", "6"]
    assert [back.config["seed"] for _, back in (first, *rest) if isinstance(back, Record) and back.intact()] == [
        *range(7)
    ]
    assert made[0].objects == [None] * 7
    assert list(Path.home().glob(f"{ENTITY}*")) == [], "W&B's empty folders"


def test_the_server_filters(online: WandbStub) -> None:
    put(online, "good", record().to_json())
    put(online, "diverged", record(status="diverged").to_json(), code=1)
    put(online, "running", record().to_json(), code=None)
    put(online, "other-task", record().to_json(), task="parity")
    put(online, "other-tier", record().to_json(), tier="smoke")
    assert [origin.rpartition("/")[2] for origin, _ in read()] == ["good", "diverged"]
    assert online.asked[0]["filters"] == {
        "state": {"$in": ["finished", "failed"]},
        "config.task.value.name": {"$in": ["copy"]},
        "config.tier.value": "small",
    }


BROKEN = {
    "older": (None, "no record of it: an older seqbench"),
    "number": (5, "must be a text, got 5"),
    "half": (record().to_json()[:-40], "not readable"),
    "list": ("[1]", "needs the sections results, measured, config"),
    "newer": (record().to_json().replace('"schema": 1', '"schema": 2'), "schema 2, this seqbench reads 1"),
    "constant": (record().to_json().replace("2.0", "NaN"), "NaN is not strict JSON"),
    "deep": ("[" * 10**5, "not readable"),
    "huge": (record().to_json().replace("2.0", "9" * 400), "a whole number of"),
    "status": (record().to_json().replace('"ok"', '"fine"'), "status must be one of"),
}


def test_what_is_no_record_is_named_and_the_rest_is_read(online: WandbStub) -> None:
    for name, (text, _) in BROKEN.items():
        put(online, name, text)
    put(online, "left-out", None)
    online.runs["left-out"].summary = {"record": None, "record_left_out": "it has 2 letters"}
    put(online, "no-summary", None)
    online.runs["no-summary"].summary = None  # type: ignore[assignment]
    put(online, "edited", record().to_json().replace("2.0", "1.0"))
    put(online, "good", record().to_json())
    back = {origin.rpartition("/")[2]: found for origin, found in read()}
    for name, (_, phrase) in BROKEN.items():
        assert phrase in str(back[name]), name
        assert len(str(back[name])) < 400
    assert "it has 2 letters" in str(back["left-out"])
    assert "no record of it" in str(back["no-summary"])
    assert isinstance(back["edited"], Record)
    assert not back["edited"].intact()
    assert isinstance(back["good"], Record)
    assert back["good"].intact()


@pytest.mark.parametrize("path", ["", "wandb:", "a/b/c", "wandb:/b", "a/", "a/b#c", "a\nb"])
def test_a_path_that_is_none_is_refused_at_once(path: str) -> None:
    assert "expected wandb:entity/project or wandb:project" in refusal(path)


def test_a_project_that_is_not_there_is_named(online: WandbStub) -> None:
    put(online, "good", record().to_json())
    assert refusal("wandb:nowhere") == "W&B has no project 'nowhere' that your API key may see; look for its name."
    assert "no project 'others/seqbench'" in refusal("wandb:others/seqbench")


def test_without_a_key_nobody_is_asked(online: WandbStub, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

        def readline(self, *given: Any) -> str:
            pytest.fail("asked for a key")

    monkeypatch.delenv("WANDB_API_KEY")
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, Terminal())
    assert "no API key is set" in refusal()
    assert refusal("wandb:a/b").startswith("wandb:a/b cannot be read: ")
    with pytest.raises(SeqbenchError, match="no API key is set"):
        wandb_table.publish_table([], ["a"], "boards", "small")
    assert online.requests == []


def test_a_server_that_is_not_there_is_said_in_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    began = time.monotonic()
    assert "127.0.0.1 does not answer" in refusal()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("trouble", ["refuses", "says nothing", "falls silent"])
def test_a_server_in_trouble_holds_nobody_up(online: WandbStub, monkeypatch: pytest.MonkeyPatch, trouble: str) -> None:
    put(online, "first", record().to_json())
    put(online, "second", record().to_json())
    monkeypatch.setattr(wandb_runs, "SECONDS", 1.0)
    monkeypatch.setattr(wandb_runs, "PAGE", 1)
    online.refuses = trouble == "refuses"
    if trouble == "says nothing":
        online.silent.set()
    began = time.monotonic()
    if trouble == "falls silent":
        found = wandb_runs.read_wandb_records("seqbench", ["copy"], "small")
        next(found)
        online.silent.set()
        with pytest.raises(SeqbenchError, match="wandb:seqbench cannot be read: W&B says"):
            next(found)
    else:
        assert "cannot be read: W&B says" in refusal()
    assert time.monotonic() - began < 10


# Publishing.


def test_a_board_arrives_as_a_table(online: WandbStub, capfd: pytest.CaptureFixture[str]) -> None:
    left_open = wandb.init(project="mine", mode="offline", settings=wandb.Settings(silent=True))
    rows: list[dict[str, Any]] = [
        {"architecture": "gru", "score": 0.5, "note": 1},
        {"architecture": "<b>", "note": "n/a"},
    ]
    columns = ["architecture", "score", "note"]
    url = wandb_table.publish_table(rows, columns, f"wandb:{ENTITY}/boards", "small board")
    (run,) = online.runs.values()
    assert run.id != left_open.id
    assert url == f"{online.url}/{ENTITY}/boards/runs/{run.id}"
    assert (run.name, run.job_type, run.state) == ("small board", "leaderboard", "finished")
    for kind in ("leaderboard", "run_table"):
        table = online.table(kind)
        assert table["columns"] == columns
        assert table["data"] == [["gru", 0.5, 1], ["<b>", None, "n/a"]]
    assert next(iter(online.artifacts.values()))["artifactCollectionName"] == "small-board"
    assert run.summary["leaderboard"]["nrows"] == 2
    assert any(f"/upload/{run.id}/{run.summary['leaderboard']['path']}" == path for path in online.uploads)
    assert online.unknown == []
    assert "wandb" not in "".join(capfd.readouterr())


def test_a_board_that_is_not_taken_is_said_so(online: WandbStub) -> None:
    online.full = True
    with pytest.raises(
        SeqbenchError, match=r"'b' was not published at wandb:boards: W&B says .*storage limit exceeded"
    ):
        wandb_table.publish_table([{"a": 1}], ["a"], "boards", "b")
    assert wandb.run is None
    (run,) = online.runs.values()
    assert run.state == "failed"


def test_offline_no_board_is_published(online: WandbStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    with pytest.raises(SeqbenchError, match=r"W&B is offline \(WANDB_MODE=offline\)"):
        wandb_table.publish_table([{"a": 1}], ["a"], "boards", "b")
    assert online.requests == []


def test_wandb_is_imported_by_those_who_ask_for_it() -> None:
    code = (
        "import sys, seqbench.leaderboard.data.wandb_runs, seqbench.leaderboard.pages.wandb_table;"
        "print([n for n in ('wandb', 'torch', 'numpy') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.replace("'", '"')) == []
