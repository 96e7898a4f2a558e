"""Defaults of a class's arguments, read from its source: importing the class may import torch, which takes seconds."""

from __future__ import annotations

import ast
import functools
import importlib.util
import math
import sys
from collections.abc import Mapping
from pathlib import Path


def signature_defaults(class_path: str) -> Mapping[str, object] | None:
    """Return the defaults of a class's arguments without importing its module.

    A base class is followed into the files of its own top-level package.

    Args:
        class_path: ``package.module:Class``.

    Returns:
        The defaults by name; an argument whose default is another expression than a constant is left out. None if the
        source cannot be read.

    >>> signature_defaults("seqbench.architectures.recurrent:GRU")["num_layers"]
    1
    """
    module, _, name = class_path.partition(":")
    try:
        return _class_defaults(module, name, frozenset())
    except (OSError, SyntaxError, ValueError, RecursionError):  # The file of a plug-in may hold anything.
        return None


def _class_defaults(module: str, name: str, seen: frozenset[tuple[str, str]]) -> dict[str, object] | None:
    tree = _parse_module(module)
    if tree is None or (module, name) in seen:
        return None
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return _defaults_of_node(node, module, tree, seen | {(module, name)})
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                if (alias.asname or alias.name) == name and _same_package(module, node.module):
                    return _class_defaults(node.module, alias.name, seen | {(module, name)})
    return None


def _defaults_of_node(
    node: ast.ClassDef, module: str, tree: ast.Module, seen: frozenset[tuple[str, str]]
) -> dict[str, object] | None:
    """Return the defaults of a class statement: of its ``__init__``, and of base classes to which it passes more."""
    init = next((one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"), None)
    own = _function_defaults(init.args) if init else {}
    if init is not None and init.args.kwarg is None:
        return own
    bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
    inherited = [_class_defaults(module, base, seen) for base in bases]
    known = [defaults for defaults in inherited if defaults is not None]
    if not known:
        return own if init is not None else None
    return {**known[0], **own}


def _function_defaults(arguments: ast.arguments) -> dict[str, object]:
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = list(zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True))
    pairs += [
        (argument, default)
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is not None
    ]
    defaults: dict[str, object] = {}
    for argument, default in pairs:
        try:
            defaults[argument.arg] = _constant(default)
        except (ValueError, TypeError, SyntaxError, ArithmeticError):
            continue
    return defaults


def _constant(node: ast.expr) -> object:
    """Return the value of a literal, of ``math.pi``, or of a product of two constants.

    Raises:
        ValueError: the expression is something else.
    """
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        left, right = _constant(node.left), _constant(node.right)
        if isinstance(left, int | float) and isinstance(right, int | float):
            return left * right
    if ast.unparse(node) == "math.pi":
        return math.pi
    value: object = ast.literal_eval(node)
    return value


@functools.cache
def _parse_module(module: str) -> ast.Module | None:
    """Return the syntax tree of a module; None if it has no source file."""
    file = _module_file(module)
    return None if file is None else ast.parse(file.read_text(encoding="utf-8"))


def _module_file(module: str) -> Path | None:
    """Return the file of a module; only its top-level package is looked up, because a look-up imports the parents."""
    top, *rest = module.split(".")
    if not all(part.isidentifier() for part in (top, *rest)):
        return None
    if not rest and (local := Path(f"{top}.py")).is_file():
        return local
    loaded = sys.modules.get(top)
    spec = getattr(loaded, "__spec__", None) or importlib.util.find_spec(top)
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
    for folder in spec.submodule_search_locations or ():
        path = Path(folder, *rest)
        for file in (path.with_name(path.name + ".py"), path / "__init__.py"):
            if file.is_file():
                return file
    return None


def _same_package(module: str, other: str) -> bool:
    return module.partition(".")[0] == other.partition(".")[0]
