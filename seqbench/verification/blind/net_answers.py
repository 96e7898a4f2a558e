"""Checks of what a net answers: the shapes, the types and the values of its arrays."""

from __future__ import annotations

import torch
from torch import Tensor

from seqbench.protocol.specs import Output, SequenceClass, SequenceValue, TokenSequence
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import short_repr
from seqbench.verification.blind.blind_batches import BlindBatch
from seqbench.verification.blind.messages import Limits, Message
from seqbench.verification.blind.raw_tensors import from_raw

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
"""Types that hidden vectors may have."""


def hidden_limits(batch: BlindBatch, output: Output, width: int) -> Limits:
    """Return the limits of an answer that holds the hidden vectors of a batch.

    Args:
        batch: the batch.
        output: the kind of output of the task.
        width: width of the hidden vectors.
    """
    size = len(batch) * hidden_time(batch, output) * width
    return Limits(array_bytes=8 * size, arrays=1, dtypes=FLOATS)


def token_limits(batch: BlindBatch, output: TokenSequence) -> Limits:
    """Return the limits of an answer that holds the decoded tokens of a batch.

    Args:
        batch: the batch.
        output: the tokens of the task.
    """
    return Limits(array_bytes=8 * len(batch) * (output.longest + 1), arrays=2, dtypes=frozenset({"int64"}))


def hidden_time(batch: BlindBatch, output: Output) -> int:
    """Return how many hidden vectors a row of a batch has.

    Args:
        batch: the batch.
        output: the kind of output of the task.
    """
    if isinstance(output, SequenceClass | SequenceValue) and output.reads == "every":
        return batch.inputs.shape[1]
    return batch.out_time


def checked_hidden(answer: Message, batch: BlindBatch, output: Output, width: int) -> Tensor:
    """Return the hidden vectors of an answer, ``(batch, out_time, d_model)``.

    Args:
        answer: the answer.
        batch: the batch that was asked for.
        output: the kind of output of the task.
        width: width of the hidden vectors.

    Raises:
        SeqbenchError: the answer holds other arrays, or the array has another shape or is not finite.
    """
    array = answer.arrays.get("hidden")
    if array is None or len(answer.arrays) != 1:
        raise SeqbenchError(f"the net answered with the arrays {short_repr(sorted(answer.arrays))}, expected 'hidden'")
    time = hidden_time(batch, output)
    if array.shape != (len(batch), time, width):
        raise SeqbenchError(
            f"the net answered with hidden vectors of shape {array.shape}, expected {(len(batch), time, width)}"
        )
    hidden = from_raw(array)
    finite = hidden.isfinite().all(-1)
    if not isinstance(output, TokenSequence) and time > 1:  # The values at padding do not matter.
        finite |= torch.arange(time) >= batch.lengths[:, None]
    if not bool(finite.all()):
        raise SeqbenchError("the net answered with hidden vectors that are not finite numbers")
    return hidden


def checked_tokens(answer: Message, rows: int, output: TokenSequence) -> list[list[int]]:
    """Return the decoded tokens of each row.

    Args:
        answer: the answer.
        rows: number of rows that were asked for.
        output: the tokens of the task.

    Raises:
        SeqbenchError: the counts do not fit the tokens, or a token is no id of the task.
    """
    if set(answer.arrays) != {"tokens", "counts"}:
        raise SeqbenchError(f"the net answered with the arrays {short_repr(sorted(answer.arrays))}, expected tokens")
    counts, tokens = (from_raw(answer.arrays[name]) for name in ("counts", "tokens"))
    if counts.shape != (rows,) or tokens.dim() != 1:
        raise SeqbenchError(
            f"the net decoded lengths of shape {tuple(counts.shape)} and tokens of shape {tuple(tokens.shape)}, for "
            f"{rows} rows"
        )
    fits = bool(((counts >= 0) & (counts <= output.longest)).all()) and int(counts.sum()) == len(tokens)
    if not fits:
        raise SeqbenchError(f"the net decoded rows of other lengths than 0 to {output.longest}")
    if not bool(((tokens >= 0) & (tokens < output.vocab)).all()):
        raise SeqbenchError(f"the net decoded tokens outside of 0 to {output.vocab - 1}")
    return [part.tolist() for part in torch.split(tokens, counts.tolist())]
