from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seqbench.datamodules.sources import chorales, data_location, prepared_cache, rolls

music21 = pytest.importorskip("music21")


def test_a_few_chorales_become_rolls() -> None:
    result = chorales.read_chorales(limit=3)
    pieces = [piece for split in result.splits.values() for piece in split]
    assert (len(pieces), result.failed) == (3, 0)
    for piece in pieces:
        assert piece.shape[1] == 88
        assert set(np.unique(piece)) == {0, 1}
        # Four voices, which rarely rest and sometimes sound the same note.
        assert 3 < piece.sum(1).mean() <= 4.2


def test_a_frame_contains_the_notes_that_sound_at_a_quarter_note() -> None:
    from music21 import chord, note, stream

    score = stream.Score()
    part = stream.Part()
    for pitch, start, length in (("C4", 0, 2), ("E4", 2, 0.5), ("F4", 2.5, 0.5), ("G4", 3, 1.5), ("A4", 4.5, 0.5)):
        part.insert(start, note.Note(pitch, quarterLength=length))
    part.insert(1, note.Note("B4").getGrace())
    part.insert(3, chord.Chord(["C3", "E3"], quarterLength=1))
    score.insert(0, part)
    result = chorales.score_frames(score)
    assert [(np.flatnonzero(frame) + 21).tolist() for frame in result] == [[60], [60], [64], [48, 52, 67], [67]]


def test_a_piece_that_cannot_be_parsed_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    titles = {"0.0": "There is no such piece", **dict(list(chorales._chorale_titles().items())[:1])}
    monkeypatch.setattr(chorales, "_chorale_titles", lambda: titles)
    result = chorales.read_chorales()
    assert result.failed == 1
    assert sum(map(len, result.splits.values())) == 1


def test_titles_are_divided_60_20_20_by_a_hash() -> None:
    titles = chorales._chorale_titles()
    assert len(titles) > 340
    count = Counter(chorales.split_of_title(title) for title in set(titles.values()))
    assert 0.5 < count["train"] / count.total() < 0.7
    assert min(count["validation"], count["test"]) > 0.14 * count.total()
    # The same on every machine, and for every spelling.
    assert chorales.split_of_title("Jesu, meine Freude") == chorales.split_of_title("Jesu meine Freude ")
    fixed = {"Nun danket alle Gott": "train", "Christ lag in Todesbanden": "validation", "Ach Gott und Herr": "test"}
    assert {title: chorales.split_of_title(title) for title in fixed} == fixed


def test_the_package_is_parsed_once_and_failures_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQBENCH_CACHE", str(tmp_path))
    piece = np.eye(2, 88, dtype=np.uint8)
    calls = []

    def read() -> chorales.Chorales:
        calls.append(1)
        return chorales.Chorales({split: [piece] for split in ("train", "validation", "test")}, failed=7)

    monkeypatch.setattr(chorales, "read_chorales", read)
    for _ in range(2):
        result = rolls.read_rolls(data_location.locate_data("jsb", source="package"))
        assert result.failed == 7
        assert result.pieces("test")[0].tolist() == piece.tolist()
    assert calls == [1]
    keys: list[object] = []

    def load_or_prepare(kind: str, key: object, prepare: Callable[[], prepared_cache.Arrays]) -> prepared_cache.Arrays:
        keys.append((kind, key))
        return prepare()

    monkeypatch.setattr(prepared_cache, "load_or_prepare", load_or_prepare)
    rolls.read_rolls(data_location.locate_data("jsb", source="package"))
    assert music21.__version__ in str(keys)


@pytest.mark.slow
def test_all_chorales_parse() -> None:
    result = chorales.read_chorales()
    assert result.failed == 0
    assert {split: len(pieces) > 50 for split, pieces in result.splits.items()} == dict.fromkeys(result.splits, True)
