"""Broken configurations, derived from valid ones: as mappings, with words of a command line, and as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqbench.protocol.config import RunConfig
from seqbench.running import provenance, run_config, run_request
from seqbench.running.run_request import RunRequest
from seqbench.utils.errors import SeqbenchError
from tests.fuzzing import hostile, strategies
from tests.fuzzing.guard import only_within

REQUESTS: list[dict[str, Any]] = [
    {"arch": "gru", "task": "copy", "tier": "smoke"},
    {"arch": {"name": "tcn", "kernel_size": 3}, "task": {"name": "adding", "length": 20}, "logger": "none"},
    {"arch": "transformer", "task": {"name": "char-lm", "data_dir": "texts"}, "tier": "smoke"},
    {"arch": "lstm", "encoder": "gru", "task": {"name": "translation", "data_dir": "pairs"}, "tier": "smoke"},
    {"arch": "jordan", "task": {"name": "parity"}, "optim": {"steps": 40, "validate_every": 20}, "seed": 3},
]


@pytest.fixture
def folder(small_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with small data; there are no published files and no network."""
    (small_data / "texts").mkdir()
    (small_data / "texts" / "play.txt").write_text("to be, or not to be\n" * 50)
    monkeypatch.chdir(small_data)
    monkeypatch.delenv("SEQBENCH_DATA", raising=False)
    monkeypatch.setenv("SEQBENCH_CACHE", str(small_data / "cache"))
    return small_data


def resolved() -> list[dict[str, Any]]:
    """Return valid configurations, as short as a user writes them and as complete as a run stores them."""
    return [
        *REQUESTS,
        *(
            json.loads(json.dumps(run_config.resolve_config(RunRequest.from_mapping(request)).options()))
            for request in REQUESTS
        ),
    ]


def resolve(data: Any, arguments: list[str]) -> RunConfig | None:
    """Return the configuration, and check that its folder is inside of ``runs``; None if the data are refused."""
    try:
        config = run_config.resolve_config(RunRequest.from_mapping(data, arguments))
    except SeqbenchError as error:
        assert str(error)
        return None
    assert config.folder(Path("runs")).resolve().is_relative_to(Path("runs").resolve())
    provenance.to_yaml(config.options())
    config.modified()
    return config


def words(origins: list[dict[str, Any]]) -> st.SearchStrategy[list[str]]:
    """Return a strategy of dotted options with valid and with hostile values."""
    names = sorted({f"--{g}.{k}" for one in origins for g, o in one.items() if isinstance(o, dict) for k in o})
    names += [
        "--arch.none",
        "--task",
        "--optim",
        "--trainer.devices=2",
        "--arch.__class__",
        "--arch.d_model.x",
        "-h",
        "--",
    ]
    values = st.sampled_from(hostile.SIMPLE).map(strategies.as_text)
    more = st.sampled_from(["{", "[1,2]", "{a: 1}", "!!python/name:os.system", "&a [*a]", "[" * 400, "1" * 5000, "\0"])
    return st.lists(st.sampled_from(names) | values | more, max_size=6)


def fuzz_mappings(examples: int, folder: Path, random: bool = False) -> int:
    """Resolve broken mappings, half of them with dotted options; return the number of cases."""
    origins = resolved()
    count = 0

    @strategies.tried(examples, random)
    @given(strategies.broken(origins, most=3), st.just([]) | words(origins))
    def each(data: Any, arguments: list[str]) -> None:
        nonlocal count
        count += 1
        with only_within(folder):
            resolve(data if isinstance(data, dict) else {"arch": data, "task": "copy"}, arguments)

    each()
    return count


def fuzz_files(examples: int, folder: Path, random: bool = False) -> int:
    """Resolve broken YAML and JSON files; return the number of cases."""
    origins = resolved()
    texts = [*map(provenance.to_yaml, origins), *map(json.dumps, origins)]
    count = 0

    @strategies.tried(examples, random)
    @given(strategies.broken_text(texts, most=3))
    def each(data: bytes) -> None:
        nonlocal count
        count += 1
        path = folder / "config.yaml"
        path.write_bytes(data)
        with only_within(folder):
            try:
                read = run_request.read_options_file(path)
            except SeqbenchError as error:
                assert str(path) in str(error)
                return
            resolve(read, [])

    each()
    return count


def test_a_broken_mapping_is_resolved_or_refused_in_a_sentence(folder: Path) -> None:
    assert fuzz_mappings(strategies.FAST, folder) >= strategies.FAST // 2


def test_a_broken_configuration_file_is_resolved_or_refused_in_a_sentence(folder: Path) -> None:
    assert fuzz_files(strategies.FAST, folder) >= strategies.FAST // 2


@pytest.mark.slow
@pytest.mark.exhaustive
def test_thousands_of_broken_configurations_are_resolved_or_refused_in_a_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = {"mappings": fuzz_mappings(1500, folder, True), "files": fuzz_files(1500, folder, True)}
    with capsys.disabled():
        print(counts)
    assert min(counts.values()) >= 1200
