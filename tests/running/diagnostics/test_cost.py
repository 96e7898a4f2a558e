from __future__ import annotations

import dataclasses
import time
from typing import cast

import pytest
import torch
from torch import Tensor, nn

import seqbench
from seqbench.models import build
from seqbench.models.weights import weights_digest
from seqbench.protocol import registry
from seqbench.protocol.config import RunConfig
from seqbench.protocol.specs import (
    Context,
    Features,
    SequenceClass,
    SequenceSpec,
    SequenceValue,
    StepClasses,
    StepLabels,
    StepValues,
    Tokens,
    TokenSequence,
)
from seqbench.running import run_config
from seqbench.running.diagnostics import cost
from seqbench.running.diagnostics.cost import ModelCost
from seqbench.running.run_request import RunRequest
from tests.backbones import CausalMean

OWN = [name for name, found in registry.list_entries(registry.ARCHITECTURES).items() if not found[0].extras]
"""Architectures that need no further library; the others may need a CUDA device."""

D, STEPS, SYMBOLS = 6, 11, 5
CHARACTERS = SequenceSpec(Tokens(SYMBOLS), StepClasses(SYMBOLS), STEPS, look_ahead=True)


def config(arch: str, **arch_options: object) -> RunConfig:
    return run_config.resolve_config(
        RunRequest.from_mapping({"arch": {"name": arch, "d_model": D, **arch_options}, "task": "copy", "tier": "smoke"})
    )


def measure(arch: str, spec: SequenceSpec = CHARACTERS, **arch_options: object) -> ModelCost:
    return cost.config_cost(config(arch, **arch_options), spec)


class Cache(CausalMean):
    """Backbone whose state is all inputs so far, like a cache of keys; counts its calls and draws random numbers."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.calls = 0

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        self.calls += 1
        return super().forward(x + 0 * torch.rand(1))

    def unroll(self, x: Tensor, state: tuple[Tensor, str] | None = None) -> tuple[Tensor, tuple[Tensor, str]]:
        inputs = x if state is None else torch.cat([state[0], x], dim=1)
        return self(inputs)[:, -x.shape[1] :], (inputs, "text")


class Slow(nn.Module):
    """Backbone that takes 0.1 s for a step."""

    causal = True

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(d_model))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return x + self.bias

    def unroll(self, x: Tensor, state: None = None) -> tuple[Tensor, None]:
        time.sleep(0.1 if x.shape[1] == 1 else 0)
        return self(x), None


@pytest.mark.parametrize(
    ("arch", "options", "state_bytes", "layers"),
    [
        ("gru", {"num_layers": 2}, 2 * D * 4, 2 * 12 * D * D),
        ("lstm", {}, 2 * D * 4, 16 * D * D),
        ("rnn", {}, D * 4, 4 * D * D),
        ("tdnn", {"window": 4}, 3 * D * 4, 4 * 2 * D * D),
    ],
)
def test_the_cost_of_known_architectures_equals_the_formula(
    arch: str, options: dict[str, int], state_bytes: int, layers: int
) -> None:
    assert measure(arch, CHARACTERS, **options) == {
        "state_bytes": state_bytes,
        "flops_per_token": layers + 2 * D * SYMBOLS,
    }


def test_a_bidirectional_network_has_no_state_and_half_the_width_in_each_direction() -> None:
    half = D // 2
    assert measure("bigru") == {"state_bytes": None, "flops_per_token": 2 * 2 * 3 * half * (D + half) + 2 * D * SYMBOLS}


def test_a_growing_state_is_measured_after_the_last_step() -> None:
    assert measure("tests.running.diagnostics.test_cost:Cache")["state_bytes"] == STEPS * D * 4


def test_measuring_changes_neither_the_module_nor_random_numbers() -> None:
    settings = config("tests.running.diagnostics.test_cost:Cache")
    module = build.build_module_from_spec(settings, CHARACTERS)
    before = torch.random.get_rng_state()
    weights = weights_digest(module)
    assert cost.module_cost(module) == cost.config_cost(settings, CHARACTERS)
    assert cast(Cache, module.body.decoding_backbone).calls == 0
    assert module.training
    assert weights_digest(module) == weights
    assert all(parameter.requires_grad for parameter in module.parameters())
    assert torch.equal(torch.random.get_rng_state(), before)


class Exiting(CausalMean):
    """Backbone whose forward pass exits the program."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        raise SystemExit("out")


def test_a_backbone_that_exits_has_no_figure() -> None:
    cost_of_run = measure("tests.running.diagnostics.test_cost:Exiting")
    assert cost_of_run["flops_per_token"] is None
    assert cost_of_run["flops_per_token_error"] == "SystemExit: out"


def test_the_reason_of_a_missing_figure_is_recorded() -> None:
    assert measure("tests.backbones:Raising") == {
        "state_bytes": None,
        "flops_per_token": None,
        "flops_per_token_error": "RuntimeError: shapes (3, 4) and (5, 6) do not fit",
    }
    broken = measure("tests.backbones:BrokenUnroll")
    assert broken["state_bytes_error"] == "RuntimeError: no state here"
    assert broken["flops_per_token"] == 2 * 2 * D * D + 2 * D * SYMBOLS


@pytest.mark.parametrize("arch", OWN)
def test_every_architecture_can_be_measured(arch: str) -> None:
    measured = measure(arch)
    assert set(measured) == {"state_bytes", "flops_per_token"}, measured
    module = build.build_module_from_spec(config(arch), CHARACTERS)
    assert (measured["flops_per_token"] or 0) >= 2 * D * SYMBOLS
    assert (measured["state_bytes"] is None) == (not module.body.can_unroll)
    speed = cost.decode_tokens_per_second(module)
    assert (speed is None) == (not module.body.can_unroll)
    assert speed is None or speed > 0


@pytest.mark.parametrize(
    ("spec", "embedding", "heads"),
    [
        (SequenceSpec(Features(3), StepLabels(4), STEPS), 2 * 3 * D, 2 * D * 4),
        (SequenceSpec(Features(3), StepValues(2), STEPS), 2 * 3 * D, 2 * D * 2),
        (SequenceSpec(Tokens(9), SequenceClass(4), STEPS), 0, 2 * D * 4 / STEPS),
        (SequenceSpec(Tokens(9), SequenceClass(4, reads="every"), STEPS), 0, 2 * D * 4),
        (SequenceSpec(Features(2), SequenceValue(3, reads="mean"), STEPS), 2 * 2 * D, 2 * D * 3 / STEPS),
        (SequenceSpec(Context(3), StepValues(1), STEPS), 2 * 3 * D / STEPS, 2 * D),
    ],
)
def test_every_kind_of_task_can_be_measured(spec: SequenceSpec, embedding: float, heads: float) -> None:
    measured = measure("gru", spec)
    assert measured["state_bytes"] == D * 4
    assert measured["flops_per_token"] == pytest.approx(embedding + 12 * D * D + heads, rel=1e-12)
    speed = cost.decode_tokens_per_second(build.build_module_from_spec(config("gru"), spec))
    assert speed is not None


@pytest.mark.parametrize("spec", [CHARACTERS, SequenceSpec(Context(3), StepValues(1), STEPS)])
def test_the_state_of_an_output_feedback_network_holds_the_embedded_output(spec: SequenceSpec) -> None:
    context = output = D * 4
    measured = measure("jordan", spec)
    assert measured["state_bytes"] == context + output
    assert (measured["flops_per_token"] or 0) > 2 * 2 * D * D


@pytest.mark.parametrize("bridge", ["vector", "additive", "multihead", "decoder-only"])
def test_the_tokens_of_a_translation_are_those_of_source_and_target(bridge: str) -> None:
    spec = SequenceSpec(Tokens(9), TokenSequence(9, start=1, end=2, longest=STEPS), STEPS)
    body = {"d_embed": None, "dropout": 0.0, "embedding_std": 1.0, "bridge": bridge, "heads": 2}
    encoder = None if bridge == "decoder-only" else config("gru").arch_entry
    settings = dataclasses.replace(config("gru"), body=body, encoder_entry=encoder)
    measured = cost.config_cost(settings, spec)
    assert measured["state_bytes"] == D * 4
    gru, head = 12 * D * D, 2 * D * 9 / 2
    bridges = {
        "vector": 2 * D * D / STEPS / 2,
        "additive": (2 * D * D + 2 * D * D + 2 * D * STEPS + 2 * D * STEPS + 2 * 2 * D * D) / 2,
        "multihead": (3 * 2 * D * D + 4 * D * STEPS + 2 * 2 * D * D) / 2,
        "decoder-only": 0,
    }
    assert measured["flops_per_token"] == pytest.approx(gru + head + bridges[bridge], rel=1e-12)
    speed = cost.decode_tokens_per_second(build.build_module_from_spec(settings, spec))
    assert speed is not None
    assert speed > 0


def test_decoding_is_timed_for_a_limited_time() -> None:
    module = build.build_module_from_spec(config("tests.running.diagnostics.test_cost:Slow"), CHARACTERS)
    start = time.perf_counter()
    speed = cost.decode_tokens_per_second(module)
    # All tokens would take TIMED_TOKENS * 0.1 s.
    assert time.perf_counter() - start < cost.TIMED_TOKENS * 0.1 / 2
    assert speed is not None
    assert 0.3 < speed <= 10


def test_a_backbone_without_unroll_has_no_decoding_speed() -> None:
    module = build.build_module_from_spec(config("tests.backbones:CausalMean"), CHARACTERS)
    assert cost.decode_tokens_per_second(module) is None
    with pytest.raises(RuntimeError, match="no state here"):
        cost.decode_tokens_per_second(build.build_module_from_spec(config("tests.backbones:BrokenUnroll"), CHARACTERS))


def test_a_module_decodes_in_its_own_precision() -> None:
    module = seqbench.build({"name": "gru", "d_model": D}, "adding", tier="smoke").to(torch.bfloat16)
    assert cost.decode_tokens_per_second(module) is not None
