from __future__ import annotations

import re
from pathlib import Path

import pytest

from seqbench.protocol.identity import path_imports
from seqbench.protocol.identity.path_imports import import_from_path
from seqbench.utils.errors import NotAtHand, SeqbenchError
from tests.protocol.identity.folders import NET, write_files

BROKEN = {
    "a missing file": ("nofile:MyNet", {}, r"no nofile\.py in .*user, and no library nofile is installed\.$"),
    "a mistyped file": ("my_fil:MyNet", {"my_file.py": NET}, r"no my_fil\.py in .*Did you mean my_file:MyNet\?$"),
    "a class of another file": ("nofile:MyNet", {"nets.py": NET}, r"Did you mean nets:MyNet\?$"),
    "a missing file in a folder": ("nets.min:MyNet", {"nets/mine.py": NET}, r"Did you mean nets\.mine:MyNet\?$"),
    "a mistyped class": (
        "my_file:mynet",
        {"my_file.py": NET},
        r"my_file\.py has no mynet\. Did you mean my_file:MyNet",
    ),
    "a missing class": ("my_file:Rnn", {"my_file.py": NET}, r"my_file\.py has no Rnn\. Its classes: MyNet\.$"),
    "no class": ("my_file:Rnn", {"my_file.py": "x = 1"}, r"my_file\.py has no Rnn\. It has no class\.$"),
    "an error": (
        "my_file:MyNet",
        {"my_file.py": f"{NET}\n1 / 0"},
        r"ZeroDivisionError: .* \(my_file\.py, line 16\)\.$",
    ),
    "an error in a helper": (
        "my_file:MyNet",
        {"my_file.py": "import helper", "helper.py": "\nundefined"},
        r"NameError: name 'undefined' is not defined \(helper\.py, line 2\)\.$",
    ),
    "an AttributeError of its own": (
        "my_file:MyNet",
        {"my_file.py": "import torch\ntorch.no_such_function"},
        r"AttributeError: module 'torch' has no attribute 'no_such_function' \(my_file\.py, line 2\)\.$",
    ),
    "a syntax error": ("my_file:MyNet", {"my_file.py": "class Net(:"}, r"SyntaxError: .*\(my_file\.py, line 1\)\.$"),
    "a missing library": (
        "my_file:MyNet",
        {"my_file.py": "import no_such_library.fast"},
        r"needs the library 'no_such_library', which is not installed here \(my_file\.py, line 1\); install it\.$",
    ),
    "a helper beside it": (
        "nets.mine:MyNet",
        {"nets/mine.py": "import helper", "nets/helper.py": ""},
        r"helper\.py is in nets, so run seqbench in that folder, with mine:MyNet\.$",
    ),
    "an exit": (
        "my_file:MyNet",
        {"my_file.py": "raise SystemExit('bye')"},
        r"SystemExit: bye \(my_file\.py, line 1\)\.$",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_path_that_cannot_be_imported_gives_one_sentence(folder: Path, case: str) -> None:
    path, files, message = BROKEN[case]
    write_files(folder, files)
    with pytest.raises(NotAtHand, match=message) as caught:
        import_from_path(path)
    assert str(caught.value).startswith(f"'{path}' could not be imported: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("copy:MyNet", "a module of Python itself, 'copy'"),
        ("torch:MyNet", r"the installed library 'torch' \(.*torch\)"),
    ],
)
@pytest.mark.parametrize("file", ["{top}.py", "{top}/__init__.py"])
def test_a_file_with_the_name_of_another_module_is_refused(folder: Path, path: str, owner: str, file: str) -> None:
    top = path.partition(":")[0]
    write_files(folder, {file.format(top=top): NET})
    shown = re.escape(top if "/" in file else f"{top}.py")
    with pytest.raises(
        SeqbenchError, match=rf"'{path}' names {owner}, which hides {shown} in the current .*; give {shown} another"
    ):
        import_from_path(path)


def test_a_file_of_another_folder_with_the_same_name_is_never_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(folder, {"one/my_file.py": NET, "two/my_file.py": NET.replace("MyNet", "Other")})
    monkeypatch.chdir(folder / "one")
    import_from_path("my_file:MyNet")
    monkeypatch.chdir(folder / "two")
    with pytest.raises(SeqbenchError, match=r"names another module, 'my_file' \(.*one/my_file\.py\), which hides"):
        import_from_path("my_file:Other")


def test_the_added_folder_follows_the_current_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(folder, {"one/first.py": NET, "two/second.py": NET})
    for name, path in (("one", "first:MyNet"), ("two", "second:MyNet")):
        monkeypatch.chdir(folder / name)
        import_from_path(path)
        assert path_imports._added_folders == [str(folder / name)]


def test_ctrl_c_during_the_import_ends_it(folder: Path) -> None:
    write_files(folder, {"my_file.py": "raise KeyboardInterrupt"})
    with pytest.raises(KeyboardInterrupt):
        import_from_path("my_file:MyNet")


def test_a_sentence_of_seqbench_is_passed_on(folder: Path) -> None:
    source = "from seqbench.utils.errors import SeqbenchError\nraise SeqbenchError('this class is refused.')"
    write_files(folder, {"my_file.py": source})
    with pytest.raises(SeqbenchError, match=r"^'my_file:MyNet': this class is refused\.$"):
        import_from_path("my_file:MyNet")
