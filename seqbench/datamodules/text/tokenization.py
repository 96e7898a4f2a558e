"""Words or byte pairs and their ids: a vocabulary learnt from the training split, over the ``tokenizers`` library.

Id 0 is the unknown, which padding uses as well; then come the special tokens that a task asks for, then the rest.
A text that happens to contain a special token's name never yields that token.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import tokenizers
from tokenizers import AddedToken, decoders, models, pre_tokenizers, trainers

from seqbench.utils.errors import SeqbenchError, one_line

UNKNOWN = 0
TOKENIZERS_VERSION = tokenizers.__version__
UNKNOWN_TOKEN = "[UNK]"


class Tokenizer:
    """A text's tokens as ids and back.

    Args:
        wrapped: the library's tokenizer, trained.
    """

    def __init__(self, wrapped: tokenizers.Tokenizer) -> None:
        self._wrapped = wrapped
        # Else "[UNK]" in a text would become the special token and vanish in decoding.
        wrapped.encode_special_tokens = True
        self._specials = len(wrapped.get_added_tokens_decoder())

    @classmethod
    def words(
        cls, sentences: Iterable[str], min_count: int, size: int | None = None, extra: Sequence[str] = ()
    ) -> Tokenizer:
        """Words between white space, the most frequent first (those of equal count in the order of the alphabet).

        Args:
            sentences: of the training split alone.
            min_count: occurrences from which a word is known.
            size: most tokens in all, special ones included; None means no limit.
            extra: names of special tokens besides the unknown; ids from 1 on.

        Raises:
            SeqbenchError: the size leaves no room for a word.
        """
        specials = [UNKNOWN_TOKEN, *extra]
        _check_size(size, len(specials) + 1, "special tokens and one word")
        counts = Counter(word for sentence in sentences for word in sentence.split())
        # Counted here: the library's trainer gives a special token's name that occurs in the text a second id.
        known = [word for word in counts if counts[word] >= min_count and word not in specials]
        vocabulary = [*specials, *sorted(known, key=lambda word: (-counts[word], word))][:size]
        ids = {word: token for token, word in enumerate(vocabulary)}
        wrapped = tokenizers.Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN_TOKEN))
        wrapped.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        wrapped.add_special_tokens(_named(specials))
        return cls(wrapped)

    @classmethod
    def bpe(cls, sentences: Iterable[str], size: int, extra: Sequence[str] = ()) -> Tokenizer:
        """Byte-level byte-pair encoding (Sennrich et al. 2016; over bytes, Radford et al. 2019): nothing is unknown.

        Args:
            sentences: of the training split alone.
            size: most tokens in all, the special ones and the 256 bytes included.
            extra: names of special tokens besides the unknown; ids from 1 on.

        Raises:
            SeqbenchError: the size leaves no room for every byte.
        """
        specials = [UNKNOWN_TOKEN, *extra]
        _check_size(size, len(specials) + 256, "special tokens and the 256 bytes")
        wrapped = tokenizers.Tokenizer(models.BPE())
        # A leading blank, so that a word is the same token at the start as within the sentence.
        wrapped.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        wrapped.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            special_tokens=_named(specials),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        _no_threads()
        wrapped.train_from_iterator(iter(sentences), trainer)
        return cls(wrapped)

    def encode(self, sentences: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Ids of all sentences one after another, and where each begins.

        Returns:
            ids ``(tokens,)`` int32 and offsets ``(sentences + 1,)`` int64; sentence i lies between offsets i and i + 1.
        """
        _no_threads()
        rows = [encoding.ids for encoding in self._wrapped.encode_batch(list(sentences), add_special_tokens=False)]
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        ids = np.fromiter((token for row in rows for token in row), np.int32, count=int(offsets[-1]))
        # A word that is written like a special token is just a word that is not known.
        ids[ids < self._specials] = UNKNOWN
        return ids, offsets

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids, without special tokens; of byte pairs exactly the text that was encoded, if stripped."""
        text: str = self._wrapped.decode([int(token) for token in ids], skip_special_tokens=True)
        return text.removeprefix(" ")

    def __len__(self) -> int:
        return int(self._wrapped.get_vocab_size())

    def to_json(self) -> str:
        """All of it, as text."""
        return str(self._wrapped.to_str(pretty=False))

    @classmethod
    def from_json(cls, text: str) -> Tokenizer:
        """What ``to_json`` wrote.

        Raises:
            SeqbenchError: it is no tokenizer.
        """
        try:
            return cls(tokenizers.Tokenizer.from_str(text))
        except (KeyboardInterrupt, SystemExit):
            raise
        # The library raises bare exceptions, and where its Rust panics not even those.
        except BaseException as error:
            raise SeqbenchError(f"no tokenizer of this library ({one_line(error, 200)})") from error

    @cached_property
    def checksum(self) -> str:
        """SHA-256 (hex) of its JSON."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def _no_threads() -> None:
    # The library's threads would make a later fork warn, or hang.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def _named(specials: Sequence[str]) -> list[AddedToken]:
    return [AddedToken(name, special=True, normalized=False) for name in specials]


def _check_size(size: int | None, least: int, what: str) -> None:
    if size is not None and size < least:
        raise SeqbenchError(f"a vocabulary of {size} tokens is too small: the {what} make {least}; give more.")
