"""Files that `seqbench new` writes. test_examples.py installs, checks and runs such packages."""

from __future__ import annotations

import ast
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import seqbench
from seqbench.cli.commands import new
from seqbench.cli.main import main
from seqbench.protocol import cards, registry
from seqbench.utils import plain_data

FILES = {
    "architecture": {
        ".gitignore",
        "README.md",
        "pyproject.toml",
        "src/seqbench_my_own/__init__.py",
        "src/seqbench_my_own/backbone.py",
        "tests/test_seqbench_my_own.py",
    },
    "module": {
        ".gitignore",
        "README.md",
        "pyproject.toml",
        "src/seqbench_my_own/__init__.py",
        "src/seqbench_my_own/module.py",
        "tests/test_seqbench_my_own.py",
    },
    "task": {
        ".gitignore",
        "README.md",
        "pyproject.toml",
        "src/seqbench_my_own/__init__.py",
        "src/seqbench_my_own/datamodule.py",
        "src/seqbench_my_own/my-own.yaml",
        "tests/test_seqbench_my_own.py",
    },
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def list_files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", FILES)
def test_a_package_has_all_its_files(kind: str, here: Path) -> None:
    assert main(["new", kind, "my-own"]) == 0
    folder = here / "seqbench-my-own"
    assert list_files(folder) == FILES[kind]
    assert list(here.iterdir()) == [folder]
    for path in folder.rglob("*.py"):
        assert "$" not in path.read_text()
        assert ast.get_docstring(ast.parse(path.read_text()))
        assert max(map(len, path.read_text().splitlines())) <= 120
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["name"] == "seqbench-my-own"
    assert project["dependencies"] == [
        f"seqbench>={seqbench.__version__},<{new.next_minor_version(seqbench.__version__)}"
    ]
    group = new.GROUPS[kind]
    point = EntryPoint("my-own", project["entry-points"][group]["my-own"], group)
    assert (folder / "src" / point.module / "__init__.py").is_file()


def test_the_card_of_a_new_task_is_valid(here: Path) -> None:
    main(["new", "task", "my-own"])
    path = here / "seqbench-my-own" / "src" / "seqbench_my_own" / "my-own.yaml"
    card = cards.parse_card(plain_data.read_yaml(path), path.name)
    assert card.limits.startswith("A score here does not say ")
    assert (card.name, card.datamodule) == ("my-own", "my-own")
    project = tomllib.loads((path.parents[2] / "pyproject.toml").read_text())["project"]
    kinds = project["entry-points"][registry.DATAMODULES]
    assert kinds == {"my-own": "seqbench_my_own.datamodule:MyOwnTask"}


@pytest.mark.parametrize(
    ("words", "commands"),
    [
        (
            ["architecture", "my-own"],
            [
                "pip install -e './seqbench-my-own[test]'",
                "python -m pytest seqbench-my-own",
                "seqbench run --arch my-own --task copy --tier smoke",
            ],
        ),
        (
            ["module", "my-own"],
            [
                "pip install -e './seqbench-my-own[test]'",
                "python -m pytest seqbench-my-own",
                "seqbench run --arch my-own --task copy --tier smoke",
            ],
        ),
        (
            ["task", "my-own", "--folder", "some where"],
            [
                "pip install -e './some where[test]'",
                "python -m pytest 'some where'",
                "seqbench run --arch gru --task my-own --tier smoke",
            ],
        ),
    ],
)
def test_the_next_commands_are_printed(
    words: list[str], commands: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", *words]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("wrote ")
    assert [line.strip() for line in rest] == commands


@pytest.mark.parametrize(
    "name",
    ["", "My-net", "my_net", "-net", "net-", "my--net", "2net", "my net", "../net", "net\n", "nét", "none", "true"],
)
def test_an_invalid_name_is_refused(name: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "architecture", "--", name]) == 2
    assert "cannot name a package and a class; use lower-case letters" in capsys.readouterr().err
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize(("name", "known"), [("gru", "an architecture 'gru'"), ("copy", "a task 'copy'")])
def test_a_name_that_is_taken_is_refused(
    kind: str, name: str, known: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A name is taken in both groups: both packages would be called seqbench-NAME.
    assert main(["new", kind, name]) == 2
    assert f"there is {known} already (from seqbench " in capsys.readouterr().err
    assert list(here.iterdir()) == []


def test_an_existing_folder_is_not_changed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "mine").mkdir()
    (here / "link").symlink_to("nowhere")
    for name in ("mine", "link"):
        assert main(["new", "task", "my-own", "--folder", name]) == 2
        assert f"{name} exists already" in capsys.readouterr().err
    assert list((here / "mine").iterdir()) == []
    assert {path.name for path in here.iterdir()} == {"mine", "link"}


def test_a_folder_without_a_parent_folder_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "task", "my-own", "--folder", "no/where"]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert list(here.iterdir()) == []


def test_a_package_is_written_completely_or_not_at_all(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_text = Path.write_text
    paths: list[Path] = []

    def fail_at_fourth_file(path: Path, *args: str, **options: str) -> int:
        paths.append(path)
        if len(paths) == 4:
            raise OSError(28, "No space left on device")
        return write_text(path, *args, **options)

    monkeypatch.setattr(Path, "write_text", fail_at_fourth_file)
    assert main(["new", "task", "my-own"]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert list(here.iterdir()) == []
