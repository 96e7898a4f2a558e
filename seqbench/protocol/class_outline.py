"""The summary and the options of a class, read from its source without importing it.

The command line lists and completes names, and describes stored runs. Importing the classes would import torch, which
takes seconds.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from seqbench.protocol.registry import Entry
from seqbench.utils.errors import one_line

TWO_WAY = "bidirectional"
"""Attribute of a class that names the architecture which reads in both directions what the class reads forwards."""
MOST_STEPS = 8
"""Largest number of imports and base classes that are followed."""


@dataclass(frozen=True)
class FoundClass:
    """The statement of a class, with the module that holds it."""

    module: str
    node: ast.ClassDef

    @property
    def constructor(self) -> ast.FunctionDef | None:
        """The ``__init__`` of the class itself; None if it inherits one."""
        functions = (node for node in self.node.body if isinstance(node, ast.FunctionDef))
        return next((function for function in functions if function.name == "__init__"), None)

    def bases(self) -> list[FoundClass]:
        """Return the base classes whose source can be found."""
        names = [ast.unparse(base).partition("[")[0] for base in self.node.bases]
        found = [find_class(f"{self.module}:{name}") for name in names]
        return [base for base in found if base is not None]


def find_class(value: str) -> FoundClass | None:
    """Return the statement of a class; imports by ``from ... import`` are followed. None if it cannot be found.

    Args:
        value: import path of the class, ``package.module:Class``.
    """
    module, _, name = value.partition(":")
    for _ in range(MOST_STEPS):
        tree = _parse_module(module)
        if tree is None:
            return None
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                return FoundClass(module, node)
        origin = _import_of(tree, name, module)
        if origin is None:
            return None
        module, name = origin
    return None


def read_summary(entry: Entry) -> str:
    """Return the first sentence of the docstring of a registered class; an empty text if it cannot be found.

    >>> from seqbench.protocol import registry
    >>> read_summary(registry.find_entry(registry.ARCHITECTURES, "lstm"))
    'Long short-term memory (Hochreiter & Schmidhuber 1997) with forget gates (Gers et al. 2000).'
    """
    module, _, name = entry.value.partition(":")
    # An expression finds it ten times as fast as a syntax tree.
    pattern = rf'^class {re.escape(name)}\b[^\n]*(?:\n[ )][^\n]*)*?:\n+\s+r?"""(.*?)(?:"""|\n\s*\n)'
    match = re.search(pattern, _read_module(module), re.MULTILINE | re.DOTALL)
    if match:
        return one_line(match[1])
    found = find_class(entry.value)
    text = ast.get_docstring(found.node) if found else None
    return one_line((text or "").partition("\n\n")[0])


def read_parameters(value: str) -> list[str]:
    """Return the names of the constructor's parameters without ``self``; empty if they cannot be found.

    Args:
        value: import path of the class, ``package.module:Class``.

    >>> read_parameters("seqbench.architectures.recurrent:GRU")
    ['d_model', 'num_layers', 'dropout', 'skip']
    """
    found = find_class(value)
    for _ in range(MOST_STEPS):
        if found is None:
            return []
        if constructor := found.constructor:
            return [argument.arg for argument in (*constructor.args.args[1:], *constructor.args.kwonlyargs)]
        found = next(iter(found.bases()), None)
    return []


def read_default_encoder(entry: Entry) -> str | None:
    """Return the name of the encoder that a decoder of this architecture has by default; None if it declares none.

    A class declares it by a text in its body, ``bidirectional = "bigru"``: a registered name, or the path of a class. A
    subclass does not inherit it, because it computes something else.

    Args:
        entry: entry of the architecture.

    >>> from seqbench.protocol import registry
    >>> read_default_encoder(registry.find_entry(registry.ARCHITECTURES, "gru"))
    'bigru'
    """
    if entry.given is not None:
        declared: object = vars(getattr(entry.given, "class_of_object", entry.given)).get(TWO_WAY)
        return declared if isinstance(declared, str) else None
    found = find_class(entry.value)
    for node in found.node.body if found else ():
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(node.value, ast.Constant):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(target, ast.Name) and target.id == TWO_WAY for target in targets):
            return node.value.value if isinstance(node.value.value, str) else None
    return None


def _import_of(tree: ast.Module, name: str, module: str) -> tuple[str, str] | None:
    """Return the module and the name that a module imports under a name; None if it does not import the name."""
    for node in tree.body:
        if not isinstance(node, ast.ImportFrom):
            continue
        for alias in node.names:
            if (alias.asname or alias.name) == name:
                return _absolute_name(node, module), alias.name
    return None


def _absolute_name(node: ast.ImportFrom, module: str) -> str:
    """Return the module that a ``from ... import`` names, which may be relative to the module that contains it."""
    if not node.level:
        return node.module or ""
    file = _module_file(module)
    package = module if file is not None and file.name == "__init__.py" else module.rpartition(".")[0]
    for _ in range(node.level - 1):
        package = package.rpartition(".")[0]
    return ".".join(part for part in (package, node.module) if part)


def _parse_module(module: str) -> ast.Module | None:
    """Return the syntax tree of a module; None if its source cannot be found or read."""
    return _parse_source(_read_module(module)) if _module_file(module) else None


@cache
def _parse_source(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):  # The file of a plug-in may hold anything.
        return None


def _read_module(module: str) -> str:
    """Return the source of a module; an empty text if it cannot be found or read."""
    file = _module_file(module)
    try:
        return file.read_text(encoding="utf-8") if file else ""
    except (OSError, ValueError):
        return ""


def _module_file(module: str) -> Path | None:
    """Return the file of a module; only its top-level package is looked up, because a look-up imports the parents."""
    top, *below = module.split(".")
    if not all(part.isidentifier() for part in (top, *below)):
        return None
    if not below and (local := Path(f"{top}.py")).is_file():
        return local.resolve()
    try:
        spec = getattr(sys.modules.get(top), "__spec__", None) or importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not below and spec.origin and spec.origin.endswith(".py"):
        return Path(spec.origin)
    for folder in spec.submodule_search_locations or ():
        path = Path(folder, *below)
        for file in (path.with_name(path.name + ".py"), path / "__init__.py"):
            if file.is_file():
                return file
    return None
