from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from seqbench.protocol import registry
from seqbench.protocol.identity import module_sources
from seqbench.protocol.identity.class_sources import FileDigests
from seqbench.utils.errors import SeqbenchError
from tests.protocol.identity.folders import NET, write_files

HELPED = NET.replace("import torch\n", "import torch\nfrom helper import width\n").replace("hidden)", "width(hidden))")

FILES: dict[str, tuple[str, dict[str, str], list[str]]] = {
    "one file": ("my_file:MyNet", {"my_file.py": NET, "other.py": "x = 1"}, ["my_file.py"]),
    "a helper": (
        "my_file:MyNet",
        {"my_file.py": HELPED, "helper.py": "def width(n): return n"},
        ["helper.py", "my_file.py"],
    ),
    "a helper of a helper": (
        "my_file:MyNet",
        {"my_file.py": HELPED, "helper.py": "import deep\ndef width(n): return deep.n", "deep.py": "n = 4"},
        ["deep.py", "helper.py", "my_file.py"],
    ),
    "a base class": (
        "my_file:MyNet",
        {"my_file.py": "import base\nclass MyNet(base.MyNet): pass", "base.py": NET},
        ["base.py", "my_file.py"],
    ),
    "a class of another file": (
        "my_file:MyNet",
        {"my_file.py": "from other import *", "other.py": NET},
        ["my_file.py", "other.py"],
    ),
    "a package that offers the class of its module": (
        "pack:MyNet",
        {"pack/__init__.py": "from .nets import MyNet", "pack/nets.py": NET, "pack/unused.py": "x = 1"},
        ["pack/__init__.py", "pack/nets.py"],
    ),
    "a module of a package": (
        "pack.sub.nets:MyNet",
        {
            "pack/__init__.py": "",
            "pack/sub/__init__.py": "",
            "pack/sub/nets.py": NET.replace("import torch\n", "import torch\nfrom .. import scale\n", 1),
            "pack/scale.py": "SCALE = 2",
        },
        ["pack/__init__.py", "pack/scale.py", "pack/sub/__init__.py", "pack/sub/nets.py"],
    ),
    "a folder without __init__": ("nets.mine:MyNet", {"nets/mine.py": NET}, ["nets/mine.py"]),
    "an import inside of a function": (
        "my_file:MyNet",
        {
            "my_file.py": NET.replace("        return self", "        import late\n        return late.f() or self"),
            "late.py": "def f(): pass",
        },
        ["late.py", "my_file.py"],
    ),
    "an import by its name": (
        "my_file:MyNet",
        {"my_file.py": f"import importlib\nh = importlib.import_module('helper')\n{NET}", "helper.py": "x = 1"},
        ["helper.py", "my_file.py"],
    ),
    "an import by a computed name": (
        "my_file:MyNet",
        {"my_file.py": f"import importlib\nh = importlib.import_module('hel' + 'per')\n{NET}", "helper.py": "x = 1"},
        ["helper.py", "my_file.py"],
    ),
}


def digests(path: str) -> FileDigests:
    module_sources.forget_edited_modules()
    return registry.find_entry(registry.ARCHITECTURES, path).file_digests()


@pytest.mark.parametrize("case", FILES)
def test_the_files_that_define_a_class_are_found(folder: Path, case: str) -> None:
    path, files, expected = FILES[case]
    write_files(folder, files)
    assert list(digests(path)) == expected


@pytest.mark.parametrize("case", FILES)
def test_an_edit_of_each_file_changes_its_digest_and_no_other(folder: Path, case: str) -> None:
    path, files, expected = FILES[case]
    write_files(folder, files)
    before = digests(path)
    for name in expected:
        (folder / name).write_text(f"{files[name]}\nEDITED = 1\n")
        after = digests(path)
        assert [file for file in expected if before[file] != after[file]] == [name]
        before = after


@pytest.mark.parametrize("edit", [lambda text: text.replace("tanh", "relu"), lambda text: text.replace("= 4", "= 5")])
def test_a_file_that_is_edited_within_the_same_second_to_the_same_size_is_imported_anew(
    folder: Path, edit: Callable[[str], str]
) -> None:
    # Python would take the compiled file of the first import for current.
    write_files(folder, {"my_file.py": NET})
    before, first = digests("my_file:MyNet"), sys.modules["my_file"]
    write_files(folder, {"my_file.py": edit(NET)})
    assert digests("my_file:MyNet") != before
    assert sys.modules["my_file"] is not first
    assert not (folder / "__pycache__").exists()


def test_a_constant_that_was_changed_from_outside_has_no_digest(folder: Path) -> None:
    write_files(folder, {"my_file.py": f"{NET}\n    dilation = 1\n"})
    before = digests("my_file:MyNet")
    loaded = registry.find_entry(registry.ARCHITECTURES, "my_file:MyNet").load()
    loaded.dilation = 2
    with pytest.raises(SeqbenchError, match=r"MyNet\.dilation was changed after my_file was imported"):
        digests("my_file:MyNet")
    loaded.dilation = 1
    assert digests("my_file:MyNet") == before


def test_the_digests_do_not_depend_on_what_else_was_imported(folder: Path) -> None:
    files = {"pack/__init__.py": "", "pack/nets.py": NET, "pack/deep/__init__.py": "", "pack/deep/other.py": "x = 1\n"}
    write_files(folder, files)
    before = digests("pack.nets:MyNet")
    importlib.import_module("pack.deep.other")
    assert digests("pack.nets:MyNet") == before
    assert list(before) == ["pack/__init__.py", "pack/nets.py"]


def test_a_comment_keeps_the_digests(folder: Path) -> None:
    write_files(folder, {"my_file.py": NET})
    before = digests("my_file:MyNet")
    write_files(folder, {"my_file.py": f"# A comment.\n{NET}"})
    assert digests("my_file:MyNet") == before


def test_the_digests_do_not_depend_on_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(folder, {"my_file.py": NET, "elsewhere/my_file.py": NET})
    before = digests("my_file:MyNet")
    monkeypatch.chdir(folder / "elsewhere")
    for name in list(module_sources._recorded):
        del sys.modules[name]
    assert digests("my_file:MyNet") == before


def test_built_in_and_registered_architectures_have_no_file_digests() -> None:
    assert registry.find_entry(registry.ARCHITECTURES, "gru").file_digests() == {}
    assert registry.find_entry(registry.ARCHITECTURES, "seqbench.architectures.recurrent:GRU").file_digests() == {}


def test_a_class_of_an_installed_library_has_one_digest_for_its_package(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = folder / "site-packages"
    monkeypatch.syspath_prepend(library)
    write_files(library, {"my_lib/__init__.py": "", "my_lib/nets.py": NET, "my_lib/unused.py": ""})
    before = digests("my_lib.nets:MyNet")
    assert list(before) == ["my_lib"]
    write_files(library, {"my_lib/unused.py": "x = 1"})
    assert digests("my_lib.nets:MyNet") != before


def test_digests_take_less_time_than_the_import_of_the_files(folder: Path) -> None:
    files = {f"part{number}.py": HELPED.replace("from helper import width", "") * 5 for number in range(10)}
    imports = "".join(f"import part{number}\n" for number in range(10))
    write_files(folder, {**files, "my_file.py": imports + NET})
    entry = registry.find_entry(registry.ARCHITECTURES, "my_file:MyNet")
    entry.load()
    start = time.perf_counter()
    assert len(entry.file_digests()) == 11
    first = time.perf_counter() - start
    start = time.perf_counter()
    entry.file_digests()
    assert time.perf_counter() - start < max(first, 0.5)
    assert first < 5


def test_a_module_of_an_added_folder_that_a_method_imports_later_counts(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = tmp_path / "added" / "late.py"
    late.parent.mkdir()
    late.write_text("def f(): pass")
    monkeypatch.syspath_prepend(str(late.parent))
    text = NET.replace("        return self", "        import late\n        return late.f() or self")
    write_files(folder, {"my_file.py": text})
    before = digests("my_file:MyNet")
    assert sorted(before) == ["late.py", "my_file.py"]
    late.write_text("def f(): return 1")
    after = digests("my_file:MyNet")
    assert [name for name in after if after[name] != before[name]] == ["late.py"]
