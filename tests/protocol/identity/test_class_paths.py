from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.protocol import registry
from seqbench.protocol.identity.class_paths import (
    classes_in_file,
    close_names,
    normalise_class_path,
    suggest_class_path,
)
from seqbench.utils.errors import SeqbenchError
from tests.protocol.identity.folders import NET, write_files


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("my_file:MyNet", "my_file:MyNet"),
        ("my_file.py:MyNet", "my_file:MyNet"),
        ("./my_file.py:MyNet", "my_file:MyNet"),
        ("nets/../my_file.py:MyNet", "my_file:MyNet"),
        ("./my_file:MyNet", "my_file:MyNet"),
        ("{folder}/my_file.py:MyNet", "my_file:MyNet"),
        ("nets/mine.py:MyNet", "nets.mine:MyNet"),
        ("nets/mine:MyNet", "nets.mine:MyNet"),
        ("nets.mine:MyNet", "nets.mine:MyNet"),
        ("pack/__init__.py:MyNet", "pack:MyNet"),
        ("link.py:MyNet", "my_file:MyNet"),
        ("~/my_file.py:MyNet", "my_file:MyNet"),
    ],
)
def test_each_way_to_write_a_path_gives_one_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch, given: str, name: str
) -> None:
    write_files(folder, {"my_file.py": NET, "nets/mine.py": NET, "pack/__init__.py": NET})
    (folder / "link.py").symlink_to("my_file.py")
    monkeypatch.setenv("HOME", str(folder))
    entry = registry.find_entry(registry.ARCHITECTURES, given.format(folder=folder))
    assert (entry.name, entry.value) == (name, name)
    assert entry.load().__name__ == "MyNet"


def test_a_file_below_a_folder_of_pythonpath_has_a_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path / "elsewhere", {"pack/far.py": NET})
    path = f"{tmp_path}/elsewhere/pack/far.py:MyNet"
    with pytest.raises(SeqbenchError, match=r"outside of the current folder.*run seqbench in .*/pack with far:MyNet"):
        normalise_class_path(path)
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    assert normalise_class_path(path) == "pack.far:MyNet"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("zzz.py:MyNet", r"there is no file zzz\.py; the current folder is .*user\.$"),
        ("my_fil.py:MyNet", r"there is no file my_fil\.py; .* Did you mean my_file\.py:MyNet\?$"),
        ("no/folder.py:MyNet", r"there is no file no/folder\.py"),
        ("my-net.py:MyNet", r"'my-net' is no Python name; rename it .* such as my_net\.$"),
        ("my_file:", r"expected package\.module:Class; write my_file:MyNet\.$"),
        ("my_file.py:", r"expected package\.module:Class; write my_file:MyNet\.$"),
        (":MyNet", r"':MyNet' is no path to a class; expected package\.module:Class\.$"),
    ],
)
def test_a_path_that_cannot_be_used_is_refused_with_what_is_there(folder: Path, given: str, message: str) -> None:
    write_files(folder, {"my_file.py": NET, "my-net.py": NET})
    with pytest.raises(SeqbenchError, match=message):
        registry.find_entry(registry.ARCHITECTURES, given)


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("my_file", "my_file.py is a file here; write my_file:MyNet."),
        ("my_file.py", "my_file.py is a file here; write my_file:MyNet."),
        ("my_file.MyNet", "my_file.py is a file here; write my_file:MyNet."),
        ("nets.mine", "nets/mine.py is a file here; write nets.mine:MyNet."),
        ("nets/mine.py", "nets/mine.py is a file here; write nets.mine:MyNet."),
        ("MyNet", "MyNet is a class here; write my_file:MyNet."),
        ("GRU", "Did you mean 'gru'?"),
        ("gruu", "Did you mean 'gru'"),
        ("Bag-Of-Words", "Known: "),
    ],
)
def test_a_name_that_is_no_architecture_is_refused_with_what_it_may_mean(folder: Path, given: str, hint: str) -> None:
    write_files(folder, {"my_file.py": NET, "nets/mine.py": NET, "notes.py": "x = 1"})
    with pytest.raises(SeqbenchError) as caught:
        registry.find_entry(registry.ARCHITECTURES, given)
    assert str(caught.value).startswith(f"unknown architecture '{given}'. {hint}")
    assert "31" not in str(caught.value)
    assert hint == "Known: " or "Known" not in str(caught.value)


def test_a_registered_name_is_no_file_even_if_a_file_has_this_name(folder: Path) -> None:
    write_files(folder, {"gru.py": NET})
    assert registry.find_entry(registry.ARCHITECTURES, "gru").distribution == "seqbench"


def test_a_file_without_a_class_gives_no_hint(folder: Path) -> None:
    write_files(folder, {"notes.py": "x = 1"})
    assert suggest_class_path("notes") == ""


def test_classes_are_found_without_an_import(folder: Path) -> None:
    write_files(folder, {"my_file.py": "1 / 0\nclass One: pass\nclass  Two(One):\n    class Inner: pass\n"})
    assert classes_in_file(folder / "my_file.py") == ["One", "Two"]
    assert classes_in_file(folder / "nothing.py") == []
    (folder / "large.py").write_text("class One: pass\n" + "#" * 1_000_000)
    assert classes_in_file(folder / "large.py") == []


def test_close_names_ignore_case() -> None:
    assert close_names("MYNET", ["MyNet", "other"]) == ["MyNet"]
    assert close_names("x", ["MyNet"]) == []
