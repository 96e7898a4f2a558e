"""The source of an imported module, as it was when the module was imported.

A file may be edited while a process that has imported it goes on. What a run trains is the code in memory, so its
digest must not be that of the edited file. ``record_imports`` keeps the source of each module that is imported inside
its block, exactly as it is compiled. A module that was imported earlier, such as one of a notebook, is read from its
file once; its functions must be those that the file defines.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import sys
import sysconfig
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from seqbench.utils.errors import SeqbenchError

LIBRARY_FOLDERS = ("site-packages", "dist-packages")
"""Names of the folders of installed distributions."""


@dataclass(frozen=True)
class _Known:
    """The source of a module, and the code of its functions when the source was kept."""

    module: ModuleType
    codes: tuple[CodeType, ...]
    source: bytes


_known: dict[str, _Known] = {}
_compiled: dict[str, bytes] = {}
"""Sources by the name of the module, compiled by ``_RecordingLoader``."""
_recorded: set[str] = set()
"""Names of the modules that were imported inside of ``record_imports``."""


def module_source(module: ModuleType) -> bytes | None:
    """Return the source of a module as it was imported; None for a module without a file.

    Raises:
        SeqbenchError: the file has changed since the module was imported, and its earlier source is unknown.
    """
    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        return None
    name, codes = module.__name__, _function_codes(module)
    known = _known.get(name)
    if known and known.module is module and _same_objects(known.codes, codes):
        if _is_edited(known):
            warnings.warn(
                f"{Path(file).name} has changed since it was imported; the imported code is used until "
                f"importlib.reload({name}) reads the file again",
                stacklevel=2,
            )
        return known.source
    source = _compiled.pop(name, None)
    if source is None:
        source = read_source(Path(file))
        _check_unchanged(module, file, source, codes)
    _known[name] = _Known(module, codes, source)
    return source


def forget_edited_modules() -> None:
    """Remove modules of the user from ``sys.modules`` if one was edited, so that the next import reads the files.

    Only modules that ``record_imports`` has imported are removed, all of them, because one may use another. A path such
    as ``my_file:MyNet`` thus means the present file, also in a process that goes on, such as a notebook. The modules
    that the user has imported stay as they are.
    """
    imported = {name: _known[name] for name in _recorded if name in _known}
    if any(_is_edited(known) for known in imported.values()):
        for name in tuple(_recorded):
            sys.modules.pop(name, None)
            _known.pop(name, None)
        _recorded.clear()
        importlib.invalidate_caches()


def _is_edited(known: _Known) -> bool:
    try:
        return Path(str(known.module.__file__)).read_bytes() != known.source
    except OSError:
        return False


def read_source(file: Path) -> bytes:
    """Return the contents of a source file.

    Raises:
        SeqbenchError: the file cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise SeqbenchError(
            f"the source {file} cannot be read ({error.strerror or error}), so a run could not name the code that it "
            f"trains; restore the file."
        ) from error


def is_installed(file: str) -> bool:
    """Return whether a file belongs to an installed library."""
    return any(part in LIBRARY_FOLDERS for part in Path(file).parts)


def is_standard(file: str) -> bool:
    """Return whether a file belongs to Python's standard library."""
    return Path(file).is_relative_to(sysconfig.get_path("stdlib")) and not is_installed(file)


@contextlib.contextmanager
def record_imports() -> Iterator[None]:
    """Keep the source of each module of the user that is imported until the end of the block.

    The modules are compiled from their source, and no compiled file is written: Python takes a compiled file for
    current if the source has the same size and was changed in the same second.
    """
    finder = _RecordingFinder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _RecordingFinder(MetaPathFinder):
    """Finds modules as Python does; a module outside of the installed libraries gets a ``_RecordingLoader``."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module of the user; None for any other module."""
        if fullname.partition(".")[0] in (*sys.stdlib_module_names, "seqbench"):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or type(spec.loader) is not SourceFileLoader or is_installed(str(spec.origin)):
            return None
        spec.loader = _RecordingLoader(fullname, str(spec.origin))
        return spec


class _RecordingLoader(SourceFileLoader):
    """Loads a module from its source, and keeps the source."""

    def get_code(self, fullname: str) -> CodeType:
        """Return the compiled source."""
        source = self.get_data(self.path)
        code: CodeType = self.source_to_code(source, self.path)
        _compiled[fullname] = source
        _recorded.add(fullname)
        return code


def _function_codes(module: ModuleType) -> tuple[CodeType, ...]:
    """Return the code of the functions and methods that the module's own file defines, in their order."""
    codes = []
    for value in list(vars(module).values()):
        if not isinstance(value, FunctionType | type) or value.__module__ != module.__name__:
            continue
        for member in vars(value).values() if isinstance(value, type) else [value]:
            # The function of a static or class method, of a property, or below decorators.
            function = getattr(member, "__func__", None) or getattr(member, "fget", None) or member
            function = inspect.unwrap(function) if callable(function) and hasattr(function, "__wrapped__") else function
            if isinstance(function, FunctionType) and function.__code__.co_filename == module.__file__:
                codes.append(function.__code__)
    return tuple(codes)


def _same_objects(first: Sequence[object], second: Sequence[object]) -> bool:
    return len(first) == len(second) and all(one is other for one, other in zip(first, second, strict=True))


def _check_unchanged(module: ModuleType, file: str, source: bytes, codes: Sequence[CodeType]) -> None:
    """Check that the source of a module that was imported earlier defines the functions that are in memory.

    Raises:
        SeqbenchError: it does not define one of them.
    """
    if type(module.__loader__) not in (SourceFileLoader, _RecordingLoader):
        return  # Another loader, such as that of pytest, may compile other code from the source.
    if not defines(source, file, codes):
        raise SeqbenchError(
            f"{Path(file).name} has changed since it was imported, so the source of the code in memory is unknown; "
            f"start Python again, or import it again by importlib.reload."
        )


def defines(source: bytes, file: str, codes: Iterable[CodeType]) -> bool:
    """Return whether a source defines each of some functions, given by their code.

    Args:
        source: Python source.
        file: name of its file.
        codes: code of the functions.
    """
    try:
        return set(_nested_codes(compile(source, file, "exec", dont_inherit=True))).issuperset(codes)
    except (SyntaxError, ValueError):
        return not list(codes)


def _nested_codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _nested_codes(constant)
