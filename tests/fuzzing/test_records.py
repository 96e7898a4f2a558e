"""Broken records, derived from a real one, and everything that reads them.

A record, like a user, may ask for a module of absurd size; building it is prevented here.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqbench.cli.main import main
from seqbench.models import build
from seqbench.protocol import records, run_folder
from seqbench.protocol.records import build_record
from seqbench.running import provenance, reload, run_config, run_request
from seqbench.running.run_request import RunRequest
from seqbench.utils import atomic_files, plain_data
from seqbench.utils.errors import SeqbenchError
from tests.fuzzing import strategies
from tests.fuzzing.guard import only_within

LARGE = 2000
"""Numbers above this one are not used to build a module."""

TEXT = "to be, or not to be, that is the question\n" * 60


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of a character model; its scores are made up, everything else is real."""
    root = tmp_path_factory.mktemp("origin")
    (root / "texts").mkdir()
    (root / "texts" / "play.txt").write_text(TEXT)
    config = run_config.resolve_config(
        RunRequest.from_mapping(
            {
                "arch": {"name": "gru", "d_model": 4},
                "task": {"name": "char-lm", "data_dir": str(root / "texts"), "evaluation_rows": 2},
                "tier": "smoke",
                "logger": "none",
            }
        )
    )
    module = build.build_module(config)
    folder = root / "run"
    results = {
        "status": "ok",
        "reason": None,
        "metrics": {"test": {"bits_per_character": {"value": 3.2, "chance": 4.1, "best": None}}},
        "sample": "to be",
        "curves": {
            "train": {"step": [10, 20], "loss": [3.9, 3.5]},
            "validation": {"step": [20], "bits_per_character": [3.2]},
        },
    }
    wandb = {"id": "abc", "project": "seqbench", "name": "a run", "mode": "offline", "url": None}
    measured = {"seconds": 1.5, "steps_per_second": 100.0, "wandb": wandb}
    build_record(results, measured, provenance.describe_run(config, module)).write(folder)
    atomic_files.write_text(folder / run_folder.CONFIG, provenance.to_yaml(config.options()))
    atomic_files.write_text(
        folder / run_folder.VOCABULARY,
        plain_data.to_json(list(module.data.vocabulary.characters)),  # type: ignore[union-attr]
    )
    (folder / run_folder.CHECKPOINTS).mkdir()
    torch.save({"state_dict": module.state_dict(), "global_step": 20}, folder / run_folder.BEST)
    return folder


@pytest.fixture(autouse=True)
def no_giants(monkeypatch: pytest.MonkeyPatch) -> None:
    make = build.build_module_from_spec

    def small(config: Any, spec: Any) -> Any:
        if any(number > LARGE for number in _numbers([config.options(), spec.to_dict()])):
            raise SeqbenchError("stopped: a module of absurd size")
        return make(config, spec)

    monkeypatch.setattr(build, "build_module_from_spec", small)


def _numbers(data: Any) -> Iterator[int]:
    if isinstance(data, Mapping):
        data = list(data.values())
    if isinstance(data, list | tuple):
        for item in data:
            yield from _numbers(item)
    elif isinstance(data, int):
        yield abs(data)


def refused(action: Callable[..., Any], *arguments: Any) -> bool:
    """Return whether an action was refused in a sentence."""
    try:
        action(*arguments)
    except SeqbenchError as error:
        assert str(error)
        return True
    return False


def try_all(folder: Path, allowed: Path) -> None:
    """Call everything that reads a run's folder."""
    with only_within(allowed), contextlib.chdir(allowed):
        refused(records.read_record, folder)
        refused(run_request.read_options_file, folder / records.NAME)
        refused(reload.load_module, folder)


def fuzz_data(examples: int, run: Path, folder: Path, random: bool = False) -> int:
    """Read broken records that are still JSON; return the number of cases."""
    real = json.loads((run / records.NAME).read_text(encoding="utf-8"))
    # Half of a record is scores, so a second origin has none: more mutations hit the parts that are read again.
    origins = [real, {**real, "results": {"status": "ok", "reason": None, "curves": {}}, "measured": {}}]
    count = _fresh(run, folder)

    @strategies.tried(examples, random)
    @given(strategies.broken(origins))
    def each(data: Any) -> None:
        nonlocal count
        count += 1
        (folder / "run" / records.NAME).write_text(strategies.as_json(data), encoding="utf-8")
        try_all(folder / "run", folder)

    each()
    return count


def fuzz_files(examples: int, run: Path, folder: Path, random: bool = False) -> int:
    """Read runs with one broken file: cut text, changed bytes, or other bytes; return the number of cases."""
    names = (records.NAME, run_folder.CONFIG, run_folder.VOCABULARY, run_folder.BEST)
    real = {name: (run / name).read_bytes() for name in names}
    texts = {name: strategies.broken_text([real[name].decode()]) for name in names[:3]}
    ways = [*(st.tuples(st.just(name), text | st.binary(max_size=60)) for name, text in texts.items())]
    ways.append(st.tuples(st.just(run_folder.BEST), strategies.broken_bytes(real[run_folder.BEST])))
    count = _fresh(run, folder)

    @strategies.tried(examples, random)
    @given(st.one_of(ways))
    def each(broken: tuple[str, bytes]) -> None:
        nonlocal count
        count += 1
        name, data = broken
        (folder / "run" / name).write_bytes(data)
        try:
            try_all(folder / "run", folder)
            with only_within(folder), contextlib.chdir(folder):
                assert main(["generate", str(folder / "run"), "--length", "2"]) in (0, 2)
                refused(run_request.read_options_file, folder / "run")
        finally:
            (folder / "run" / name).write_bytes(real[name])

    each()
    return count


def _fresh(run: Path, folder: Path) -> int:
    shutil.copytree(run, folder / "run")
    assert not refused(reload.load_module, folder / "run"), "the origin must be whole"
    return 0


def test_a_broken_record_is_read_or_refused_in_a_sentence(run: Path, tmp_path: Path) -> None:
    assert fuzz_data(strategies.FAST, run, tmp_path) >= strategies.FAST // 2


def test_a_broken_file_of_a_run_is_read_or_refused_in_a_sentence(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fuzz_files(strategies.FAST, run, tmp_path) >= strategies.FAST // 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.exhaustive
def test_thousands_of_broken_records_are_read_or_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("data", "files"):
        (tmp_path / name).mkdir()
    counts = {
        "data": fuzz_data(1500, run, tmp_path / "data", True),
        "files": fuzz_files(1500, run, tmp_path / "files", True),
    }
    output = capsys.readouterr()
    assert "Traceback" not in output.err
    with capsys.disabled():
        print(counts)
    assert min(counts.values()) >= 1200
