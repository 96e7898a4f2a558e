"""Digests of a class that has no file to import it from: it was defined in a script, in a notebook or in a function.

They cover the methods and attributes of the class, with the defaults of their arguments and their decorators, its base
classes, and each function, class and value of the script or notebook that they use, also inside of lists, dicts and
objects. A file of the user that they import counts as a whole.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import linecache
import sys
import textwrap
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from seqbench.protocol.identity import code_names, module_sources
from seqbench.protocol.identity.syntax_digest import source_digest
from seqbench.protocol.identity.value_digests import definition_path, digest_and_definitions, value_digest
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
            path = definition_path(value)
            is_new = id(value) not in self._seen
            self._seen.add(id(value))
            if is_importable(value) if isinstance(value, type) else not _is_users(value):
                self._add_reference(name, value.__module__, path)
            elif isinstance(value, FunctionType):
                self._add_function(name or path, value, is_new)
            elif is_new:
                self._add_class(name or path, value)
            elif name:
                self.digests.setdefault(name, value_digest(path))
        else:
            self._add_value(name, value)

    def _add_reference(self, name: str, module_name: str, path: str) -> None:
        """Add a module, and what a name of the script stands for, such as a function of a library."""
        self.modules.append(module_name)
        if name:
            self.digests[name] = value_digest(path)

    def _add_value(self, name: str, value: object) -> None:
        """Add a value, and the classes and functions inside of it."""
        if parts := _parts(value):
            self.digests[name] = value_digest([type(value).__qualname__, *parts])
            self._waiting += [(f"{name}.{part}", inner) for part, inner in parts.items()]
            return
        self.digests[name], definitions = digest_and_definitions(value)
        for number, found in enumerate(definitions):
            if isinstance(found, FunctionType) and _is_users(found):
                self._waiting.append((f"{name}[{number}]", found))
            else:  # The path of the definition is part of the digest already.
                self._waiting.append(("", found))

    def _add_class(self, label: str, cls: type) -> None:
        self.digests[label] = value_digest([definition_path(base) for base in cls.__bases__])
        for base in cls.__bases__:
            self._waiting.append(("", base))
        fields = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
        for field in fields:
            parts = {"type": str(field.type), "init": field.init, "default": field.default_factory}
            self._waiting += [(f"{label}.{field.name}.{part}", value) for part, value in parts.items()]
        is_record = bool(fields) or (issubclass(cls, tuple) and hasattr(cls, "_fields"))
        for name, value in vars(cls).items():
            member = getattr(value, "__func__", value)
            if isinstance(member, FunctionType):
                # Python itself has made these methods, from the fields.
                if not (is_record and _is_made(inspect.unwrap(member))):
                    self._add_function(f"{label}.{name}", member, True)
            elif not name.startswith("__") or name == "__slots__" or _parts(member):
                self._waiting.append((f"{label}.{name}", member))

    def _add_function(self, label: str, function: FunctionType, is_new: bool) -> None:
        is_library = _is_library_code(function.__code__)
        self.digests[label] = value_digest(function.__code__.co_name) if is_library else _function_digest(function)
        if not is_new:
            return
        for name, value in _defaults(function).items():
            self._waiting.append((f"{label}.{name}", value))
        if hasattr(function, "__wrapped__"):
            self._waiting.append((f"{label}.__wrapped__", function.__wrapped__))
        if not is_library:
            self.modules += code_names.imported_modules(function.__code__)
            for name in code_names.global_names(function.__code__):
                if name in function.__globals__:
                    self._waiting.append((f"{function.__module__}.{name}", function.__globals__[name]))
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            if name == "__class__":  # The class itself, for `super`.
                continue
            try:
                self._waiting.append((f"{label}.{name}", cell.cell_contents))
            except ValueError:  # The variable has no value yet.
                continue


def _parts(value: object) -> dict[str, object]:
    """Return the functions below a property or a decorator that is an object; empty for any other value."""
    if isinstance(value, property):
        functions = {"fget": value.fget, "fset": value.fset, "fdel": value.fdel}
    elif isinstance(value, functools.cached_property):
        functions = {"func": value.func}
    elif isinstance(value, staticmethod | classmethod):
        functions = {"__func__": value.__func__}
    else:
        wrapped = getattr(value, "__wrapped__", None) if callable(value) and not isinstance(value, type) else None
        functions = {"__wrapped__": wrapped if isinstance(wrapped, FunctionType) else None}
    return {name: function for name, function in functions.items() if function is not None}


def _defaults(function: FunctionType) -> dict[str, object]:
    """Return the default values of a function by the names of the arguments, without those that are None."""
    code, values = function.__code__, function.__defaults__ or ()
    names = code.co_varnames[code.co_argcount - len(values) : code.co_argcount]
    given = {**dict(zip(names, values, strict=True)), **(function.__kwdefaults__ or {})}
    return {name: value for name, value in given.items() if value is not None}


def _is_made(function: FunctionType) -> bool:
    """Return whether Python has made a function without a source, such as the ``__init__`` of a dataclass."""
    file = function.__code__.co_filename
    return file.startswith("<") and not linecache.getlines(file)


def _is_library_code(code: CodeType) -> bool:
    """Return whether code is of an installed library, of Python or of seqbench, such as a wrapper of ``no_grad``."""
    file = code.co_filename
    own = Path(module_sources.__file__).parents[2]
    return module_sources.is_installed(file) or module_sources.is_standard(file) or Path(file).is_relative_to(own)


def _is_users(function: FunctionType) -> bool:
    """Return whether a function of the user has no file to import it from: it is of a script, or inside of another."""
    file = getattr(sys.modules.get(function.__module__), "__file__", None)
    if function.__module__ == "__main__" or not file:
        return True
    top = function.__module__.partition(".")[0]
    is_library = module_sources.is_installed(file) or top in (*sys.stdlib_module_names, "seqbench")
    return "<locals>" in function.__qualname__ and not is_library


def _function_digest(function: FunctionType) -> str:
    """Return the digest of a function's source, as it was when the function was defined.

    Raises:
        SeqbenchError: the source is unknown.
    """
    code = function.__code__
    if code not in _digests:
        try:
            linecache.checkcache(code.co_filename)
            source = textwrap.dedent(inspect.getsource(code))
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
            _digests[code] = value_digest([_digests[code], code.co_code, ascii(code.co_consts), code.co_names])
    return _digests[code]
