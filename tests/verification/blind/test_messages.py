from __future__ import annotations

import json
import struct
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqbench.utils.errors import SeqbenchError
from seqbench.verification.blind.messages import (
    ITEM_BYTES,
    MARK,
    Limits,
    Message,
    RawArray,
    ReadExactly,
    decode_message,
    encode_message,
)

SMALL = Limits(header_bytes=10_000, array_bytes=10_000)


def reader(data: bytes) -> ReadExactly:
    """Return a function that reads the data, and raises as a pipe does where they end."""
    position = 0

    def read(count: int) -> bytearray:
        nonlocal position
        part = bytearray(data[position : position + count])
        position += count
        if len(part) < count:
            raise SeqbenchError("the pipe ended")
        return part

    return read


def encode(message: Message) -> bytes:
    return b"".join(bytes(part) for part in encode_message(message))


def with_header(header: object, data: bytes = b"") -> bytes:
    """Return a message with a header of any form."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return MARK + struct.pack("<I", len(text)) + text + data


def with_array(**described: object) -> bytes:
    """Return a message with one array whose description has changes."""
    array = {"name": "x", "dtype": "float32", "shape": [2], **described}
    return with_header({"kind": "answer", "values": {}, "arrays": [array]}, b"\0" * 8)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@st.composite
def arrays(draw: st.DrawFn) -> RawArray:
    dtype = draw(st.sampled_from(sorted(ITEM_BYTES)))
    shape = tuple(draw(st.lists(st.integers(0, 3), max_size=3)))
    size = RawArray(dtype, shape, b"").size
    return RawArray(dtype, shape, bytearray(draw(st.binary(min_size=size, max_size=size))))


messages = st.builds(
    Message,
    st.text(max_size=10),
    st.dictionaries(st.text(max_size=5), plain, max_size=3),
    st.dictionaries(st.text(max_size=5), arrays(), max_size=3),
)


@given(messages)
def test_a_message_comes_back_as_it_was_sent(message: Message) -> None:
    assert decode_message(reader(encode(message)), SMALL) == message


@given(messages, st.data())
def test_a_message_with_changed_bytes_is_read_as_plain_data_or_refused_in_a_sentence(
    message: Message, data: st.DataObject
) -> None:
    broken = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = decode_message(reader(bytes(broken)), SMALL)
    except SeqbenchError as error:
        assert str(error)
    else:
        assert isinstance(read.kind, str)
        assert all(len(array.data) == array.size for array in read.arrays.values())


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_in_a_sentence(data: bytes) -> None:
    for text in (data, with_header(data)):
        with pytest.raises(SeqbenchError):
            decode_message(reader(text), SMALL)


@given(messages, st.data())
def test_a_message_that_ends_early_is_refused(message: Message, data: st.DataObject) -> None:
    text = encode(message)
    with pytest.raises(SeqbenchError, match="the pipe ended"):
        decode_message(reader(text[: data.draw(st.integers(0, len(text) - 1))]), SMALL)


@pytest.mark.parametrize(
    ("described", "sentence"),
    [
        ({"dtype": "object"}, "the array 'x' of type 'object'; accepted are bfloat16"),
        ({"dtype": None}, "of type None"),
        ({"shape": [-1]}, r"with the shape \[-1\]"),
        ({"shape": [True]}, r"with the shape \[True\]"),
        ({"shape": [2.0]}, r"with the shape \[2.0\]"),
        ({"shape": [1] * 9}, "with the shape"),
        ({"shape": "2"}, "with the shape '2'"),
        ({"shape": [2**50]}, "with the shape"),
        ({"shape": [2**39, 2**39]}, "at most 10,000 bytes are accepted"),
        ({"shape": [2501]}, "arrays of 10,004 bytes; at most 10,000 bytes are accepted"),
        ({"name": 3}, "the array 3 of type"),
        ({"pickle": "x"}, "expected name, dtype and shape"),
    ],
)
def test_an_array_that_is_not_accepted_is_described(described: Mapping[str, object], sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        decode_message(reader(with_array(**described)), SMALL)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"\x80\x04\x95pickled", "where a message starts with b'SBN1'"),
        (MARK + struct.pack("<I", 2**31), "a header of 2,147,483,648 bytes; at most 10,000 bytes"),
        (with_header(b'{"kind": NaN, "values": {}, "arrays": []}'), "not strict JSON"),
        (with_header(b"[" * 5000), "not strict JSON"),
        (with_header(b'{"kind": "a", "values": {"x": 1e999}, "arrays": []}'), "not strict JSON"),
        (with_header({"kind": "a", "values": {}}), "expected kind, values, arrays"),
        (with_header({"kind": 1, "values": {}, "arrays": []}), "whose kind is 1, expected str"),
        (with_header({"kind": "a", "values": [], "arrays": []}), "whose values is"),
        (with_header({"kind": "a", "values": {}, "arrays": [3]}), "described an array by 3"),
        (with_header({"kind": "a", "values": {}, "arrays": [{}] * 17}), "sent 17 arrays; at most 16"),
    ],
)
def test_a_malformed_message_is_described(text: bytes, sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        decode_message(reader(text), SMALL)


def test_an_array_of_another_size_than_its_shape_is_not_sent() -> None:
    with pytest.raises(SeqbenchError, match="has 3 bytes, expected 8"):
        encode(Message("answer", arrays={"x": RawArray("float32", (2,), b"abc")}))


def test_two_arrays_of_one_name_are_refused() -> None:
    described = {"name": "x", "dtype": "uint8", "shape": [1]}
    text = with_header({"kind": "answer", "values": {}, "arrays": [described, described]}, b"ab")
    with pytest.raises(SeqbenchError, match="two arrays with the name 'x'"):
        decode_message(reader(text), SMALL)
