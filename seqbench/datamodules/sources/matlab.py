"""Numbers and cells of a MATLAB file (format 5 to 7), read with every claim of its headers checked.

After the published "MAT-File Format" (The MathWorks). A reader of our own, because such files come from strangers:
scipy's runs into memory that is not its own on some damaged ones, and makes room for as many cells as a header names.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator

import numpy as np

from seqbench.datamodules.sources.data_files import MOST_BYTES
from seqbench.utils.plain_data import DEEPEST

Value = np.ndarray | list["Value"] | None
"""Numbers in the shape they have, the items of a cell array column by column, or None for anything else."""

_ORDERS = {b"IM": "<", b"MI": ">"}
_HEADER, _TAG = 128, 8
_MATRIX, _COMPRESSED = 14, 15
_CELL, _NUMERIC = 1, range(6, 16)
_COMPLEX = 0x800
_DTYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}


def read_matlab(data: bytes, most: int = MOST_BYTES) -> dict[str, Value]:
    """The variables of a file, by name.

    Args:
        data: all of it.
        most: bytes that it may unpack to.

    Raises:
        ValueError: it is none, is damaged, or unpacks to more.
    """
    order = _ORDERS.get(data[126:_HEADER])
    if order is None or struct.unpack_from(f"{order}H", data, 124) != (0x100,):
        raise ValueError("it has no header of format 5 to 7")
    found: dict[str, Value] = {}
    for kind, element in _elements(memoryview(data)[_HEADER:], order):
        if kind == _COMPRESSED:
            whole = _unpacked(element, most)
            most -= len(whole)
            kind, element = next(_elements(memoryview(whole), order), (0, element))  # It holds one and no more.
        if kind == _MATRIX:
            name, value = _matrix(element, order)
            found[name] = value
    return found


def _unpacked(element: memoryview, most: int) -> bytes:
    try:
        whole = zlib.decompressobj().decompress(element, most + 1)
    except zlib.error as error:
        raise ValueError(f"a damaged part: {error}") from error
    if len(whole) > most:
        raise ValueError(f"it unpacks to more than {MOST_BYTES / 2**20:,.0f} MiB")
    return whole


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Type and bytes of each element; a small one stands within its tag."""
    place = 0
    while place + _TAG <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, place)
        start = place + _TAG
        if kind >> 16:  # The size is in the upper half, and at most four bytes follow.
            kind, size, start = kind & 0xFFFF, kind >> 16, place + 4
            place += _TAG
            if size > 4:
                raise ValueError("a damaged tag")
        else:
            # Compressed elements alone are not padded to eight bytes.
            place = start + (size if kind == _COMPRESSED else -(-size // _TAG) * _TAG)
        if start + size > len(data):
            raise ValueError("it is cut short")
        yield kind, data[start : start + size]


def _matrix(element: memoryview, order: str, depth: int = 0) -> tuple[str, Value]:
    """An array's name and value."""
    if not element:  # An empty cell.
        return "", np.zeros((0, 0))
    parts = _elements(element, order)
    flags, sizes, name = (bytes(next(parts, (0, b""))[1]) for _ in range(3))
    if len(flags) != 8:
        raise ValueError("an array without flags")
    (first,) = struct.unpack_from(f"{order}I", flags)
    shape = [int(size) for size in np.frombuffer(sizes, f"{order}i4")]
    count = math.prod(shape)
    if min(shape, default=-1) < 0 or depth > DEEPEST:
        raise ValueError("an array of impossible shape")
    value: Value = None
    if first & 0xFF == _CELL:
        # Each cell has a tag of its own.
        if count > len(element) // _TAG:
            raise ValueError(f"an array of {' x '.join(map(str, shape))} cells in {len(element)} bytes")
        value = [_matrix(inner, order, depth + 1)[1] for kind, inner in parts if kind == _MATRIX]
        if len(value) != count:
            raise ValueError(f"{len(value)} cells where there should be {count}")
    elif first & 0xFF in _NUMERIC and not first & _COMPLEX:
        kind, numbers = next(parts, (0, memoryview(b"")))
        if kind not in _DTYPES:
            raise ValueError("numbers of no known type")
        # Raises where there are more or fewer than the shape says.
        value = np.frombuffer(numbers, f"{order}{_DTYPES[kind]}").reshape(shape, order="F")
    return name.decode("latin-1"), value
