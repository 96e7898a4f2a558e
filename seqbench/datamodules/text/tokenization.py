"""Word and byte-pair tokenizers, learned from the training split with the ``tokenizers`` library.

Id 0 is the unknown token and also the padding. The next ids are the special tokens of the task, and then the rest of
the vocabulary. The name of a special token that occurs in a text is never encoded as that token.
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
from seqbench.utils.number_format import counted

UNKNOWN = 0
"""Id of the unknown token."""
UNKNOWN_TOKEN = "[UNK]"
TOKENIZERS_VERSION = tokenizers.__version__
"""Version of the library; part of the key of cached token ids."""


class Tokenizer:
    """A tokenizer: text to token ids and back.

    Args:
        wrapped: a trained tokenizer of the ``tokenizers`` library.

    >>> tokenizer = Tokenizer.words(["a b a"], min_count=1)
    >>> ids, offsets = tokenizer.encode(["a b", "b c"])
    >>> ids.tolist(), offsets.tolist()
    ([1, 2, 2, 0], [0, 2, 4])
    >>> tokenizer.decode([1, 2])
    'a b'
    """

    def __init__(self, wrapped: tokenizers.Tokenizer) -> None:
        self._wrapped = wrapped
        # Otherwise "[UNK]" in a text would become the special token and be lost in decoding.
        wrapped.encode_special_tokens = True
        self._specials = len(wrapped.get_added_tokens_decoder())

    @classmethod
    def words(
        cls, sentences: Iterable[str], min_count: int, size: int | None = None, extra: Sequence[str] = ()
    ) -> Tokenizer:
        """Build a tokenizer of words between white space, in order of frequency and then of the alphabet.

        Args:
            sentences: sentences of the training split.
            min_count: minimum number of occurrences of a word in the vocabulary.
            size: maximum number of tokens including special tokens; None means no limit.
            extra: names of further special tokens, with ids from 1.

        Raises:
            SeqbenchError: ``size`` leaves no room for a word.
        """
        specials = [UNKNOWN_TOKEN, *extra]
        _check_size(size, len(specials) + 1, "special tokens and one word")
        counts = Counter(word for sentence in sentences for word in sentence.split())
        # The trainer of the library would give a second id to the name of a special token that occurs in the text.
        known = [word for word in counts if counts[word] >= min_count and word not in specials]
        vocabulary = [*specials, *sorted(known, key=lambda word: (-counts[word], word))][:size]
        ids = {word: token for token, word in enumerate(vocabulary)}
        wrapped = tokenizers.Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN_TOKEN))
        wrapped.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        wrapped.add_special_tokens(_added_tokens(specials))
        return cls(wrapped)

    @classmethod
    def bpe(cls, sentences: Iterable[str], size: int, extra: Sequence[str] = ()) -> Tokenizer:
        """Train a byte-pair encoding (Sennrich et al. 2016) over bytes (Radford et al. 2019), without unknown tokens.

        Args:
            sentences: sentences of the training split.
            size: maximum number of tokens including special tokens and the 256 bytes.
            extra: names of further special tokens, with ids from 1.

        Raises:
            SeqbenchError: ``size`` leaves no room for all bytes.
        """
        specials = [UNKNOWN_TOKEN, *extra]
        _check_size(size, len(specials) + 256, "special tokens and the 256 bytes")
        wrapped = tokenizers.Tokenizer(models.BPE())
        # With a leading blank, so that a word has the same token at the start of a sentence as inside.
        wrapped.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        wrapped.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            special_tokens=_added_tokens(specials),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        _no_threads()
        wrapped.train_from_iterator(iter(sentences), trainer)
        return cls(wrapped)

    def encode(self, sentences: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the token ids of all sentences in one array, and the offset of each sentence.

        Returns:
            Ids ``(tokens,)`` int32, and offsets ``(sentences + 1,)`` int64; sentence i is between
            offsets i and i + 1.
        """
        _no_threads()
        rows = [encoding.ids for encoding in self._wrapped.encode_batch(list(sentences), add_special_tokens=False)]
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        ids = np.fromiter((token for row in rows for token in row), np.int32, count=int(offsets[-1]))
        # A word with the name of a special token is an unknown word.
        ids[ids < self._specials] = UNKNOWN
        return ids, offsets

    def decode(self, ids: Iterable[int], special: bool = False) -> str:
        """Return the text of token ids; byte pairs restore a stripped text exactly.

        Args:
            ids: the token ids.
            special: whether the text contains special tokens, such as the one for unknown words.
        """
        text: str = self._wrapped.decode([int(token) for token in ids], skip_special_tokens=not special)
        return text.removeprefix(" ")

    def __len__(self) -> int:
        """Return the number of tokens in the vocabulary."""
        return int(self._wrapped.get_vocab_size())

    def to_json(self) -> str:
        """Return the tokenizer as JSON."""
        return str(self._wrapped.to_str(pretty=False))

    @classmethod
    def from_json(cls, text: str) -> Tokenizer:
        """Return the tokenizer that ``to_json`` wrote.

        Raises:
            SeqbenchError: the text is not a tokenizer of the library.
        """
        try:
            return cls(tokenizers.Tokenizer.from_str(text))
        except (KeyboardInterrupt, SystemExit):
            raise
        # The text may come from the record of a pull request. The library raises ``Exception`` itself, and
        # ``BaseException`` where its Rust code panics.
        except BaseException as error:
            raise SeqbenchError(
                f"expected a tokenizer of the tokenizers library, got text that it cannot read "
                f"({one_line(error, 200)}); train the model again."
            ) from error

    @cached_property
    def checksum(self) -> str:
        """SHA-256 (hex) of the JSON."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def _no_threads() -> None:
    """Switch off the threads of the library, which make a later fork warn or hang."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def _added_tokens(specials: Sequence[str]) -> list[AddedToken]:
    return [AddedToken(name, special=True, normalized=False) for name in specials]


def _check_size(size: int | None, minimum: int, contents: str) -> None:
    if size is not None and size < minimum:
        raise SeqbenchError(
            f"a vocabulary of {counted(size, 'token')} is too small: the {contents} need {minimum}; "
            "raise vocabulary_size."
        )
