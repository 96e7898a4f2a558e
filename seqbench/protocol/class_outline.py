"""The summary and the options of a registered class, read from its source without importing it.

The command line lists and completes names. Importing the classes would import torch, which takes seconds.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from functools import cache
from pathlib import Path

from seqbench.protocol.registry import Entry
from seqbench.utils.errors import one_line

MOST_BASES = 8
"""Largest number of base classes that are searched for a constructor."""


def read_summary(entry: Entry) -> str:
    """Return the first sentence of the docstring of a registered class; an empty text if it cannot be found.

    >>> from seqbench.protocol import registry
    >>> read_summary(registry.find_entry(registry.ARCHITECTURES, "lstm"))
    'Long short-term memory (Hochreiter & Schmidhuber 1997) with forget gates (Gers et al. 2000).'
    """
    module, _, name = entry.value.partition(":")
    text = _read_source(module)
    match = re.search(
        rf'^class {re.escape(name)}\b[^\n]*(?:\n[ )][^\n]*)*?:\n+\s+r?"""(.*?)(?:"""|\n\s*\n)', text, re.M | re.S
    )
    return one_line(match[1]) if match else ""


def read_parameters(value: str) -> list[str]:
    """Return the names of the constructor's parameters without ``self``; empty if they cannot be found.

    Args:
        value: import path of the class, ``package.module:Class``.

    >>> read_parameters("seqbench.architectures.recurrent:GRU")
    ['d_model', 'num_layers', 'dropout', 'skip']
    """
    module, _, name = value.partition(":")
    for _ in range(MOST_BASES):
        try:
            tree = ast.parse(_read_source(module))
        except (SyntaxError, ValueError):
            return []
        found = next((node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name), None)
        if found is None:
            return []
        for node in found.body:
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                return [argument.arg for argument in (*node.args.args[1:], *node.args.kwonlyargs)]
        bases = [ast.unparse(base).partition("[")[0] for base in found.bases]
        if not bases:
            return []
        module, name = _origin(tree, bases[0], module)
    return []


def _origin(tree: ast.Module, name: str, module: str) -> tuple[str, str]:
    """Return the module and the name of a base class: imported by ``from ... import``, or of the same module."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return node.module, alias.name
    return module, name


@cache
def _read_source(module: str) -> str:
    """Return the source of a module, found without importing its packages; an empty text if there is none."""
    top, *below = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return ""
    if spec is None:
        return ""
    folders = [Path(folder, *below) for folder in spec.submodule_search_locations or ()]
    paths = [path for folder in folders for path in (folder.with_suffix(".py"), folder / "__init__.py")]
    if not below and spec.origin:
        paths.insert(0, Path(spec.origin))
    for path in paths:
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, ValueError):
            continue
    return ""
