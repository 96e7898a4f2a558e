"""Bach's chorales from the music21 package, without download; not the same data as the published ``jsb``.

Each quarter note is one frame with the notes that sound at that time. Repeats are not expanded. Pieces with the same
title are settings of the same tune, so the title determines the split: no title is in both training and test. A tune
with two titles may still be in both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seqbench.datamodules.sources.synthetic_rolls import KEYS, LOWEST

if TYPE_CHECKING:
    from music21.stream.base import Score

VERSION = 1
"""Version of the preparation, part of the cache key; raise it when the rolls change."""


@dataclass(frozen=True)
class Chorales:
    """Piano rolls by split.

    Args:
        splits: rolls ``(frames, 88)`` of 0 and 1.
        failed: number of pieces that music21 could not parse, or that have fewer than 2 frames.
    """

    splits: Mapping[str, list[np.ndarray]]
    failed: int


def read_chorales(limit: int | None = None) -> Chorales:
    """Parse the chorales in the order of the edition of Riemenschneider; all take about 40 s.

    Args:
        limit: maximum number of pieces; None for all.
    """
    from music21 import corpus  # Imported here, because the import takes 0.3 s, and the package is optional.

    splits: dict[str, list[np.ndarray]] = {"train": [], "validation": [], "test": []}
    failed = 0
    for number, title in list(_chorale_titles().items())[:limit]:
        try:
            # forceSource: the pickles of music21 are in a folder to which other users may write.
            roll = score_frames(corpus.parse(f"bach/bwv{number}", forceSource=True))
        # The parser raises exceptions of many types; a piece that it cannot parse is counted.
        except Exception:
            roll = None
        if roll is None or len(roll) < 2:
            failed += 1
        else:
            splits[split_of_title(title)].append(roll)
    return Chorales(splits, failed)


def _chorale_titles() -> dict[str, str]:
    """Return titles by BWV number; the edition contains some pieces twice."""
    from music21.corpus import chorales

    entries = chorales.ChoraleListRKBWV().byRiemenschneider  # type: ignore[no-untyped-call]
    titles: dict[str, str] = {}
    for number in sorted(entries):
        titles.setdefault(str(entries[number]["bwv"]), str(entries[number]["title"]))
    return titles


def split_of_title(title: str) -> str:
    """Return the split of a title by a hash: 60 % train, 20 % validation, 20 % test.

    So the split of a piece does not depend on the other pieces.

    >>> split_of_title("Jesu, meine Freude") == split_of_title("Jesu meine Freude ")
    True
    """
    letters = "".join(letter for letter in title.lower() if letter.isalnum())
    share = int.from_bytes(hashlib.blake2b(letters.encode(), digest_size=8).digest(), "big") / 2**64
    return "train" if share < 0.6 else "validation" if share < 0.8 else "test"


def score_frames(score: Score) -> np.ndarray:
    """Return the piano roll ``(quarter notes, 88)`` of a music21 score: the keys that sound at each quarter note."""
    score = score.toSoundingPitch()
    roll = np.zeros((int(np.ceil(float(score.highestTime))), KEYS), np.uint8)
    for note in score.flatten().notes:
        start = float(note.offset)
        # Quarter notes in [start, start + duration): none for a grace note, or a short note off the beat.
        sounding = slice(int(np.ceil(start)), int(np.ceil(start + float(note.duration.quarterLength))))
        for pitch in getattr(note, "pitches", ()):  # Percussion has no pitches.
            key = pitch.midi - LOWEST
            if 0 <= key < KEYS:
                roll[sounding, key] = 1
    return roll
