from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from seqbench.utils.confinement.readable_files import modules_in, python_files, without


def add_file(*parts: Path | str) -> Path:
    path = Path(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_modules_of_a_checkout_are_readable_but_not_its_runs_and_data(tmp_path: Path) -> None:
    for name in ("net.py", "fast.cpython-311-x86_64-linux-gnu.so", "package/__init__.py", "plain/part.py"):
        add_file(tmp_path, name)
    for name in ("runs/copy/result.json", "data/test.txt", "README.md", "my-notes/a.py", "my_net.egg-info/PKG-INFO"):
        add_file(tmp_path, name)
    found = [path.name for path in modules_in(tmp_path)]
    expected = ["my_net.egg-info", "net.py", "package", "plain"]
    assert [name for name in found if not name.endswith(".so")] == expected


def test_a_hidden_folder_is_cut_out_of_a_readable_one(tmp_path: Path) -> None:
    code, data = add_file(tmp_path, "package", "net.py"), add_file(tmp_path, "package", "data", "test", "x")
    other = add_file(tmp_path, "package", "data", "licence")
    assert without(tmp_path, []) == [tmp_path]
    assert without(tmp_path, [tmp_path / "elsewhere" / "x"]) == [code.parent]
    assert sorted(without(tmp_path, [data.parent])) == [other, code]
    assert without(tmp_path, [tmp_path]) == []
    assert without(code, [data]) == [code]


def test_installed_packages_are_readable_as_a_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed = tmp_path / "lib" / "site-packages"
    add_file(installed, "library", "data.bin")
    checkout, package = tmp_path / "checkout", add_file(tmp_path, "checkout", "package", "__init__.py").parent
    add_file(checkout, "runs", "result.json")
    monkeypatch.setattr(sys, "path", [str(installed), str(checkout)])
    readable, listable = python_files([])
    assert installed in readable
    assert package in readable
    assert checkout not in readable
    assert listable == [checkout]
    assert Path(sys.prefix).resolve() in readable


def test_editable_distributions_are_readable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed, project = tmp_path / "site-packages", tmp_path / "my project"
    package = add_file(project, "src", "my_package", "__init__.py").parent
    for number, text in enumerate(
        [json.dumps({"url": project.as_uri(), "dir_info": {"editable": True}}), "{}", "[", '{"dir_info": []}']
    ):
        add_file(installed, f"a{number}.dist-info", "direct_url.json").write_text(text)
    monkeypatch.setattr(sys, "path", [str(installed)])
    readable, listable = python_files([])
    assert package in readable
    assert project / "src" in listable


def test_a_hidden_folder_in_a_package_can_be_listed_up_to_its_name_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = add_file(tmp_path, "checkout", "package", "__init__.py").parent
    data = add_file(package, "data", "test.txt").parent
    monkeypatch.setattr(sys, "path", [str(tmp_path / "checkout")])
    readable, listable = python_files([data])
    assert package / "__init__.py" in readable
    assert package not in readable
    assert data not in readable
    assert set(listable) == {tmp_path / "checkout", package}
