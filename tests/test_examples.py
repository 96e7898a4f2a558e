"""The examples and the packages that `seqbench new` writes: installed with pip, tested and run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from seqbench.cli.commands import new

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
KINDS = {"echo-state": "architecture", "reservoir": "module", "dyck": "task"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with three new packages in ``new``, and all six packages installed in ``site``."""
    folder = tmp_path_factory.mktemp("packages")
    (folder / "new").mkdir()
    for kind, name in (("architecture", "my-net"), ("module", "my-module"), ("task", "my-task")):
        new.write_package(
            new.render_templates(kind, new.template_values(kind, name)), folder / "new" / f"seqbench-{name}"
        )
    sources = [str(path) for path in (*(folder / "new").iterdir(), *EXAMPLES.glob("seqbench-*"))]
    assert len(sources) == 6
    # Without network, because the dependencies and the build backend are installed.
    pip = ["pip", "install", "-q", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(folder / "site")]
    subprocess.run([sys.executable, "-m", *pip, *sources], check=True)
    return folder


def python(installed: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the installed packages in the folder of the packages."""
    environment = {**os.environ, "PYTHONPATH": str(installed / "site"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=installed, env=environment, timeout=200)


def record(done: subprocess.CompletedProcess[str], folder: Path) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads((folder / done.stdout.splitlines()[-1].removeprefix("record: ")).read_text())


def project(folder: Path) -> Any:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", KINDS)
def test_an_example_has_the_files_and_settings_of_a_new_package(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The example may be installed here, but the templates refuse a name that is taken.
    monkeypatch.setattr(new.registry, "list_entries", lambda group: {})
    words = new.template_values(KINDS[name], name)
    files = new.render_templates(KINDS[name], words)
    folder = EXAMPLES / words["distribution"]
    caches = {path for path in folder.rglob("*") if path.name == "__pycache__" or path.name.endswith("_cache")}
    ours = {path for path in folder.rglob("*") if path.is_file() and caches.isdisjoint(path.parents)}
    assert {path.relative_to(folder) for path in ours} == set(files)
    assert (folder / ".gitignore").read_text() == files[Path(".gitignore")]
    mine, fresh = project(folder), tomllib.loads(files[Path("pyproject.toml")])
    fresh["project"]["entry-points"][words["group"]][name] = mine["project"]["entry-points"][words["group"]][name]
    for prose in ("description", "version", "dependencies"):
        fresh["project"][prose] = mine["project"][prose]
    assert mine == fresh


def test_packages_are_listed_with_their_distributions(installed: Path) -> None:
    done = python(installed, "-m", "seqbench", "list")
    assert done.returncode == 0
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in done.stdout.splitlines()}
    assert rows["echo-state"].startswith("seqbench-echo-state 0.1.0 ")
    assert rows["my-net"].startswith("seqbench-my-net 0.1.0 ")
    assert rows["reservoir"].startswith("seqbench-reservoir 0.1.0 ")
    assert rows["my-module"].startswith("seqbench-my-module 0.1.0 ")
    assert rows["dyck"].startswith("seqbench-dyck 0.1.0 predict which bracket can be closed")
    assert rows["my-task"].startswith("seqbench-my-task 0.1.0 running sum of digits modulo 5")


def test_packages_pass_their_own_tests(installed: Path) -> None:
    folders = [*(installed / "new").iterdir(), *EXAMPLES.glob("seqbench-*")]
    options = ["-q", "-p", "no:cacheprovider", "-c", str(folders[0] / "pyproject.toml"), "--rootdir", str(installed)]
    done = python(installed, "-m", "pytest", *options, *(str(folder / "tests") for folder in folders))
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert "failed" not in done.stdout


def test_the_record_of_an_example_contains_its_distribution(installed: Path) -> None:
    run = ["run", "--arch", "echo-state", "--task", "dyck", "--tier", "smoke", "--logger", "none"]
    result = record(
        python(installed, "-m", "seqbench", *run, "--optim.steps", "20", "--optim.validate_every", "20"), installed
    )
    assert result["results"]["status"] == "ok"
    architecture = result["config"]["architecture"]
    assert (architecture["distribution"], architecture["version"]) == ("seqbench-echo-state", "0.1.0")
    assert result["config"]["card"]["name"] == "dyck"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arch", "task"),
    [
        ("my-net", "copy"),
        ("my-module", "copy"),
        ("gru", "my-task"),
        ("echo-state", "copy"),
        ("reservoir", "copy"),
        ("gru", "dyck"),
    ],
)
def test_the_score_of_a_smoke_run_is_better_than_chance(installed: Path, arch: str, task: str) -> None:
    run = ["run", "--arch", arch, "--task", task, "--tier", "smoke", "--logger", "none"]
    result = record(python(installed, "-m", "seqbench", *run), installed)
    assert result["config"]["modified"] == []
    score = result["results"]["metrics"]["test"]["accuracy"]
    assert score["value"] > score["chance"] + 0.2 * (score["best"] - score["chance"])
