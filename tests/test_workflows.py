"""The workflow that checks the records of a pull request."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from seqbench.cli.main import build_parser

ROOT = Path(__file__).resolve().parent.parent


def record_steps() -> list[str]:
    """Return the shell scripts of the job that checks records."""
    workflow = yaml.safe_load((ROOT / ".github/workflows/leaderboard.yml").read_text())
    return [step["run"] for step in workflow["jobs"]["records"]["steps"] if "run" in step]


def test_the_check_of_records_uses_existing_commands() -> None:
    steps = record_steps()
    commands = [command for step in steps for command in re.findall(r"seqbench ([a-z]+.*)", step)]
    assert len(commands) == 3
    for words in commands:
        record = [] if words.startswith("leaderboard") else ["some/record.json"]
        assert build_parser().parse_args([*shlex.split(words), *record])


def test_the_check_of_records_finds_moved_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [step for step in record_steps() if "git diff" in step]
    assert len(steps) == 2
    monkeypatch.chdir(tmp_path)

    def git(*words: str) -> str:
        author = ["-c", "user.name=a", "-c", "user.email=a@b"]
        return subprocess.run(["git", *author, *words], check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    old, new = (tmp_path / f"leaderboards/small/results/copy/{arch}/small-s0-x.json" for arch in ("gru", "evil"))
    old.parent.mkdir(parents=True)
    old.write_text("a\n" * 100)
    git("add", "."), git("commit", "-qm", "before")
    base = git("rev-parse", "HEAD")
    new.parent.mkdir()
    old.rename(new)
    git("add", "."), git("commit", "-qm", "after")
    for step in steps:
        listing = step.partition("|")[0]
        listed = subprocess.run(
            ["bash", "-c", listing], env={**os.environ, "BASE": base}, capture_output=True, text=True
        )
        assert listed.stdout.rstrip("\0") == new.relative_to(tmp_path).as_posix()
