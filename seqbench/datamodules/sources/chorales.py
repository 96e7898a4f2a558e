"""Bach's chorales out of music21's own collection: no download, and other data than the published ``jsb``.

Every quarter note makes one frame, of the notes that sound at it; repeats are not played out. Pieces of one title
are settings of one tune, so the title decides the split: no setting of a test piece's title is trained on (a tune may
still go by two titles).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqbench.datamodules.sources.synthetic_rolls import KEYS, LOWEST

VERSION = 1
"""Of the preparation: part of the cache's key, raised when its outcome changes."""


@dataclass(frozen=True)
class Chorales:
    """Piano rolls by split, and how many pieces could not be read.

    Args:
        splits: rolls ``(frames, 88)`` of 0 and 1.
        failed: pieces that music21 could not parse, or that hold fewer than 2 frames.
    """

    splits: Mapping[str, list[np.ndarray]]
    failed: int


def read_chorales(limit: int | None = None) -> Chorales:
    """Parse the chorales in the order of Riemenschneider's edition; about 40 s for all.

    Args:
        limit: how many at most; None for all.
    """
    from music21 import corpus  # 0.3 s, and an extra.

    splits: dict[str, list[np.ndarray]] = {"train": [], "validation": [], "test": []}
    failed = 0
    for number, title in list(_listed().items())[:limit]:
        try:
            # Its pickles lie in a folder that other users may write to.
            roll = score_frames(corpus.parse(f"bach/bwv{number}", forceSource=True))
        # One broken piece, in whichever way it is broken, is left out and counted.
        except Exception:
            roll = None
        if roll is None or len(roll) < 2:
            failed += 1
        else:
            splits[split_of(title)].append(roll)
    return Chorales(splits, failed)


def _listed() -> dict[str, str]:
    """Titles by BWV number; Riemenschneider prints some pieces twice."""
    from music21.corpus import chorales

    entries = chorales.ChoraleListRKBWV().byRiemenschneider
    found: dict[str, str] = {}
    for number in sorted(entries):
        found.setdefault(str(entries[number]["bwv"]), str(entries[number]["title"]))
    return found


def split_of(title: str) -> str:
    """60 % of titles train, 20 % validate, 20 % test, by a hash: adding pieces moves no others."""
    letters = "".join(letter for letter in title.lower() if letter.isalnum())
    share = int.from_bytes(hashlib.blake2b(letters.encode(), digest_size=8).digest(), "big") / 2**64
    return "train" if share < 0.6 else "validation" if share < 0.8 else "test"


def score_frames(score: Any) -> np.ndarray:
    """The piano roll ``(quarter notes, 88)`` of a music21 score: which keys sound at each quarter note."""
    score = score.toSoundingPitch()
    roll = np.zeros((int(np.ceil(float(score.highestTime))), KEYS), np.uint8)
    for note in score.flatten().notes:
        start = float(note.offset)
        # Quarter notes that fall into [start, start + duration): none for a grace note or a short off-beat one.
        sounding = slice(int(np.ceil(start)), int(np.ceil(start + float(note.duration.quarterLength))))
        for pitch in getattr(note, "pitches", ()):
            key = pitch.midi - LOWEST
            if 0 <= key < KEYS:
                roll[sounding, key] = 1
    return roll
