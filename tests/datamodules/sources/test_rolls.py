from __future__ import annotations

import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import loadmat, savemat

from seqbench.datamodules.sources import data_location, rolls
from seqbench.protocol.splits import SPLITS
from seqbench.utils.errors import SeqbenchError

NAMES = {"train": "traindata", "validation": "validdata", "test": "testdata"}
PIECES = [[[60, 64], [60], []], [[21], [108]]]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQBENCH_CACHE", str(tmp_path / "cache"))


def roll(piece: list[list[int]]) -> np.ndarray:
    result = np.zeros((len(piece), 88), np.uint8)
    for number, frame in enumerate(piece):
        result[number, [note - 21 for note in frame]] = 1
    return result


def cells(pieces: list[Any]) -> np.ndarray:
    result = np.empty((1, len(pieces)), object)
    for number, piece in enumerate(pieces):
        result[0, number] = piece
    return result


def mat(**changed: Any) -> bytes:
    written = io.BytesIO()
    savemat(written, {**{name: cells([roll(p) for p in PIECES]) for name in NAMES.values()}, **changed})
    return written.getvalue()


def as_json(**changed: Any) -> bytes:
    return json.dumps({"train": PIECES, "valid": PIECES, "test": PIECES, **changed}).encode()


def read(folder: Path, name: str, data: bytes) -> rolls.RollSplits:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)
    return rolls.read_rolls(data_location.locate_data("jsb", str(folder)))


@pytest.mark.parametrize("packed", [False, True])
def test_matlab_and_json_files_give_the_same_rolls(tmp_path: Path, packed: bool) -> None:
    written = io.BytesIO()
    savemat(written, {name: cells([roll(p) for p in PIECES]) for name in NAMES.values()}, do_compression=packed)
    # The contents of a file decide and not its name.
    for number, (name, data) in enumerate([("a.mat", written.getvalue()), ("a.json", as_json()), ("b.mat", as_json())]):
        result = read(tmp_path / str(number), name, data)
        for split in SPLITS:
            assert [piece.tolist() for piece in result.pieces(split)] == [roll(p).tolist() for p in PIECES]
        assert result.best is result.failed is None


def test_rolls_are_cached_and_memory_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = mat()  # Only once, because the header contains the time.
    first = read(tmp_path / "in", "a.mat", data)
    monkeypatch.setattr(rolls, "_parse", None)
    again = read(tmp_path / "in", "a.mat", data)
    assert again.frames["train"].tolist() == first.frames["train"].tolist()
    assert not again.frames["train"].flags.writeable


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    read(tmp_path / "in", "a.json", as_json())
    other = read(tmp_path / "in", "a.json", as_json(test=[[[33], [34], [35]]]))
    assert other.pieces("test")[0].tolist() == roll([[33], [34], [35]]).tolist()


BAD_ROLL = {"short": np.zeros((1, 88)), "narrow": np.zeros((4, 87)), "grey": np.full((4, 88), 0.5)}


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("a.mat", b"", "is empty"),
        ("a.mat", mat()[:150], "cannot be read as a MATLAB file .* download it again"),
        ("a.mat", b"MATLAB 7.3 MAT-file" + bytes(200), "is a MATLAB file of version 7.3; .* -v7"),
        ("a.mat", b"PNG not at all" * 20, "cannot be read as a MATLAB file .* it is not JSON"),
        ("a.json", b"\x89PNG\r\n\x1a\n" * 20, "is a PNG picture; .* must be in a MATLAB or JSON file"),
        ("a.mat", pickle.dumps({"train": PIECES}), "is a Python pickle, which is not read, because"),
        ("a.mat", pickle.dumps({"train": PIECES}, protocol=0), "is a Python pickle"),
        ("a.json", as_json()[:-1] + b', "test": []}', "the name 'test' occurs twice"),
        (
            "a.json",
            as_json(train=[PIECES[0], [[60], [60.5]]]),
            r"train\[1\]\[1\] has the note 60.5, which is not whole",
        ),
        ("a.json", as_json(train=[[[60], [float("nan")]]]), r"train\[0\]\[1\] has the note nan, which is not whole"),
        ("a.json", as_json(train=[[[60], [-1.0]]]), r"has the note -1.0; .* no note for a voice that rests"),
        ("a.mat", mat()[: mat().rfind(b"testdata") - 40], "(cannot be read|has no 'testdata')"),
        ("a.mat", mat(testdata=cells([np.full((4, 88), 1j)])), r"testdata\[0\] is not an array of real numbers"),
        ("a.mat", mat(traindata=np.zeros((3, 88))), "traindata is not a cell array"),
        ("a.mat", mat(validdata=cells([])), "contains no pieces for validation"),
        ("a.mat", mat(testdata=cells([roll(PIECES[0]), BAD_ROLL["short"]])), r"testdata\[1\] has 1 frame;"),
        (
            "a.mat",
            mat(testdata=cells([BAD_ROLL["narrow"]])),
            r"testdata\[0\] has the shape \(4, 87\); expected \(frames, 88\)",
        ),
        ("a.mat", mat(testdata=cells([BAD_ROLL["grey"]])), r"testdata\[0\] has values other than 0 and 1"),
        ("a.mat", mat(testdata=cells([np.full((4, 88), np.nan)])), r"testdata\[0\] has values other than 0 and 1"),
        ("a.mat", mat(testdata=cells(["text"])), r"testdata\[0\] is not an array of real numbers"),
        ("a.json", as_json()[:-9], "is not valid JSON"),
        ("a.json", b"[" * 100_000, "is not valid JSON"),
        ("a.json", b"[1, 2]", "contains a list; expected an object with train, valid and test"),
        ("a.json", b'{"train": [], "valid": []}', "has no 'test'; .* found train, valid"),
        ("a.json", as_json(valid={}), "valid is a dict; expected a list of pieces"),
        ("a.json", as_json(valid=[]), "contains no pieces for validation"),
        ("a.json", as_json(test=[[[60]]]), r"test\[0\] has 1 frame;"),
        ("a.json", as_json(test=[[60, 64]]), r"test\[0\] is not a list of frames"),
        (
            "a.json",
            as_json(train=[*PIECES, [[60], [60, 109]]]),
            r"train\[2\]\[1\] has the note 109; .* from 21 to 108",
        ),
        ("a.json", as_json(train=[[[60], [20]]]), r"train\[0\]\[1\] has the note 20"),
        ("a.json", as_json(train=[[[60], [True]]]), r"train\[0\]\[1\] has the note True"),
        ("a.json", as_json(train=[[[60], ["C4"]]]), r"train\[0\]\[1\] has the note 'C4'"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_a_file_without_piano_rolls_is_refused(tmp_path: Path, name: str, data: bytes, sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        read(tmp_path / "in", name, data)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_json_is_read_in_every_encoding_that_json_allows(tmp_path: Path, encoding: str) -> None:
    for number, name in enumerate(("a.json", "a.mat")):
        result = read(tmp_path / str(number), name, ("\n " + as_json().decode()).encode(encoding))
        assert [piece.tolist() for piece in result.pieces("test")] == [roll(p).tolist() for p in PIECES]


@given(st.lists(st.lists(st.integers(21, 108), max_size=4), min_size=2, max_size=5))
def test_whole_floats_are_the_notes_that_they_equal(piece: list[list[int]]) -> None:
    floats = [[float(note) for note in frame] for frame in piece]
    assert rolls._roll_from_notes("", floats).tolist() == roll(piece).tolist()


def test_the_validation_split_of_a_json_file_may_have_another_name(tmp_path: Path) -> None:
    for name in ("validation", "val", "dev"):
        collection = {"train": PIECES, name: PIECES[1:], "test": PIECES}
        assert len(read(tmp_path / name, "a.json", json.dumps(collection).encode()).pieces("validation")) == 1


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    written = io.BytesIO()
    savemat(written, {"traindata": cells([roll(PIECES[0])]), "other": 1})
    with pytest.raises(SeqbenchError, match=r"has no 'validdata'; .* found traindata, other"):
        read(tmp_path / "in", "a.mat", written.getvalue())


def test_the_published_matlab_and_json_files_of_the_chorales_agree(real_data: Path) -> None:
    published = rolls.read_rolls(data_location.locate_data("jsb", source="folder"))
    other = rolls.read_rolls(
        data_location.locate_data("jsb", str(real_data / "jsb-chorales" / "jsb-chorales-quarter.json"))
    )
    raw = loadmat(str(real_data / "jsb-chorales" / "JSB_Chorales.mat"))
    for split, name in NAMES.items():
        pieces = published.pieces(split)
        assert [len(piece) for piece in pieces] == [len(piece) for piece in other.pieces(split)]
        for number, piece in enumerate(pieces):
            assert (piece == other.pieces(split)[number]).all()
            assert (piece == raw[name][0, number]).all()
    assert [len(published.pieces(split)) for split in SPLITS] == [229, 76, 77]
    assert [len(published.frames[split]) for split in SPLITS] == [13_807, 4_602, 4_725]
    assert int((published.frames["test"].sum(1) == 0).sum()) == 17


def test_cells_are_read_by_column_and_integer_rolls_are_accepted(tmp_path: Path) -> None:
    pieces = [np.eye(2 + number, 88, dtype=dtype) for number, dtype in enumerate(["u1", "i4", "f8", "bool"])]
    grid = np.empty((2, 2), object)
    grid[0, 0], grid[1, 0], grid[0, 1], grid[1, 1] = pieces
    result = read(tmp_path / "in", "a.mat", mat(testdata=grid))
    assert [len(piece) for piece in result.pieces("test")] == [2, 3, 4, 5]
    assert result.frames["test"].dtype == np.uint8


def test_the_borders_separate_the_pieces(tmp_path: Path) -> None:
    result = read(tmp_path / "in", "a.json", as_json(test=[[[60]] * 2, [[61]] * 5, [[62]] * 3]))
    assert result.borders["test"].tolist() == [0, 2, 7, 10]
    assert [piece.argmax(1).tolist() for piece in result.pieces("test")] == [[39] * 2, [40] * 5, [41] * 3]


def test_nottingham_has_its_published_size(real_data: Path) -> None:
    result = rolls.read_rolls(data_location.locate_data("nottingham", source="folder"))
    assert [len(result.pieces(split)) for split in SPLITS] == [694, 173, 170]
    assert [len(result.frames[split]) for split in SPLITS] == [176_561, 45_513, 44_463]


def test_the_synthetic_source_has_best_scores() -> None:
    result = rolls.read_rolls(data_location.locate_data("jsb", source="synthetic"))
    assert result.best is not None
    assert result.best_melody is not None
    assert [len(result.pieces(split)) for split in SPLITS] == [229, 76, 77]
