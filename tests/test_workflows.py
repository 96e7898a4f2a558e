"""The workflow that checks the records of a pull request: what it may do, and the command that it runs."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from seqbench.cli.main import build_parser
from seqbench.verification.requests.request_changes import find_changes

ROOT = Path(__file__).resolve().parent.parent


def workflow() -> Any:
    return yaml.safe_load((ROOT / ".github/workflows/leaderboard.yml").read_text())


def steps(job: str) -> list[dict[str, Any]]:
    return list(workflow()["jobs"][job]["steps"])


def scripts(job: str) -> list[str]:
    """Return the shell scripts of a job."""
    return [step["run"] for step in steps(job) if "run" in step]


@pytest.mark.parametrize("job", ["records", "stamps"])
def test_each_job_runs_one_command_that_exists(job: str) -> None:
    commands = [script for script in scripts(job) if "seqbench leaderboard request" in script]
    assert len(commands) == 1
    words = re.sub(r"\$\(test .*? && echo (.*?)\)", r"\1", commands[0])
    options = build_parser().parse_args(shlex.split(words)[1:])
    assert (options.base, options.request, options.stamp) == (Path("base"), Path("request"), True)
    assert options.stamped == (job == "stamps")
    assert (options.retrain > 0, options.install_plugins) == (True, job == "records")


def test_the_job_that_verifies_may_only_read_and_has_no_secret() -> None:
    text = (ROOT / ".github/workflows/leaderboard.yml").read_text()
    jobs = workflow()["jobs"]
    assert workflow()["permissions"] == {}
    assert jobs["records"]["permissions"] == {"contents": "read"}
    assert "secrets." not in text
    assert "github.token" not in text
    assert "pull_request_target" not in text
    for step in steps("records"):
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


def test_the_job_that_may_push_runs_on_the_main_branch_alone_and_executes_no_plugin() -> None:
    job = workflow()["jobs"]["stamps"]
    assert job["if"] == "github.event_name == 'workflow_dispatch' && github.ref == 'refs/heads/main'"
    assert job["permissions"] == {"contents": "write"}
    assert not any("--install-plugins" in script for script in scripts("stamps"))
    assert all("pull/" not in str(step) for step in steps("stamps"))  # It checks out nothing of the request.


def test_only_the_base_is_installed() -> None:
    installs = [script for job in ("records", "stamps") for script in scripts(job) if "pip install" in script]
    assert installs
    for script in installs:
        assert re.fullmatch(r'pip install -c base/constraints\.txt -e "?\./base(\[music\])?"?', script)


def test_every_action_is_pinned_to_a_commit() -> None:
    for job in workflow()["jobs"].values():
        for step in job["steps"]:
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step.get("uses", "actions/x@" + "0" * 40))


def test_no_text_of_a_request_is_part_of_a_script() -> None:
    # An expression in a script is replaced before the shell reads it, so a title or branch could hold commands.
    for job in ("records", "stamps"):
        assert not any("${{" in script for script in scripts(job))


def test_the_base_is_the_first_parent_of_the_merge(tmp_path: Path) -> None:
    script = next(script for script in scripts("records") if "worktree add" in script)
    request = tmp_path / "request"

    def git(*words: str) -> None:
        author = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *author, "-C", str(request), *words], check=True, capture_output=True)

    (request / "leaderboards").mkdir(parents=True)
    git("init", "-q", "-b", "main")
    (request / "leaderboards/small.yaml").write_text("a card")
    git("add", ".")
    git("commit", "-qm", "base")
    git("switch", "-qc", "request")
    name = "leaderboards/small/results/copy/gru/small-s0-x.json"
    (request / name).parent.mkdir(parents=True)
    (request / name).write_text("{}")
    git("add", ".")
    git("commit", "-qm", "a record")
    git("switch", "-q", "main")
    (request / "later.md").write_text("the base has moved on")
    git("add", ".")
    git("commit", "-qm", "later")
    git("merge", "-q", "--no-ff", "-m", "merge", "request")
    subprocess.run(
        ["bash", "-ec", script],
        check=True,
        cwd=tmp_path,
        env={"GITHUB_WORKSPACE": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    changes = find_changes(tmp_path / "base", request)
    assert ([str(record) for record in changes.records], changes.refused) == ([name], ())
