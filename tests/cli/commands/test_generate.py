"""``seqbench generate``, in this process, with a sampler that records what it is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.cli.main import main
from seqbench.models.module import SequenceModule
from seqbench.running import reload, samples
from seqbench.running.samples import Request
from tests.record_data import complete_record


def write_run(folder: Path, task: str) -> None:
    complete_record(config={"card": {"name": task}}).write(folder)


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path, Request]]:
    """The requests that reach the sampler: its name, the run folder, and the request."""
    received: list[tuple[str, Path, Request]] = []

    def generate(sampler: str, module: SequenceModule, folder: Path, request: Request) -> str:
        received.append((sampler, folder, request))
        return "to be, or not to be"

    monkeypatch.setattr(samples, "generate", generate)
    monkeypatch.setattr(reload, "load_module", lambda folder: None)
    return received


@pytest.mark.parametrize("name", ["", "result.json"])
def test_the_options_reach_the_sampler_of_the_task(
    name: str, tmp_path: Path, requests: list[tuple[str, Path, Request]], capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path, "char-lm")
    words = ["--prompt", "to", "--length", "7", "--temperature", "0", "--seed", "3", "--out", "tune.mid"]
    assert main(["generate", str(tmp_path / name), *words]) == 0
    assert requests == [("text", tmp_path, Request("to", 7, 0.0, 3, Path("tune.mid")))]
    assert capsys.readouterr().out == "to be, or not to be\n"


def test_the_defaults_are_those_of_the_task(tmp_path: Path, requests: list[tuple[str, Path, Request]]) -> None:
    write_run(tmp_path, "music")
    assert main(["generate", str(tmp_path)]) == 0
    assert requests == [("music", tmp_path, Request("", None, 0.8, 0, None))]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--length", "0"], "--length must be at least 1, got 0"),
        (["--temperature", "-1"], "--temperature must be 0, or from 0.001 to 1000, got -1.0"),
        (["--temperature", "nan"], "--temperature must be 0, or from 0.001 to 1000, got nan"),
        (["--temperature", "inf"], "--temperature must be 0, or from 0.001 to 1000, got inf"),
        (["--temperature", "1e-40"], "--temperature must be 0, or from 0.001 to 1000, got 1e-40"),
        (["--seed", "-1"], "--seed must be from 0"),
    ],
)
def test_an_option_out_of_range_is_refused(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path, "char-lm")
    assert main(["generate", str(tmp_path), *words]) == 2
    assert message in capsys.readouterr().err


def test_a_record_of_an_unknown_task_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path, "chars")
    assert main(["generate", str(tmp_path)]) == 2
    assert "unknown task 'chars'" in capsys.readouterr().err
