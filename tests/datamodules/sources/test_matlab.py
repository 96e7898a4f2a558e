from __future__ import annotations

import io
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from seqbench.datamodules.sources import data_location, matlab, rolls
from seqbench.utils.errors import SeqbenchError


def cells(*items: Any) -> np.ndarray:
    found = np.empty((1, len(items)), object)
    for number, item in enumerate(items):
        found[0, number] = item
    return found


def collection(packed: bool = False) -> bytes:
    """Cells that hold cells that hold rolls, beside other things."""
    pieces = cells(*(np.eye(4, 88, dtype=np.uint8) for _ in range(3)))
    written = io.BytesIO()
    savemat(written, {"traindata": pieces, "other": cells(pieces, "text"), "s": {"a": 1}}, do_compression=packed)
    return written.getvalue()


def claiming(data: bytes, before: tuple[int, int], after: tuple[int, int]) -> bytes:
    """The same file with another shape in its headers."""
    assert struct.pack("<ii", *before) in data
    return data.replace(struct.pack("<ii", *before), struct.pack("<ii", *after))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", "?"])
def test_numbers_come_back_as_they_were_written(dtype: str, packed: bool) -> None:
    arrays = [np.arange(6).reshape(2, 3), np.zeros((0, 5)), np.arange(24).reshape(2, 3, 4), np.ones((1, 1))]
    arrays = [array.astype(dtype) for array in arrays]
    written = io.BytesIO()
    savemat(written, {"in": cells(*arrays), "x": arrays[0]}, do_compression=packed)
    found = matlab.read_matlab(written.getvalue())
    assert isinstance(found["in"], list)
    for array, back in zip([arrays[0], *arrays], [found["x"], *found["in"]], strict=True):
        np.testing.assert_array_equal(back, array)
        assert isinstance(back, np.ndarray)
        assert back.shape == array.shape


def test_what_is_neither_numbers_nor_cells_is_none() -> None:
    written = io.BytesIO()
    savemat(written, {"text": "abc", "struct": {"a": 1}, "complex": np.array([[1j]])})
    assert matlab.read_matlab(written.getvalue()) == {"text": None, "struct": None, "complex": None}
    other = matlab.read_matlab(collection())["other"]
    assert isinstance(other, list)
    assert isinstance(other[0], list)
    assert other[1] is None


def test_the_other_order_of_bytes_is_read_as_well() -> None:
    array = struct.pack(">IIII", 6, 8, 6, 0) + struct.pack(">IIii", 5, 8, 1, 2) + struct.pack(">IHH", 0, 0, 0)
    array = array[:-8] + struct.pack(">HH4s", 1, 1, b"x\0\0\0") + struct.pack(">IIdd", 9, 16, 1.5, 2.5)
    data = b"MATLAB 5.0".ljust(124) + struct.pack(">H", 0x100) + b"MI" + struct.pack(">II", 14, len(array)) + array
    np.testing.assert_array_equal(loadmat(io.BytesIO(data))["x"], [[1.5, 2.5]])
    np.testing.assert_array_equal(matlab.read_matlab(data)["x"], [[1.5, 2.5]])


@pytest.mark.parametrize("before", [(1, 3), (1, 2)])
def test_more_cells_than_there_are_bytes_are_refused(before: tuple[int, int]) -> None:
    data = claiming(collection(), before, (2**15, 2**15))
    with pytest.raises(ValueError, match=r"an array of 32768 x 32768 cells in [0-9]+ bytes"):
        matlab.read_matlab(data)


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ((1, 3), (1, 4), "3 cells where there should be 4"),
        ((1, 3), (-1, -3), "impossible"),
        ((4, 88), (4, 2**29), "reshape"),
    ],
)
def test_a_shape_that_does_not_hold_is_refused(before: tuple[int, int], after: tuple[int, int], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        matlab.read_matlab(claiming(collection(), before, after))


def test_the_reader_of_rolls_says_so_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "tunes.mat").write_bytes(claiming(collection(), (1, 3), (2**20, 2**20)))
    started = time.perf_counter()
    with pytest.raises(SeqbenchError, match=r"tunes\.mat cannot be read as a MATLAB file \(an array of .*; fetch it"):
        rolls.read_rolls(data_location.locate_data("jsb", str(tmp_path)))
    assert time.perf_counter() - started < 5


def test_what_unpacks_to_too_much_is_refused() -> None:
    packed = zlib.compress(bytes(2**22))
    bomb = collection()[:128] + (struct.pack("<II", 15, len(packed)) + packed) * 3
    assert matlab.read_matlab(bomb, most=2**24) == {}
    with pytest.raises(ValueError, match="it unpacks to more than"):
        matlab.read_matlab(bomb, most=2**23)  # Two of them fit, three do not.


def test_cells_within_cells_end_somewhere() -> None:
    element = b""
    for _ in range(500):
        head = struct.pack("<IIII", 6, 8, 1, 0) + struct.pack("<IIii", 5, 8, 1, 1) + struct.pack("<II", 1, 0)
        element = struct.pack("<II", 14, len(head + element)) + head + element
    with pytest.raises(ValueError, match="impossible"):
        matlab.read_matlab(collection()[:128] + element)


def test_every_cut_of_a_file_is_refused_or_has_fewer_variables() -> None:
    for packed in (False, True):
        data = collection(packed)
        for end in range(0, len(data), 7):
            try:
                assert set(matlab.read_matlab(data[:end])) < {"traindata", "other", "s"}
            except ValueError as error:
                assert str(error)


@pytest.mark.parametrize("name", ["jsb", "nottingham"])
def test_the_published_collections_are_read_as_scipy_reads_them(real_data: Path, name: str) -> None:
    (data,) = data_location.read_contents(data_location.locate_data(name), "rolls")[0].values()
    found, scipys = matlab.read_matlab(data), loadmat(io.BytesIO(data))
    for key in ("traindata", "validdata", "testdata"):
        pieces = found[key]
        assert isinstance(pieces, list)
        for ours, theirs in zip(pieces, scipys[key].ravel(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
