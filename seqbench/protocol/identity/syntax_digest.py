"""Digest of Python source that comments, docstrings and formatting do not change.

An edit that cannot change what a program computes keeps the digest, so that a finished run stays the run of its net
after a comment was added or an editor has formatted the file. The digest covers the syntax tree. It does not depend on
the version of Python, because it leaves out the fields of the tree that are empty.
"""

from __future__ import annotations

import ast
import hashlib
from functools import lru_cache

_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_IGNORED_FIELDS = ("type_comment", "type_ignores", "kind", "ctx")


@lru_cache(maxsize=4096)
def source_digest(source: bytes) -> str:
    r"""Return the SHA-256 (hex) of Python source, without comments, docstrings and formatting.

    A file that is not Python, such as a compiled extension, is digested as it is.

    >>> source_digest(b"x = 1") == source_digest(b"x   =  1  # one\n")
    True
    >>> source_digest(b"x = 1") == source_digest(b"x = 2")
    False
    """
    try:
        text = syntax_text(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # No Python, or nested too deeply.
        return hashlib.sha256(source).hexdigest()
    return hashlib.sha256(text.encode()).hexdigest()


def syntax_text(tree: ast.AST) -> str:
    """Return a syntax tree as one text, without docstrings and positions."""
    parts: list[str] = []
    _append_value(tree, parts)
    return "".join(parts)


def _append_value(value: object, parts: list[str]) -> None:
    if isinstance(value, ast.AST):
        parts.append(f"{type(value).__name__}(")
        for name in value._fields:
            child: object = getattr(value, name, None)
            if name == "body" and isinstance(value, _WITH_DOCSTRING) and isinstance(child, list) and _is_text(child):
                child = child[1:]
            if child is not None and child != [] and name not in _IGNORED_FIELDS:
                parts.append(f"{name}=")
                _append_value(child, parts)
        parts.append(")")
    elif isinstance(value, list):
        parts.append("[")
        for item in value:
            _append_value(item, parts)
            parts.append(",")
        parts.append("]")
    else:
        parts.append(ascii(value))  # `repr` of a character depends on the version of Unicode.


def _is_text(body: list[ast.stmt]) -> bool:
    """Return whether a body starts with a docstring."""
    first = body[0] if body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
