"""Digests of the files that define a class which is given by its path: ``my_file:MyNet``.

These are the file of the class, the files of its base classes, and every file of the user that one of them imports,
directly or not, with the ``__init__.py`` of their packages. Files of installed libraries, of Python and of seqbench do
not count, except those of the package that the path itself names.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

from seqbench.protocol.identity import module_sources
from seqbench.protocol.identity.changed_values import check_unchanged_values
from seqbench.protocol.identity.definition_sources import DefinitionSearch, is_importable
from seqbench.protocol.identity.package_sources import package_digest
from seqbench.protocol.identity.syntax_digest import source_digest

FileDigests = Mapping[str, str]
"""SHA-256 (hex) of each file by its path, relative to the folder that the imports start from."""

_IMPORT_FUNCTIONS = ("import_module", "__import__")


def class_digests(cls: type) -> FileDigests:
    """Return the digests of the files or, without a file to import it from, of the definitions of a class.

    Raises:
        SeqbenchError: a source is unknown, cannot be read, or has changed since it was imported.
    """
    if is_importable(cls):
        return class_file_digests(cls, cls.__module__)
    found = DefinitionSearch(cls)
    search = _FileSearch("")
    for name in dict.fromkeys(found.modules):
        search.add(name)
    return dict(sorted({**found.digests, **search.digests}.items()))


def class_file_digests(loaded: type, module_name: str) -> FileDigests:
    """Return the digests of the files that define a class; empty for a class of seqbench itself.

    Args:
        loaded: the class.
        module_name: name of the module in the class's path, which may re-export a class of another module.

    Raises:
        SeqbenchError: a file has changed since it was imported, or cannot be read.
    """
    top = module_name.partition(".")[0]
    if top == "seqbench":
        return {}
    package = sys.modules.get(top)
    if package is not None and module_sources.is_installed(str(getattr(package, "__file__", None) or "")):
        return {top: package_digest(package)}
    search = _FileSearch(top)
    for name in (module_name, *(base.__module__ for base in loaded.__mro__)):
        search.add(name)
    return dict(sorted(search.digests.items()))


class _FileSearch:
    """The files that were found so far; each file that is added adds those that it imports.

    Args:
        top: name of the top-level module in the class's path.
    """

    def __init__(self, top: str) -> None:
        self.digests: dict[str, str] = {}
        self._top, self._seen = top, set[str]()

    def add(self, name: str) -> None:
        """Add a module and its packages, if they are files of the user, and all that they import."""
        waiting = [name]
        while waiting:
            name = waiting.pop()
            parents = [name.rsplit(".", depth)[0] for depth in range(name.count(".") + 1)]
            for part in parents:
                if part not in self._seen:
                    self._seen.add(part)
                    waiting += self._add_file(part)

    def _add_file(self, name: str) -> list[str]:
        """Add the file of one module; return the names of the modules that it imports."""
        if name == "__main__" or name.partition(".")[0] in (*sys.stdlib_module_names, "seqbench"):
            return []
        module, source = sys.modules.get(name), None
        file = str(getattr(module, "__file__", None) or self._find_file(name) or "")
        if not file or module_sources.is_installed(file):
            return []
        source = module_sources.module_source(module) if module else module_sources.read_source(Path(file))
        if source is None:
            return []
        if module is not None:
            check_unchanged_values(module, source)
        suffix = "/__init__.py" if Path(file).name == "__init__.py" else Path(file).suffix
        self.digests[name.replace(".", "/") + suffix] = source_digest(source)
        package = name if suffix == "/__init__.py" else name.rpartition(".")[0]
        return [*_imported_names(source, package), *(_modules_in_use(module) if module else ())]

    def _find_file(self, name: str) -> Path | None:
        """Return the file of a module that was not imported yet; nothing is imported.

        It is beside that of the class, or in a folder of ``sys.path`` that holds no installed library.
        """
        top = sys.modules.get(self._top) if self._top else None
        own = getattr(top, "__path__", None) or [str(getattr(top, "__file__", "."))]
        beside = [Path(next(iter(own))).parent] if self._top else []
        others = [entry for entry in sys.path if not (module_sources.is_installed(entry) or _is_of_python(entry))]
        for folder in (*beside, *map(Path, others)):
            path = folder.joinpath(*name.split("."))
            for candidate in (path.with_name(path.name + ".py"), path / "__init__.py"):
                if candidate.is_file():
                    return candidate
        return None


def _is_of_python(folder: str) -> bool:
    return bool(folder) and module_sources.is_standard(folder)


def _imported_names(source: bytes, package: str) -> Iterator[str]:
    """Yield the names of the modules that a source imports anywhere, also inside functions.

    Args:
        source: Python source; a compiled extension imports nothing.
        package: name of the package that relative imports refer to.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _resolve("." * node.level + (node.module or ""), package)
            # An imported name may be a module of the package.
            yield from (name for name in (base, *(f"{base}.{alias.name}" for alias in node.names)) if base)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if function in _IMPORT_FUNCTIONS and isinstance(node.args[0].value, str):
                yield _resolve(node.args[0].value, package)


def _resolve(name: str, package: str) -> str:
    """Return the absolute name of an imported module; empty if it is relative to no package."""
    try:
        return importlib.util.resolve_name(name, package) if name.startswith(".") else name
    except ImportError:
        return ""


def _modules_in_use(module: ModuleType) -> Iterator[str]:
    """Yield the names of the modules that the objects in a module belong to, however they were imported.

    The submodules of a package do not count: each becomes an attribute of the package when anything imports it, so the
    digests would depend on what else this process has imported. The source of the package names those that it imports.
    """
    for value in list(vars(module).values()):
        if isinstance(value, ModuleType) and value.__name__.startswith(f"{module.__name__}."):
            continue
        name = value.__name__ if isinstance(value, ModuleType) else getattr(type(value), "__module__", None)
        if isinstance(value, type) or callable(value):
            name = getattr(value, "__module__", name)
        if isinstance(name, str) and name in sys.modules:
            yield name
