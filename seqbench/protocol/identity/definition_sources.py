"""Digests of a class that has no file to import it from: it was defined in a script, in a notebook or in a function.

They cover the methods and plain attributes of the class, its base classes, and each function, class and value of the
script or notebook that they use. A file of the user that they import counts as a whole.
"""

from __future__ import annotations

import hashlib
import inspect
import linecache
import pickle
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from seqbench.protocol.identity import module_sources
from seqbench.protocol.identity.syntax_digest import source_digest
from seqbench.utils.errors import NotAtHand, SeqbenchError

_digests: dict[CodeType, str] = {}
"""Digests of functions by their code: the text of a cell or of a script may change while the code goes on."""


def is_importable(cls: type) -> bool:
    """Return whether another process can import a class by its path.

    >>> is_importable(Path)
    True
    """
    found: object = sys.modules.get(cls.__module__)
    if cls.__module__ == "__main__" or found is None or not getattr(found, "__file__", None):
        return False
    for part in cls.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is cls


def find_defined_class(path: str) -> type:
    """Return a class of the script or notebook that runs now, by its path, ``__main__:MyNet``.

    Raises:
        NotAtHand: there is no such class.
    """
    module, _, name = path.partition(":")
    found: object = getattr(sys.modules["__main__"], name, None) if module == "__main__" else None
    if isinstance(found, type):
        return found
    raise NotAtHand(
        f"the class of '{path}' was defined in a script, a notebook or a function, from which it cannot be imported; "
        f"in Python give the class itself, as in seqbench.load(run, arch=MyNet), or save it in a file, my_file.py, "
        f"and give my_file:{name.rpartition('.')[2]}."
    )


class DefinitionSearch:
    """The digests of the definitions that were found so far, by name, and the modules that they use.

    Args:
        cls: the class; its digests are computed at once.

    Raises:
        SeqbenchError: the source of a function is unknown or has changed since it was defined.
    """

    def __init__(self, cls: type) -> None:
        self.digests: dict[str, str] = {}
        self.modules: list[str] = []
        self._seen: set[int] = set()
        self._waiting: list[tuple[str, object]] = [("", cls)]
        while self._waiting:
            name, value = self._waiting.pop()
            self._add(name, value)

    def _add(self, name: str, value: object) -> None:
        """Add the digest of one value; put the values that it uses on the list of those to add.

        Args:
            name: the name that the value has in the script; empty for a class that is known by its path alone.
            value: the value.
        """
        if isinstance(value, ModuleType):
            self._add_reference(name, value.__name__, value.__name__)
        elif isinstance(value, type | FunctionType):
            path = f"{value.__module__}:{value.__qualname__}"
            is_new = id(value) not in self._seen
            self._seen.add(id(value))
            if is_importable(value) if isinstance(value, type) else not _is_users(value):
                self._add_reference(name, value.__module__, path)
            elif isinstance(value, FunctionType):
                self._add_function(name or path, value, is_new)
            elif is_new:
                self._add_class(name or path, value)
            elif name:
                self.digests.setdefault(name, _value_digest(path))
        else:
            self.digests[name] = _value_digest(value)

    def _add_reference(self, name: str, module_name: str, path: str) -> None:
        """Add a module, and what a name of the script stands for, such as a function of a library."""
        self.modules.append(module_name)
        if name:
            self.digests[name] = _value_digest(path)

    def _add_class(self, label: str, cls: type) -> None:
        self.digests[label] = _value_digest([f"{base.__module__}:{base.__qualname__}" for base in cls.__bases__])
        for base in cls.__bases__:
            self._waiting.append(("", base))
        for name, value in vars(cls).items():
            member = getattr(value, "__func__", None) or getattr(value, "fget", None) or value
            member = inspect.unwrap(member) if callable(member) and hasattr(member, "__wrapped__") else member
            if isinstance(member, FunctionType):
                self._add_function(f"{label}.{name}", member, True)
            elif not name.startswith("__") or name == "__slots__":
                self._waiting.append((f"{label}.{name}", member))

    def _add_function(self, label: str, function: FunctionType, is_new: bool) -> None:
        self.digests[label] = _function_digest(function)
        if not is_new:
            return
        for name in _names(function.__code__):
            if name in function.__globals__:
                self._waiting.append((f"{function.__module__}.{name}", function.__globals__[name]))
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            if name == "__class__":  # The class itself, for `super`.
                continue
            try:
                self._waiting.append((f"{label}.{name}", cell.cell_contents))
            except ValueError:  # The variable has no value yet.
                continue


def _is_users(function: FunctionType) -> bool:
    """Return whether a function of the user has no file to import it from: it is of a script, or inside of another."""
    file = getattr(sys.modules.get(function.__module__), "__file__", None)
    if function.__module__ == "__main__" or not file:
        return True
    top = function.__module__.partition(".")[0]
    is_library = module_sources.is_installed(file) or top in (*sys.stdlib_module_names, "seqbench")
    return "<locals>" in function.__qualname__ and not is_library


def _names(code: CodeType) -> Iterator[str]:
    """Yield the global names that a code uses, also inside of nested functions."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _function_digest(function: FunctionType) -> str:
    """Return the digest of a function's source, as it was when the function was defined.

    Raises:
        SeqbenchError: the source is unknown.
    """
    code = function.__code__
    if code not in _digests:
        try:
            linecache.checkcache(code.co_filename)
            source = textwrap.dedent(inspect.getsource(function))
        except (OSError, TypeError) as error:
            raise SeqbenchError(
                f"the source of {function.__qualname__} is not known, because it was defined at a prompt or by exec; "
                f"save the class in a file, my_file.py, and give my_file:Class."
            ) from error
        text = "".join(linecache.getlines(code.co_filename))
        if Path(code.co_filename).is_file() and not module_sources.defines(text.encode(), code.co_filename, [code]):
            raise SeqbenchError(
                f"{Path(code.co_filename).name} has changed since it was started, so the source of "
                f"{function.__qualname__} in memory is unknown; start it again."
            )
        _digests[code] = source_digest(source.encode())
        if code.co_name == "<lambda>":  # One line may hold several.
            _digests[code] = _value_digest([_digests[code], code.co_code, ascii(code.co_consts), code.co_names])
    return _digests[code]


def _value_digest(value: object) -> str:
    """Return the digest of a value: of its text if that states all of it, else of its pickle or of its type."""
    if _is_plain(value):
        return hashlib.sha256(ascii(value).encode()).hexdigest()
    try:
        return hashlib.sha256(pickle.dumps(value)).hexdigest()
    # Any object may be part of a script, and its methods may raise any error; its class must do then.
    except Exception:
        return hashlib.sha256(f"{type(value).__module__}.{type(value).__qualname__}".encode()).hexdigest()


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(_is_plain(key) and _is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, bool | int | float | complex | str | bytes)
