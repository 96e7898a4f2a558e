from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import seqbench
from seqbench.leaderboard.data import wandb_runs
from seqbench.protocol.records import Record
from seqbench.utils.errors import SeqbenchError
from tests.record_data import complete_record
from tests.wandb_stub import ENTITY, KEY, StubRun, WandbStub

pytestmark = pytest.mark.usefixtures("isolated_wandb")


def example_record(seed: int = 0, status: str = "ok") -> Record:
    # 2.0 would come back from a config as 2.
    return complete_record({"status": status}, {"seconds": 2.0, "wandb": None}, {"seed": seed, "flops_per_token": 3.0})


def add_run(
    stub: WandbStub, name: str, text: Any, task: str = "copy", tier: str = "small", code: int | None = 0
) -> None:
    run = StubRun(name, "seqbench", config={"task": {"name": task}, "tier": tier}, exit_code=code)
    run.summary = {"record": text} if text is not None else {"status": "ok"}
    stub.runs[name] = run


def read_all(path: str = "seqbench", tasks: tuple[str, ...] = ("copy",)) -> list[tuple[str, Record | SeqbenchError]]:
    return list(wandb_runs.read_wandb_records(path, tasks, "small"))


def refusal(path: str = "wandb:seqbench") -> str:
    with pytest.raises(SeqbenchError) as raised:
        read_all(path)
    text = str(raised.value)
    assert KEY not in text
    assert "\n" not in text
    return text


def test_a_record_is_read_back_from_wandb(tmp_path: Path, online: WandbStub, capfd: pytest.CaptureFixture[str]) -> None:
    optim, trainer = {"steps": 20, "validate_every": 20}, {"threads": 1}
    ran = seqbench.run("gru", "copy", tier="smoke", optim=optim, trainer=trainer, runs=tmp_path / "runs")
    assert ran.record.measured.wandb is not None
    assert ran.record.measured.wandb.mode == "online"
    ((origin, back),) = wandb_runs.read_wandb_records(f"wandb:{ENTITY}/seqbench", ["copy"], "smoke")
    assert origin == f"wandb:{ENTITY}/seqbench/{ran.record.measured.wandb.id}"
    assert isinstance(back, Record)
    assert back.intact()
    assert (back.results, back.config) == (ran.record.without_sample().results, ran.record.config)
    assert back.measured == ran.record.measured.with_values(wandb=None)
    assert online.unknown_operations == []
    assert "wandb" not in "".join(capfd.readouterr())


def test_runs_are_read_page_by_page_and_not_kept_in_memory(online: WandbStub, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(7):
        add_run(online, f"run{seed}", example_record(seed).to_json())
    pages: list[Any] = []
    original = wandb_runs._runs

    def keep_runs(*arguments: Any) -> Any:
        pages.append(original(*arguments))
        return pages[-1]

    monkeypatch.setattr(wandb_runs, "_runs", keep_runs)
    monkeypatch.setattr(wandb_runs, "PAGE", 3)
    found = wandb_runs.read_wandb_records(f"{ENTITY}/seqbench", ["copy"], "small")
    first = next(found)
    assert len(online.run_queries) == 1
    rest = list(found)
    assert [query["cursor"] for query in online.run_queries] == [None, "3", "6"]
    assert [back.config.seed for _, back in (first, *rest) if isinstance(back, Record) and back.intact()] == [*range(7)]
    assert pages[0].objects == [None] * 7
    assert list(Path.home().glob(f"{ENTITY}*")) == [], "W&B's empty folders"


def test_runs_are_filtered_by_the_server(online: WandbStub) -> None:
    add_run(online, "good", example_record().to_json())
    add_run(online, "diverged", example_record(status="diverged").to_json(), code=1)
    add_run(online, "running", example_record().to_json(), code=None)
    add_run(online, "other-task", example_record().to_json(), task="parity")
    add_run(online, "other-tier", example_record().to_json(), tier="smoke")
    assert [origin.rpartition("/")[2] for origin, _ in read_all()] == ["good", "diverged"]
    assert online.run_queries[0]["filters"] == {
        "state": {"$in": ["finished", "failed"]},
        "config.task.value.name": {"$in": ["copy"]},
        "config.tier.value": "small",
    }


BROKEN = {
    "older": (None, "no record of it: seqbench did not log it"),
    "number": (5, "must be a text, got 5"),
    "half": (example_record().to_json()[:-40], "not readable"),
    "list": ("[1]", "needs the sections results, measured, config"),
    "newer": (example_record().to_json().replace('"schema": 1', '"schema": 2'), "schema 2, this seqbench reads 1"),
    "constant": (example_record().to_json().replace("2.0", "NaN"), "not readable"),
    "deep": ("[" * 10**5, "not readable"),
    "huge": (example_record().to_json().replace("2.0", "9" * 400), "a whole number of"),
    "status": (example_record().to_json().replace('"ok"', '"fine"'), "results.status must be"),
}


def test_broken_records_give_errors_and_the_others_are_read(online: WandbStub) -> None:
    for name, (text, _) in BROKEN.items():
        add_run(online, name, text)
    add_run(online, "left-out", None)
    online.runs["left-out"].summary = {"record": None, "record_left_out": "it has 2 letters"}
    add_run(online, "no-summary", None)
    online.runs["no-summary"].summary = None  # type: ignore[assignment]
    add_run(online, "edited", example_record().to_json().replace("2.0", "1.0"))
    add_run(online, "good", example_record().to_json())
    back = {origin.rpartition("/")[2]: found for origin, found in read_all()}
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
def test_an_invalid_path_is_refused(path: str) -> None:
    assert "expected wandb:entity/project or wandb:project" in refusal(path)


def test_an_unknown_project_is_an_error_with_its_name(online: WandbStub) -> None:
    add_run(online, "good", example_record().to_json())
    assert refusal("wandb:nowhere") == "W&B has no project 'nowhere' that your API key can access; check its name."
    assert "no project 'others/seqbench'" in refusal("wandb:others/seqbench")


def test_without_an_api_key_nothing_is_sent_and_no_key_is_asked_for(
    online: WandbStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

        def readline(self, *arguments: Any) -> str:  # type: ignore[override]
            pytest.fail("asked for a key")

    monkeypatch.delenv("WANDB_API_KEY")
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, Terminal())
    assert "no API key is set" in refusal()
    assert refusal("wandb:a/b").startswith("wandb:a/b cannot be read: ")
    assert online.requests == []


def test_an_unreachable_server_is_an_error_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    began = time.monotonic()
    assert "127.0.0.1 does not answer" in refusal()
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("failure", ["error", "no answer", "no second answer"])
def test_a_server_that_fails_is_an_error_within_seconds(
    online: WandbStub, monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    add_run(online, "first", example_record().to_json())
    add_run(online, "second", example_record().to_json())
    monkeypatch.setattr(wandb_runs, "SECONDS", 1.0)
    monkeypatch.setattr(wandb_runs, "PAGE", 1)
    online.rejects_key = failure == "error"
    if failure == "no answer":
        online.unresponsive.set()
    began = time.monotonic()
    if failure == "no second answer":
        found = wandb_runs.read_wandb_records("seqbench", ["copy"], "small")
        next(found)
        online.unresponsive.set()
        with pytest.raises(SeqbenchError, match="wandb:seqbench cannot be read: W&B says"):
            next(found)
    else:
        assert "cannot be read: W&B says" in refusal()
    assert time.monotonic() - began < 30


def test_wandb_is_imported_only_when_it_is_used() -> None:
    code = (
        "import sys, seqbench.leaderboard.data.wandb_runs, seqbench.leaderboard.pages.wandb_table;"
        "print([n for n in ('wandb', 'torch', 'numpy') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.replace("'", '"')) == []
