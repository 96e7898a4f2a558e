"""Character vocabularies: characters to ids and back; characters outside the training text share one id."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seqbench.utils.errors import SeqbenchError

UNKNOWN = 0
"""Id of every character that is not in the vocabulary."""


@dataclass(frozen=True)
class Vocabulary:
    """The characters of a training text and their ids, from 1 in the order of code points.

    Args:
        characters: all characters, each once, in the order of code points.

    Raises:
        SeqbenchError: there is no character, or a character is repeated or out of order.

    >>> vocabulary = Vocabulary.from_text("banana")
    >>> vocabulary.encode("bank").tolist()
    [2, 1, 3, 0]
    >>> vocabulary.decode([2, 1, 3])
    'ban'
    """

    characters: str

    def __post_init__(self) -> None:
        if not self.characters or any(a >= b for a, b in zip(self.characters, self.characters[1:], strict=False)):
            raise SeqbenchError(
                "a vocabulary must contain at least one character, and each character once, in code-point order."
            )

    @classmethod
    def from_text(cls, text: str) -> Vocabulary:
        """Return the vocabulary of a text, which should be the training split alone."""
        return cls("".join(sorted(set(text))))

    def __len__(self) -> int:
        """Return the number of ids, including that of unknown characters."""
        return len(self.characters) + 1

    @cached_property
    def _codes(self) -> np.ndarray:
        return _code_points(self.characters)

    def encode(self, text: str) -> np.ndarray:
        """Return the ids of the characters of a text, ``(time,)`` int32."""
        points = _code_points(text)
        place = np.minimum(np.searchsorted(self._codes, points), len(self._codes) - 1)
        return np.where(self._codes[place] == points, place + 1, UNKNOWN).astype(np.int32)

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids; unknown characters become U+FFFD."""
        return "".join(self.characters[i - 1] if i != UNKNOWN else "\ufffd" for i in ids)


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
