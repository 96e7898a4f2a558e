from __future__ import annotations

import random

import numpy as np
import pytest
import torch

import seqbench
from seqbench.models.bodies import SingleBackbone
from seqbench.models.contract import passes
from seqbench.models.contract.passes import Passes, Path, Placement
from seqbench.models.weights import weights_digest
from seqbench.protocol.specs import Batch
from tests.models.contract import cheats


def build_body(backbone: torch.nn.Module) -> tuple[SingleBackbone, Batch]:
    module = seqbench.build({"name": "gru", "d_model": 8}, "copy", tier="smoke")
    assert module.data is not None
    body = SingleBackbone(module.spec, backbone, 8)
    return body, module.data.stream("train", 0)


def test_a_pass_leaves_no_trace_in_the_body_and_in_the_generators() -> None:
    body, batch = build_body(cheats.Counting(8))
    digest, states = weights_digest(body), (random.getstate(), torch.get_rng_state(), str(np.random.get_state()))
    probe = Passes(body, Placement())
    outputs = [probe.outputs(batch, path) for path in (Path.EVALUATION, Path.TRAINING, Path.EVALUATION)]
    assert outputs[0] is not None
    assert outputs[2] is not None
    assert torch.equal(outputs[0], outputs[2])
    assert weights_digest(body) == digest
    assert body.training
    assert torch.equal(states[1], torch.get_rng_state())
    assert states[0] == random.getstate()
    assert states[2] == str(np.random.get_state())


def test_rounded_weights_change_outputs_by_rounding_and_are_restored() -> None:
    body, batch = build_body(cheats.Honest(8, dropout=0.5))
    digest, probe = weights_digest(body), Passes(body, Placement())
    before, one, again, other = (probe.outputs(batch, Path.TRAINING, rounding=rounding) for rounding in (None, 0, 0, 1))
    assert before is not None
    assert one is not None
    assert other is not None
    assert weights_digest(body) == digest
    torch.testing.assert_close(one, again, rtol=0, atol=0)
    assert not torch.equal(one, other)
    assert not torch.equal(one, before)
    torch.testing.assert_close(one, before, rtol=1e-4, atol=1e-6)  # The same numbers were dropped out.


def test_each_path_runs_its_method_in_its_mode() -> None:
    body, batch = build_body(cheats.Honest(8, dropout=0.5))
    probe = Passes(body, Placement())
    one = {path: probe.outputs(batch, path) for path in Path}
    evaluation, unrolled, training, again = (one[path] for path in Path)
    assert evaluation is not None
    assert training is not None
    torch.testing.assert_close(evaluation, unrolled)
    torch.testing.assert_close(training, again)
    assert 0.3 < float((training == 0).float().mean()) < 0.7
    other = probe.outputs(batch, Path.TRAINING, seed=1)
    assert other is not None
    assert not torch.equal(training, other)


def test_passes_run_in_the_precision_of_the_placement() -> None:
    body, batch = build_body(cheats.Undeclared(8))
    place = Placement(context=lambda: torch.autocast("cpu", torch.bfloat16))
    body.backbone = torch.nn.Linear(8, 8)
    outputs = Passes(body, place).outputs(batch, Path.EVALUATION)
    assert outputs is not None
    assert outputs.dtype == torch.bfloat16
    assert Passes(body, Placement()).outputs(batch, Path.EVALUATION_UNROLL) is None


def test_generators_are_seeded_inside_the_block_and_restored_after_an_error() -> None:
    before = torch.get_rng_state()
    draws: list[tuple[float, ...]] = []

    def draw_and_fail() -> None:
        with passes.seeded(torch.device("cpu"), 3):
            draws.append((torch.rand(1).item(), random.random(), np.random.rand()))
            raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            draw_and_fail()
    assert draws[0] == draws[1]
    assert torch.equal(before, torch.get_rng_state())
