from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from seqbench.protocol.identity import module_sources
from seqbench.utils.errors import SeqbenchError
from tests.protocol.identity.folders import write_files

SOURCE = "def scale(x):\n    return 2 * x\n"


def import_user_module(folder: Path, source: str = SOURCE, name: str = "user_module") -> None:
    write_files(folder, {f"{name}.py": source})
    sys.path.append(str(folder))
    importlib.invalidate_caches()
    importlib.import_module(name)


def source() -> bytes | None:
    return module_sources.module_source(sys.modules["user_module"])


def test_an_edit_after_the_first_look_does_not_change_the_source_in_memory(folder: Path) -> None:
    import_user_module(folder)
    assert source() == SOURCE.encode()
    write_files(folder, {"user_module.py": SOURCE.replace("2", "3")})
    with pytest.warns(UserWarning, match=r"^user_module\.py has changed.*importlib\.reload\(user_module\)"):
        assert source() == SOURCE.encode()


def test_a_module_that_was_imported_again_has_its_new_source(folder: Path) -> None:
    import_user_module(folder)
    source()
    edited = SOURCE.replace("2", "30")
    write_files(folder, {"user_module.py": edited})
    importlib.reload(sys.modules["user_module"])
    assert source() == edited.encode()


@pytest.mark.parametrize("edited", [SOURCE.replace("2", "3"), "", "def scale(x:"])
def test_a_module_whose_file_was_edited_before_the_first_look_is_refused(folder: Path, edited: str) -> None:
    import_user_module(folder)
    write_files(folder, {"user_module.py": edited})
    with pytest.raises(
        SeqbenchError, match=r"^user_module\.py has changed since it was imported.*importlib\.reload\.$"
    ):
        source()


@pytest.mark.parametrize(
    "method",
    [
        "    @staticmethod\n    def f(): return 1",
        "    @classmethod\n    def f(cls): return 1",
        "    @property\n    def f(self): return 1",
        "    @functools.cache\n    def f(self): return 1",
        "    def f(self): return 1",
    ],
)
def test_each_kind_of_method_is_compared_with_the_file(folder: Path, method: str) -> None:
    text = f"import functools\nclass Net:\n{method}\n"
    import_user_module(folder, text)
    write_files(folder, {"user_module.py": text.replace("return 1", "return 2")})
    with pytest.raises(SeqbenchError, match="has changed since it was imported"):
        source()


def test_a_module_that_was_removed_from_the_disk_is_refused(folder: Path) -> None:
    import_user_module(folder)
    (folder / "user_module.py").unlink()
    with pytest.raises(SeqbenchError, match=r"user_module\.py cannot be read .*restore the file"):
        source()


def test_the_source_of_a_recorded_import_is_the_one_that_was_compiled(folder: Path) -> None:
    # The module edits its own file while it is imported.
    text = f"{SOURCE}open(__file__, 'a').write('x = 1\\n')\n"
    with module_sources.record_imports():
        import_user_module(folder, text)
    assert (folder / "user_module.py").read_text() != text
    assert source() == text.encode()


def test_recorded_modules_are_imported_anew_after_one_was_edited(folder: Path) -> None:
    write_files(folder, {"user_part.py": "x = 1"})
    with module_sources.record_imports():
        import_user_module(folder, f"import user_part\n{SOURCE}")
    assert source()
    assert module_sources.module_source(sys.modules["user_part"])
    module_sources.forget_edited_modules()
    assert "user_module" in sys.modules
    write_files(folder, {"user_part.py": "x = 2"})
    module_sources.forget_edited_modules()
    assert not {"user_module", "user_part"} & set(sys.modules)


def test_modules_that_the_user_has_imported_stay(folder: Path) -> None:
    import_user_module(folder)
    source()
    write_files(folder, {"user_module.py": ""})
    module_sources.forget_edited_modules()
    assert "user_module" in sys.modules


def test_imports_of_libraries_are_not_recorded(folder: Path) -> None:
    library = folder / "site-packages"
    library.mkdir()
    with module_sources.record_imports():
        import_user_module(library, name="user_library")
    assert "user_library" not in module_sources._recorded
    assert type(sys.modules["user_library"].__loader__).__name__ == "SourceFileLoader"
    assert not any(isinstance(finder, module_sources._RecordingFinder) for finder in sys.meta_path)


def test_files_are_sorted_into_those_of_python_of_libraries_and_of_the_user(folder: Path) -> None:
    import textwrap

    assert module_sources.is_standard(textwrap.__file__)
    assert module_sources.is_installed(pytest.__file__)
    assert not module_sources.is_standard(pytest.__file__)
    assert not module_sources.is_installed(str(folder / "x.py"))
    assert not module_sources.is_standard(str(folder / "x.py"))
