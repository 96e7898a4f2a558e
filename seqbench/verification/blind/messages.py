r"""Messages between the process with the targets and the process of the net: a header in JSON, then bytes of arrays.

What comes from the process of the net is hostile. A reader therefore accepts plain data and numbers alone, and nothing
that could execute code; it checks sizes, types and shapes before it reserves memory.

The bytes of a message are ``SBN1``, the length of the header (4 bytes), the header, and the arrays in the order of
the header::

    {"kind": "hidden", "values": {}, "arrays": [{"name": "hidden", "dtype": "float32", "shape": [4, 10, 32]}]}
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from seqbench.utils.errors import SeqbenchError, one_line
from seqbench.utils.number_format import counted
from seqbench.utils.plain_data import parse_json, short_repr

if TYPE_CHECKING:
    from pydantic import JsonValue

MARK = b"SBN1"
"""First bytes of each message: the name and the version of the format."""

ITEM_BYTES: Mapping[str, int] = MappingProxyType(
    {
        **{"bool": 1, "uint8": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8},
        **{"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8, "complex64": 8, "complex128": 16},
    }
)
"""Bytes of one number of each type that an array may have; the names are those of PyTorch."""

ReadExactly = Callable[[int], bytearray]
"""Function that returns exactly as many bytes as it is asked for, or raises a ``SeqbenchError``."""


@dataclass(frozen=True)
class RawArray:
    """An array of numbers as bytes, row by row, in the byte order of this machine.

    Args:
        dtype: type of the numbers, one of ``ITEM_BYTES``.
        shape: number of entries along each axis.
        data: the bytes.
    """

    dtype: str
    shape: tuple[int, ...]
    data: bytes | bytearray | memoryview

    @property
    def size(self) -> int:
        """Number of bytes that the type and the shape need."""
        return ITEM_BYTES[self.dtype] * math.prod(self.shape)


@dataclass(frozen=True)
class Message:
    """A request to the process of a net, or its answer.

    Args:
        kind: what is asked or answered.
        values: plain data.
        arrays: arrays by name.
    """

    kind: str
    values: Mapping[str, JsonValue] = field(default_factory=dict)
    arrays: Mapping[str, RawArray] = field(default_factory=dict)


@dataclass(frozen=True)
class Limits:
    """The largest message that a reader accepts.

    Args:
        header_bytes: bytes of the header.
        array_bytes: bytes of all arrays together.
        arrays: number of arrays.
        axes: number of axes of an array.
        dtypes: types that an array may have.
    """

    header_bytes: int = 1_000_000
    array_bytes: int = 4_000_000_000
    arrays: int = 16
    axes: int = 8
    dtypes: frozenset[str] = frozenset(ITEM_BYTES)


def encode_message(message: Message) -> Iterator[bytes | bytearray | memoryview]:
    """Return the parts of a message, to be sent one after the other.

    Raises:
        SeqbenchError: an array has another number of bytes than its shape says.

    >>> parts = list(encode_message(Message("stop")))
    >>> len(parts), parts[0][:4]
    (1, b'SBN1')
    """
    arrays = [{"name": n, "dtype": a.dtype, "shape": list(a.shape)} for n, a in message.arrays.items()]
    header = json.dumps({"kind": message.kind, "values": dict(message.values), "arrays": arrays}).encode()
    for name, array in message.arrays.items():
        if memoryview(array.data).nbytes != array.size:
            raise SeqbenchError(f"the array '{name}' has {memoryview(array.data).nbytes} bytes, expected {array.size}")
    yield MARK + struct.pack("<I", len(header)) + header
    for array in message.arrays.values():
        yield array.data


def decode_message(read: ReadExactly, limits: Limits | None = None, sender: str = "the net process") -> Message:
    """Read one message and check it.

    Args:
        read: function that returns the next bytes.
        limits: the largest message to accept; None for the default.
        sender: who has sent the message, for error messages.

    Raises:
        SeqbenchError: the message is malformed or too large; the sentence says what came.
    """
    limits = limits or Limits()
    start = bytes(read(len(MARK) + 4))
    if start[: len(MARK)] != MARK:
        raise SeqbenchError(f"{sender} sent {short_repr(start)} where a message starts with {MARK!r}")
    (length,) = struct.unpack("<I", start[len(MARK) :])
    if length > limits.header_bytes:
        raise SeqbenchError(
            f"{sender} sent a header of {length:,} bytes; at most {limits.header_bytes:,} bytes are accepted"
        )
    header = _parse_header(bytes(read(length)), sender)
    described = _described_arrays(header["arrays"], limits, sender)
    arrays = {name: RawArray(empty.dtype, empty.shape, read(empty.size)) for name, empty in described.items()}
    kind, values = header["kind"], header["values"]
    assert isinstance(kind, str)
    assert isinstance(values, dict)
    return Message(kind, values, arrays)


def _parse_header(text: bytes, sender: str) -> dict[str, JsonValue]:
    """Return the header, whose keys and their types are checked.

    Raises:
        SeqbenchError: the header is not strict JSON, or has other keys.
    """
    try:
        header = parse_json(text, "the header")
    except (ValueError, SeqbenchError) as error:
        raise SeqbenchError(f"{sender} sent a header that is not strict JSON: {one_line(error, 200)}") from error
    expected = {"kind": str, "values": dict, "arrays": list}
    if not isinstance(header, dict) or set(header) != set(expected):
        raise SeqbenchError(f"{sender} sent the header {short_repr(header)}; expected {', '.join(expected)}")
    for key, kind in expected.items():
        if not isinstance(header[key], kind):
            raise SeqbenchError(
                f"{sender} sent a header whose {key} is {short_repr(header[key])}, expected {kind.__name__}"
            )
    return header


def _described_arrays(items: JsonValue, limits: Limits, sender: str) -> dict[str, RawArray]:
    """Return the arrays of a header without their bytes.

    Raises:
        SeqbenchError: an array has another type, too many axes or a wrong size, or the arrays are too many or too
            large.
    """
    assert isinstance(items, list)
    if len(items) > limits.arrays:
        raise SeqbenchError(f"{sender} sent {counted(len(items), 'array')}; at most {limits.arrays} are accepted")
    arrays: dict[str, RawArray] = {}
    for item in items:
        name, array = _described_array(item, limits, sender)
        if name in arrays:
            raise SeqbenchError(f"{sender} sent two arrays with the name {short_repr(name)}")
        arrays[name] = array
    size = sum(array.size for array in arrays.values())
    if size > limits.array_bytes:
        raise SeqbenchError(
            f"{sender} sent arrays of {counted(size, 'byte')}; at most {limits.array_bytes:,} bytes are accepted"
        )
    return arrays


def _described_array(item: JsonValue, limits: Limits, sender: str) -> tuple[str, RawArray]:
    """Return the name of an array and the array without its bytes.

    Raises:
        SeqbenchError: the description of the array is malformed.
    """
    if not isinstance(item, dict) or set(item) != {"name", "dtype", "shape"}:
        raise SeqbenchError(f"{sender} described an array by {short_repr(item)}; expected name, dtype and shape")
    name, dtype, shape = item["name"], item["dtype"], item["shape"]
    if not isinstance(name, str) or not isinstance(dtype, str) or dtype not in limits.dtypes:
        raise SeqbenchError(
            f"{sender} sent the array {short_repr(name)} of type {short_repr(dtype)}; accepted are "
            f"{', '.join(sorted(limits.dtypes))}"
        )
    if not isinstance(shape, list) or len(shape) > limits.axes:
        raise SeqbenchError(f"{sender} sent the array {short_repr(name)} with the shape {short_repr(shape)}")
    sizes = [size for size in shape if isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 2**40]
    if len(sizes) != len(shape):
        raise SeqbenchError(f"{sender} sent the array {short_repr(name)} with the shape {short_repr(shape)}")
    return name, RawArray(dtype, tuple(sizes), b"")
