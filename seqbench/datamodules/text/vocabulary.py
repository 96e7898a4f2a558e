"""Characters and their ids; what the training text never showed is one id, the unknown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seqbench.utils.errors import SeqbenchError

UNKNOWN = 0


@dataclass(frozen=True)
class Vocabulary:
    """The characters of a training text, in code-point order; ids start at 1, 0 is the unknown.

    Raises:
        SeqbenchError: there are none, or one stands twice or out of order.
    """

    characters: str

    def __post_init__(self) -> None:
        if not self.characters or any(a >= b for a, b in zip(self.characters, self.characters[1:], strict=False)):
            raise SeqbenchError("a vocabulary must hold at least one character, and each once, in code-point order.")

    @classmethod
    def from_text(cls, text: str) -> Vocabulary:
        """The vocabulary of a text: of the training split alone."""
        return cls("".join(sorted(set(text))))

    def __len__(self) -> int:
        return len(self.characters) + 1

    @cached_property
    def _codes(self) -> np.ndarray:
        return _code_points(self.characters)

    def encode(self, text: str) -> np.ndarray:
        """Ids of a text's characters, ``(time,)`` int32."""
        points = _code_points(text)
        place = np.minimum(np.searchsorted(self._codes, points), len(self._codes) - 1)
        return np.where(self._codes[place] == points, place + 1, UNKNOWN).astype(np.int32)

    def decode(self, ids: Iterable[int] | Sequence[int]) -> str:
        """The text of ids; the unknown reads as U+FFFD."""
        return "".join(self.characters[i - 1] if i != UNKNOWN else "\ufffd" for i in ids)


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
