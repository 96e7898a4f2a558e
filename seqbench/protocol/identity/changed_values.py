"""Values of an imported module that other code has changed since, so that the source no longer states what is trained.

For example, ``my_file.MyNet.dilation = 2`` in a script changes the network and not its file.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import FunctionType, ModuleType

from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import short_repr

PLAIN = (int, float, str, bool, tuple, type(None))
"""Types of the constants that are compared; nothing can change such a value but an assignment."""


def check_unchanged_values(module: ModuleType, source: bytes) -> None:
    """Compare the constants of a module and of its classes, and the methods of its classes, with its source.

    Only what the source states once is compared: a name with a literal value, and a method without a decorator. A name
    that the source itself assigns in another place may have any value.

    Args:
        module: the imported module.
        source: its source.

    Raises:
        SeqbenchError: a value or a method is not that of the source.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # A compiled extension.
        return
    elsewhere = set(_assigned_elsewhere(tree))
    for values, place, body in _namespaces(module, tree):
        bound = Counter(_bound_names(body))
        for node in body:
            for name, stated in _literals(node):
                now = values.get(name, stated)
                if bound[name] == 1 and name not in elsewhere and type(now) in PLAIN and not _is_same(now, stated):
                    raise _changed(
                        module, f"{place}.{name}", f"{short_repr(stated)} in the file, {short_repr(now)} now"
                    )
            if isinstance(node, ast.FunctionDef) and bound[node.name] == 1 and node.name not in elsewhere:
                _check_method(module, node, values, place)


def _namespaces(module: ModuleType, tree: ast.Module) -> Iterator[tuple[Mapping[str, object], str, list[ast.stmt]]]:
    """Yield the values, the name and the statements of a module and of each plain class at its top level."""
    yield vars(module), module.__name__, tree.body
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.decorator_list:
            cls = vars(module).get(node.name)
            if type(cls) is type and cls.__module__ == module.__name__:
                yield vars(cls), node.name, node.body


def _literals(node: ast.stmt) -> Iterator[tuple[str, object]]:
    """Yield the names that a statement assigns, with their value, if it is a plain literal."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
        return
    try:
        value: object = ast.literal_eval(node.value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return
    if type(value) in PLAIN:
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        yield from ((name, value) for name in names if not name.startswith("__"))


def _bound_names(body: Sequence[ast.AST]) -> Iterator[str]:
    """Yield each name that the statements bind in their own namespace, also in branches and loops."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
            continue
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        yield from _bound_names(list(ast.iter_child_nodes(node)))


def _assigned_elsewhere(tree: ast.Module) -> Iterator[str]:
    """Yield each name that the source assigns as an attribute of an object, or from a function.

    A name that is computed, as in ``setattr(cls, name, value)``, may be any name of the source.
    """
    computed = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            yield node.attr
        elif isinstance(node, ast.Global | ast.Nonlocal):
            yield from node.names
        elif isinstance(node, ast.Name) and node.id in ("setattr", "globals", "vars", "exec"):
            computed = True
    if computed:
        for body in (tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))):
            yield from _bound_names(body)


def _check_method(module: ModuleType, node: ast.FunctionDef, values: Mapping[str, object], place: str) -> None:
    """Check that a function is still one of its module.

    Raises:
        SeqbenchError: a function of another module has replaced it.
    """
    now = values.get(node.name)
    if not node.decorator_list and isinstance(now, FunctionType) and now.__module__ != module.__name__:
        raise _changed(module, f"{place}.{node.name}", f"a function of {now.__module__} has replaced it")


def _is_same(value: object, stated: object) -> bool:
    return type(value) is type(stated) and value == stated


def _changed(module: ModuleType, place: str, change: str) -> SeqbenchError:
    return SeqbenchError(
        f"{place} was changed after {module.__name__} was imported ({change}), so the file does not state what would "
        f"be trained; change the file, or make the value an option of __init__."
    )
