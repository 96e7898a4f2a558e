"""Digests of values that stay the same from process to process, and the definitions that the values refer to.

A value is digested by its text if that states all of it, else by its pickle. Tensors and arrays are replaced by their
dtype, shape and bytes, and sets by their sorted items, because their pickles depend on the process.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import pickle
import sys
from types import FunctionType
from typing import Any

Definition = type | FunctionType
"""A class or a function inside of a value; its pickle would hold its path alone."""

PROTOCOL = 4
"""Protocol of the pickles: the same one for every version of Python."""

_PLAIN = (type(None), bool, int, float, complex, str, bytes)


def value_digest(value: object) -> str:
    """Return the digest of a value.

    >>> value_digest({"a", "b"}) == value_digest({"b", "a"})
    True
    """
    return digest_and_definitions(value)[0]


def digest_and_definitions(value: object) -> tuple[str, list[Definition]]:
    """Return the digest of a value, and the classes and functions inside of it, whose sources the digest leaves out.

    The digest of a value that cannot be pickled is that of its type.
    """
    with contextlib.suppress(RecursionError):  # A list may hold itself.
        if _is_plain(value):
            return hashlib.sha256(ascii(value).encode()).hexdigest(), []
    definitions: list[Definition] = []
    for fast in (True, False):  # The fast form does not depend on which equal parts are one object; it has no cycles.
        try:
            return hashlib.sha256(_pickle(value, definitions, fast)).hexdigest(), definitions
        # Any object may be part of a script, and its methods may raise any error.
        except Exception:
            continue
    definitions.append(type(value))
    return hashlib.sha256(definition_path(type(value)).encode()).hexdigest(), definitions


class _Pickler(pickle.Pickler):
    """Pickles a value; parts whose pickles depend on the process, or hold a path alone, are replaced."""

    def __init__(self, file: io.BytesIO, definitions: list[Definition], fast: bool) -> None:
        super().__init__(file, protocol=PROTOCOL)
        self.fast, self._definitions = fast, definitions

    def persistent_id(self, value: Any) -> object:  # Any: the parts of a value are of any type.
        """Return what stands for a part of the value; None for a part that is pickled as usual."""
        if isinstance(value, type | FunctionType):
            if not any(value is found for found in self._definitions):
                self._definitions.append(value)
            return ("definition", definition_path(value))
        if isinstance(value, set | frozenset):
            return (definition_path(type(value)), *sorted(self._digest(item) for item in value))
        return _array_contents(value)

    def _digest(self, item: object) -> str:
        return hashlib.sha256(_pickle(item, self._definitions, bool(self.fast))).hexdigest()


def _pickle(value: object, definitions: list[Definition], fast: bool) -> bytes:
    file = io.BytesIO()
    _Pickler(file, definitions, fast).dump(value)
    return file.getvalue()


def _array_contents(value: Any) -> object:  # Any: tensors and arrays, whose libraries may not be imported here.
    """Return the type, dtype, shape and bytes of a tensor or of an array; None for any other value."""
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    try:
        if torch is not None and isinstance(value, torch.Tensor):
            flat = value.detach().cpu().clone(memory_format=torch.contiguous_format).reshape(-1).view(torch.uint8)
            return (definition_path(type(value)), str(value.dtype), tuple(value.shape), flat.numpy().tobytes())
        if numpy is not None and isinstance(value, numpy.ndarray) and not value.dtype.hasobject:
            return (definition_path(type(value)), value.dtype.str, value.shape, value.tobytes())
    # A sparse tensor or one on the meta device has no such bytes.
    except (RuntimeError, TypeError, NotImplementedError):
        return None
    return None


def definition_path(definition: Definition) -> str:
    """Return the path of a class or a function for digests: that of seqbench's own lacks the module, which may move.

    >>> from seqbench.protocol.batches import Keys
    >>> definition_path(Keys)
    'seqbench:Keys'
    """
    module = str(definition.__module__)  # A function that code has made may have None.
    return f"{'seqbench' if module.startswith('seqbench.') else module}:{definition.__qualname__}"


def _is_plain(value: object) -> bool:
    """Return whether the text of a value states all of it."""
    if type(value) in (list, tuple):
        return all(_is_plain(item) for item in value)  # type: ignore[attr-defined]  # A list or a tuple, see above.
    if type(value) is dict:
        return all(_is_plain(key) and _is_plain(item) for key, item in value.items())
    return type(value) in _PLAIN
