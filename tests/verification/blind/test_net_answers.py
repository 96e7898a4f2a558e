from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seqbench.protocol.specs import SequenceClass, StepClasses, TokenSequence
from seqbench.utils.errors import SeqbenchError
from seqbench.verification.blind import net_answers
from seqbench.verification.blind.blind_batches import BlindBatch
from seqbench.verification.blind.messages import Message
from seqbench.verification.blind.raw_tensors import to_raw

STEPS, TOKENS = StepClasses(4), TokenSequence(vocab=9, start=1, end=2, longest=4)
BATCH = BlindBatch(torch.zeros(2, 3, dtype=torch.long), torch.tensor([3, 2]), out_time=3)


def hidden(tensor: Tensor) -> Message:
    return Message("answer", arrays={"hidden": to_raw(tensor)})


def decoded(counts: Tensor, tokens: Tensor) -> Message:
    return Message("answer", arrays={"counts": to_raw(counts), "tokens": to_raw(tokens)})


def test_hidden_vectors_of_the_right_shape_come_back() -> None:
    vectors = torch.randn(2, 3, 5)
    assert torch.equal(net_answers.checked_hidden(hidden(vectors), BATCH, STEPS, 5), vectors)


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 2, 5), (3, 3, 5), (30,)])
def test_hidden_vectors_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(SeqbenchError, match=r"hidden vectors of shape .*, expected \(2, 3, 5\)"):
        net_answers.checked_hidden(hidden(torch.zeros(shape)), BATCH, STEPS, 5)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused_but_at_padding(value: float) -> None:
    vectors = torch.zeros(2, 3, 5)
    vectors[1, 2, 0] = value
    assert net_answers.checked_hidden(hidden(vectors), BATCH, STEPS, 5).shape == (2, 3, 5)
    vectors[0, 2, 0] = value
    with pytest.raises(SeqbenchError, match="not finite numbers"):
        net_answers.checked_hidden(hidden(vectors), BATCH, STEPS, 5)


def test_each_step_has_a_vector_if_every_step_predicts_the_class() -> None:
    whole = BlindBatch(BATCH.inputs, BATCH.lengths, out_time=1)
    assert net_answers.hidden_time(whole, SequenceClass(2, reads="every")) == 3
    assert net_answers.hidden_time(whole, SequenceClass(2, reads="last")) == 1


def test_limits_are_those_of_the_largest_possible_answer() -> None:
    assert net_answers.hidden_limits(BATCH, STEPS, 5).array_bytes == 8 * 2 * 3 * 5
    assert net_answers.token_limits(BATCH, TOKENS).array_bytes == 8 * (2 * 4 + 2)


def test_an_answer_with_other_arrays_is_refused() -> None:
    with pytest.raises(SeqbenchError, match="expected 'hidden'"):
        net_answers.checked_hidden(Message("answer"), BATCH, STEPS, 5)
    with pytest.raises(SeqbenchError, match="expected tokens"):
        net_answers.checked_tokens(hidden(torch.zeros(1)), 2, TOKENS)


def test_decoded_tokens_are_divided_into_rows() -> None:
    answer = decoded(torch.tensor([2, 0, 1]), torch.tensor([5, 6, 7]))
    assert net_answers.checked_tokens(answer, 3, TOKENS) == [[5, 6], [], [7]]


@pytest.mark.parametrize(
    ("counts", "tokens"),
    [
        ([2], [5, 6]),
        ([3, 0], [5, 6]),
        ([1, 0], [5, 6]),
        ([5, 0], [5, 6, 7, 8, 3]),
        ([-1, 3], [5, 6]),
        ([2, 0], [5, 9]),
        ([2, 0], [5, -1]),
    ],
)
def test_tokens_that_do_not_fit_are_refused(counts: list[int], tokens: list[int]) -> None:
    with pytest.raises(SeqbenchError, match="the net decoded"):
        net_answers.checked_tokens(decoded(torch.tensor(counts), torch.tensor(tokens)), 2, TOKENS)
