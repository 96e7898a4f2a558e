"""Embedded inputs of each kind."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from seqbench.models.bodies.embedding import Embedding
from seqbench.protocol.specs import Batch, Context, Features, Tokens
from seqbench.utils.errors import SeqbenchError


def batch(inputs: torch.Tensor, out_time: int = 3) -> Batch:
    rows = len(inputs)
    ones = torch.ones(rows, out_time)
    return Batch(inputs, ones.long(), torch.full((rows,), out_time), ones, float(ones.sum()), torch.arange(rows))


def test_tokens_are_looked_up_in_a_table() -> None:
    embedding = Embedding(Tokens(5), 4)
    ids = torch.tensor([[0, 3, 3]])
    assert torch.equal(embedding(ids), embedding.table.get_parameter("weight")[ids])
    assert torch.equal(embedding.embed_steps(batch(ids)), embedding(ids))


def test_numbers_are_mapped_linearly() -> None:
    embedding, numbers = Embedding(Features(2), 4), torch.randn(1, 3, 2)
    table = embedding.table
    assert isinstance(table, nn.Linear)
    torch.testing.assert_close(embedding(numbers), numbers @ table.weight.T + table.bias)


def test_a_context_is_repeated_at_every_step_of_the_output() -> None:
    embedding, context = Embedding(Context(2), 4), torch.randn(2, 2)
    steps = embedding.embed_steps(batch(context, out_time=3))
    assert steps.shape == (2, 3, 4)
    for step in range(3):
        torch.testing.assert_close(steps[:, step], embedding(context))
    assert embedding.embed_steps(replace(batch(context, out_time=5))).shape == (2, 5, 4)


def test_a_narrower_embedding_is_projected() -> None:
    embedding = Embedding(Tokens(5), 4, d_embed=2)
    assert embedding.table.get_parameter("weight").shape == (5, 2)
    assert embedding(torch.zeros(1, 1, dtype=torch.long)).shape == (1, 1, 4)
    assert isinstance(embedding.projection, nn.Linear)
    assert isinstance(Embedding(Tokens(5), 4).projection, nn.Identity)


def test_the_standard_deviation_of_the_table_is_the_asked_one() -> None:
    torch.manual_seed(0)
    weight = Embedding(Tokens(1000), 50, embedding_std=0.02).table.get_parameter("weight")
    assert float(weight.detach().std()) == pytest.approx(0.02, rel=0.02)


def test_dropout_acts_in_training_mode_only() -> None:
    embedding, ids = Embedding(Tokens(5), 64, dropout=0.5), torch.zeros(1, 1, dtype=torch.long)
    assert (embedding(ids) == 0).any()
    assert not (embedding.eval()(ids) == 0).any()


def test_a_width_below_one_is_refused() -> None:
    with pytest.raises(SeqbenchError, match="at least 1 wide, got -5"):
        Embedding(Tokens(5), 4, d_embed=-5)
