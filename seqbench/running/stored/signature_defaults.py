"""Defaults of a class's arguments, read from its source: importing the class may import torch, which takes seconds."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping

from seqbench.protocol.class_outline import MOST_STEPS, FoundClass, find_class


def signature_defaults(class_path: str) -> Mapping[str, object] | None:
    """Return the defaults of a class's arguments without importing its module.

    Args:
        class_path: ``package.module:Class``.

    Returns:
        The defaults by name; an argument whose default is another expression than a constant is left out. None if the
        source cannot be read.

    >>> signature_defaults("seqbench.architectures.recurrent:GRU")["num_layers"]
    1
    """
    found = find_class(class_path)
    return None if found is None else _class_defaults(found, MOST_STEPS)


def _class_defaults(found: FoundClass, steps: int) -> dict[str, object] | None:
    """Return the defaults of a class: of its ``__init__``, and of base classes to which it passes more."""
    init = found.constructor
    own = _function_defaults(init.args) if init else {}
    if init is not None and init.args.kwarg is None:
        return own
    inherited = [_class_defaults(base, steps - 1) for base in found.bases()] if steps else []
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
