from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seqbench.protocol.config import RunConfig
from seqbench.protocol.identity import earlier_sources
from seqbench.protocol.identity.earlier_sources import describe_earlier_sources
from seqbench.running import run_config
from seqbench.running.run_request import RunRequest
from tests.record_data import complete_record


def config(**changes: Any) -> RunConfig:
    request = RunRequest.from_mapping({"arch": "gru", "task": "copy", "tier": "smoke", "logger": "none"})
    return replace(run_config.resolve_config(request), **changes)


def by_path(**files: str) -> RunConfig:
    entry = replace(config().arch_entry, name="my_file:MyNet", value="my_file:MyNet", distribution=None, version=None)
    return config(arch_entry=entry, class_files={"my_file:MyNet": files})


def write_run(one: RunConfig, runs: Path, sources: Mapping[str, object]) -> None:
    complete_record(config={"sources": sources}).write(one.folder(runs))


def test_runs_of_an_edited_class_are_counted_with_the_files_that_differ(tmp_path: Path) -> None:
    now = by_path(**{"my_file.py": "new", "helper.py": "1"})
    for seed in range(2):
        files = {"my_file.py": "old", "helper.py": "1"}
        earlier = replace(by_path(**files), seed=seed)
        write_run(earlier, tmp_path, {"my_file:MyNet": {"digest": "0", "files": files}})
    same = {"my_file.py": "new", "helper.py": "1"}
    write_run(replace(now, seed=3), tmp_path, {"my_file:MyNet": {"digest": "1", "files": same}})
    write_run(replace(now, seed=4), tmp_path, {})  # A record of an earlier seqbench.
    sentence = describe_earlier_sources(now, tmp_path)
    assert sentence == "2 earlier runs of my_file:MyNet had another source (file my_file.py); not used"
    assert describe_earlier_sources(replace(now, tier="small"), tmp_path) == ""


def test_a_folder_without_runs_or_with_a_broken_record_gives_no_sentence(tmp_path: Path) -> None:
    now = by_path(my_file="new")
    assert describe_earlier_sources(now, tmp_path) == ""
    now.folder(tmp_path).mkdir(parents=True)
    (now.folder(tmp_path) / "result.json").write_text("{")
    assert describe_earlier_sources(now, tmp_path) == ""


def test_finished_runs_of_a_registered_architecture_with_another_source_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = config(arch_entry=replace(config().arch_entry, distribution="their-nets"))
    monkeypatch.setattr(earlier_sources, "distribution_digest", lambda name, packages: f"{name} now")
    write_run(theirs, tmp_path, {"their-nets": {"digest": "before"}, "seqbench": {"digest": "0"}})
    sentence = describe_earlier_sources(theirs, tmp_path)
    assert sentence.startswith(
        "1 earlier run of gru had another source of their-nets, and a finished run is not repeated"
    )
    write_run(theirs, tmp_path, {"their-nets": {"digest": "their-nets now"}})
    assert describe_earlier_sources(theirs, tmp_path) == ""


def test_another_source_of_seqbench_itself_gives_no_sentence(tmp_path: Path) -> None:
    write_run(config(), tmp_path, {"seqbench": {"digest": "0"}})
    assert describe_earlier_sources(config(), tmp_path) == ""
