"""The head that shares the weights of the embedding."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import seqbench
from seqbench.models.bodies.embedding import Embedding
from seqbench.models.objectives import build_objective
from seqbench.models.tied_head import TiedHead, tie_head
from seqbench.models.weights import count_parameters
from seqbench.protocol.specs import Features, SequenceSpec, StepClasses, Tokens
from seqbench.utils.errors import SeqbenchError


def test_logits_are_products_with_the_embeddings() -> None:
    table = nn.Embedding(5, 4)
    head, hidden = TiedHead(4, table), torch.randn(2, 3, 4)
    torch.testing.assert_close(head(hidden), hidden @ table.weight.T)
    with torch.no_grad():
        table.weight.mul_(2)
    torch.testing.assert_close(head(hidden), hidden @ table.weight.T)


def test_another_width_is_projected_to_that_of_the_embedding() -> None:
    head = TiedHead(6, nn.Embedding(5, 4))
    assert isinstance(head.projection, nn.Linear)
    assert head(torch.randn(2, 3, 6)).shape == (2, 3, 5)


@pytest.mark.parametrize(("kind", "classes"), [(Features(5), 5), (Tokens(6), 5)])
def test_inputs_of_another_vocabulary_are_refused(kind: Tokens | Features, classes: int) -> None:
    objective = build_objective(SequenceSpec(kind, StepClasses(classes), max_length=9), d_model=4)
    with pytest.raises(SeqbenchError, match=r"body\.tie needs"):
        tie_head(Embedding(kind, 4), objective)


def test_a_tied_module_trains_one_table_which_its_checkpoint_restores(tmp_path: Path) -> None:
    task = {"name": "char-lm-ptb", "source": "synthetic"}
    plain = seqbench.build("gru", task, tier="smoke", body={"d_embed": 8})
    tied = seqbench.build("gru", task, tier="smoke", body={"d_embed": 8, "tie": True})
    head, table = tied.objective.head, tied.body.get_submodule("embedding.table")
    assert isinstance(table, nn.Embedding)
    assert head.weight is table.weight
    assert count_parameters(plain) - count_parameters(tied) == 64 * table.num_embeddings - (64 * 8 + 8)
    optim, body = {"steps": 4, "validate_every": 2}, {"d_embed": 8, "tie": True}
    run = seqbench.run("gru", task, tier="smoke", logger="none", runs=tmp_path, optim=optim, body=body)
    assert run.record.status == "ok"
    loaded = seqbench.SequenceModule.load_from_checkpoint(run.folder / "checkpoints" / "best.ckpt")
    assert loaded.objective.head.weight is loaded.body.get_submodule("embedding.table").weight
