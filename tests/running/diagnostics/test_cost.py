from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import seqbench
from seqbench.models import build
from seqbench.protocol import registry
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
from seqbench.running.run_request import RunRequest
from tests.backbones import CausalMean

OWN = [name for name, found in registry.list_entries(registry.ARCHITECTURES).items() if not found[0].extras]
"""What needs another library may need a CUDA device as well."""

D, STEPS, SYMBOLS = 6, 11, 5
CHARACTERS = SequenceSpec(Tokens(SYMBOLS), StepClasses(SYMBOLS), STEPS, look_ahead=True)


def config(arch: str, **arch_options: Any) -> Any:
    return run_config.resolve_config(
        RunRequest.from_mapping({"arch": {"name": arch, "d_model": D, **arch_options}, "task": "copy", "tier": "smoke"})
    )


def figures(arch: str, spec: SequenceSpec = CHARACTERS, **arch_options: Any) -> dict[str, Any]:
    return cost.model_cost(config(arch, **arch_options), spec)


class Cache(CausalMean):
    """Its state is all that it has read, like a cache of keys; it counts its calls and draws random numbers."""

    made: list[Cache] = []  # noqa: RUF012

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model)
        self.calls = 0
        self.made.append(self)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        self.calls += 1
        return super().forward(x + 0 * torch.rand(1))

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        seen = x if state is None else torch.cat([state[0], x], dim=1)
        return self(seen)[:, -x.shape[1] :], (seen, "read")


class Slow(nn.Module):
    """Takes 0.1 s a step."""

    causal = True

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(d_model))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return x + self.bias

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        time.sleep(0.1 if x.shape[1] == 1 else 0)
        return self(x), None


@pytest.mark.parametrize(
    ("arch", "given", "bytes_", "layers"),
    [
        ("gru", {"num_layers": 2}, 2 * D * 4, 2 * 12 * D * D),
        ("lstm", {}, 2 * D * 4, 16 * D * D),
        ("rnn", {}, D * 4, 4 * D * D),
        ("tdnn", {"window": 4}, 3 * D * 4, 4 * 2 * D * D),
    ],
)
def test_known_architectures_by_hand(arch: str, given: dict[str, Any], bytes_: int, layers: int) -> None:
    found = figures(arch, **given)
    head = 2 * D * SYMBOLS
    if arch == "tdnn":  # Its window slides over the zeros before the start, as often as there are steps.
        assert found["flops_per_token"] == layers + head
    assert found == {"state_bytes": bytes_, "flops_per_token": layers + head}


def test_a_bidirectional_net_has_no_state_and_half_the_width_each_way() -> None:
    half = D // 2
    assert figures("bigru") == {"state_bytes": None, "flops_per_token": 2 * 2 * 3 * half * (D + half) + 2 * D * SYMBOLS}


def test_a_state_that_grows_is_measured_at_its_end() -> None:
    assert figures("tests.running.diagnostics.test_cost:Cache")["state_bytes"] == STEPS * D * 4


def test_looking_changes_nothing() -> None:
    settings = config("tests.running.diagnostics.test_cost:Cache")
    module = build.build_module_from_spec(settings, CHARACTERS)
    before = torch.random.get_rng_state()
    Cache.made.clear()
    cost.model_cost(settings, CHARACTERS)
    assert module.body.backbone.calls == 0
    assert module.training
    assert len(Cache.made) == 2
    assert torch.equal(torch.random.get_rng_state(), before)


class Exiting(CausalMean):
    """It ends the program."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        raise SystemExit("out")


def test_a_backbone_that_exits_ends_nothing() -> None:
    found = figures("tests.running.diagnostics.test_cost:Exiting")
    assert found["flops_per_token"] is None
    assert found["flops_per_token_error"] == "SystemExit: out"


def test_a_backbone_that_breaks_says_why() -> None:
    assert figures("tests.backbones:Raising") == {
        "state_bytes": None,
        "flops_per_token": None,
        "flops_per_token_error": "RuntimeError: shapes (3, 4) and (5, 6) do not fit",
    }
    deaf = figures("tests.backbones:BrokenUnroll")
    assert deaf["state_bytes_error"] == "RuntimeError: no state here"
    assert deaf["flops_per_token"] == 2 * 2 * D * D + 2 * D * SYMBOLS


@pytest.mark.parametrize("arch", OWN)
def test_every_architecture_can_be_measured(arch: str) -> None:
    found = figures(arch)
    assert set(found) == {"state_bytes", "flops_per_token"}, found
    module = build.build_module_from_spec(config(arch), CHARACTERS)
    assert found["flops_per_token"] >= 2 * D * SYMBOLS
    assert (found["state_bytes"] is None) == (not module.body.can_unroll)
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
    found = figures("gru", spec)
    assert found["state_bytes"] == D * 4
    assert found["flops_per_token"] == pytest.approx(embedding + 12 * D * D + heads, rel=1e-12)
    speed = cost.decode_tokens_per_second(build.build_module_from_spec(config("gru"), spec))
    assert speed is not None


@pytest.mark.parametrize("spec", [CHARACTERS, SequenceSpec(Context(3), StepValues(1), STEPS)])
def test_a_net_that_reads_its_output_keeps_it_in_its_state(spec: SequenceSpec) -> None:
    context = said = D * 4  # The output is kept embedded.
    found = figures("jordan", spec)
    assert found["state_bytes"] == context + said
    assert found["flops_per_token"] > 2 * 2 * D * D


@pytest.mark.parametrize("bridge", ["vector", "additive", "multihead", "decoder-only"])
def test_a_translation_reads_source_and_target(bridge: str) -> None:
    spec = SequenceSpec(Tokens(9), TokenSequence(9, start=1, end=2, longest=STEPS), STEPS)
    settings = run_config.resolve_config(
        RunRequest.from_mapping({"arch": {"name": "gru", "d_model": D}, "task": "copy", "tier": "smoke"})
    )
    body = {"d_embed": None, "dropout": 0.0, "embedding_std": 1.0, "bridge": bridge, "heads": 2}
    object.__setattr__(settings, "body", body)
    found = cost.model_cost(settings, spec)
    assert found["state_bytes"] == D * 4
    gru, head = 12 * D * D, 2 * D * 9 / 2
    joined = {
        "vector": 2 * D * D / STEPS / 2,
        "additive": (2 * D * D + 2 * D * D + 2 * D * STEPS + 2 * D * STEPS + 2 * 2 * D * D) / 2,
        "multihead": (3 * 2 * D * D + 4 * D * STEPS + 2 * 2 * D * D) / 2,
        "decoder-only": 0,
    }
    assert found["flops_per_token"] == pytest.approx(gru + head + joined[bridge], rel=1e-12)
    speed = cost.decode_tokens_per_second(build.build_module_from_spec(settings, spec))
    assert speed is not None
    assert speed > 0


def test_decoding_stops_when_its_time_is_up() -> None:
    module = build.build_module_from_spec(config("tests.running.diagnostics.test_cost:Slow"), CHARACTERS)
    begun = time.perf_counter()
    speed = cost.decode_tokens_per_second(module)
    assert time.perf_counter() - begun < 1
    assert speed is not None
    assert 3 < speed <= 10


def test_a_backbone_without_unroll_does_not_decode() -> None:
    module = build.build_module_from_spec(config("tests.backbones:CausalMean"), CHARACTERS)
    assert cost.decode_tokens_per_second(module) is None
    with pytest.raises(RuntimeError, match="no state here"):
        cost.decode_tokens_per_second(build.build_module_from_spec(config("tests.backbones:BrokenUnroll"), CHARACTERS))


def test_a_trained_module_decodes_in_its_own_precision(tmp_path: Path) -> None:
    module = seqbench.build({"name": "gru", "d_model": D}, "adding", tier="smoke").to(torch.bfloat16)
    assert cost.decode_tokens_per_second(module) is not None
