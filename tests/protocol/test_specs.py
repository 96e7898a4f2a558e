from __future__ import annotations

import json

import pytest
import torch

from seqbench.protocol.specs import Batch, SequenceSpec, StepClasses, Tokens


def batch(rows: int = 4, time: int = 3) -> Batch:
    ids = torch.arange(rows * time).view(rows, time)
    return Batch(ids, ids + 1, torch.full((rows,), time), torch.ones(rows, time), 12.0, torch.arange(rows), first=True)


def test_a_spec_is_read_back_from_its_plain_data() -> None:
    spec = SequenceSpec(Tokens(7), StepClasses(3, ("accuracy",)), max_length=9)
    assert SequenceSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_rows_selects_from_every_tensor_and_keeps_the_global_weight() -> None:
    part = batch().rows(slice(1, 3))
    assert part.inputs.tolist() == [[3, 4, 5], [6, 7, 8]]
    assert part.targets.tolist() == [[4, 5, 6], [7, 8, 9]]
    assert (len(part.lengths), len(part.weights), part.index.tolist()) == (2, 2, [1, 2])
    assert (part.total, part.scored, part.first) == (12.0, None, True)


def test_a_batch_moves_to_a_device() -> None:
    moved = batch().to("meta")
    assert {t.device.type for t in (moved.inputs, moved.targets, moved.lengths, moved.weights, moved.index)} == {"meta"}


@pytest.mark.gpu
def test_a_batch_moves_to_a_gpu() -> None:
    assert batch().to("cuda").inputs.is_cuda
