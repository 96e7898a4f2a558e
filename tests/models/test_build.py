"""Building modules from configurations: weights, data, the meta device, and modules that bring their own training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import seqbench
from seqbench.models import build
from seqbench.models.module import SequenceModule
from seqbench.models.weights import weights_digest
from seqbench.protocol import registry
from seqbench.protocol.config import RunConfig
from seqbench.protocol.specs import SequenceSpec
from seqbench.utils.errors import SeqbenchError
from tests.backbones import CausalMean
from tests.models.modules import CHARACTERS, COPY, build_copy, build_small_module
from tests.models.own_modules import Plain

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def test_the_seed_decides_the_weights() -> None:
    digests = [weights_digest(build_copy("gru", seed)) for seed in (0, 0, 1)]
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


@pytest.mark.parametrize("arch", ["gru", "jordan"])
def test_the_backbone_draws_its_weights_first_then_the_embeddings_then_the_head(arch: str) -> None:
    """Records hold the digest of the initial weights, so this order must not change."""
    module = build_copy(arch, seed=3)
    torch.manual_seed(3)
    backbone = registry.find_entry(registry.ARCHITECTURES, arch).load()(d_model=8)
    embeddings = [nn.Embedding(10, 8) for _ in range(2 if arch == "jordan" else 1)]
    head = nn.Linear(8, 10)
    drawn = [p for part in (backbone, *embeddings, head) for p in part.parameters()]
    # The start vector of the fed back outputs is 0.
    built = {p for name, p in module.named_parameters() if name != "body.start"}
    assert len(built) == len(drawn)
    assert all(any(torch.equal(p, q) for q in built if q.shape == p.shape) for p in drawn)


def test_the_callers_random_numbers_do_not_change() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    build_copy("gru")
    assert torch.equal(torch.rand(3), expected)


def test_a_module_has_the_data_of_its_task_and_one_from_a_spec_has_none() -> None:
    module = build_copy("gru")
    assert module.data is not None
    assert module.data.spec == module.spec


def test_on_the_meta_device_weights_have_shapes_but_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments: list[tuple[RunConfig, SequenceSpec]] = []
    original = build.build_module_from_spec

    def build_and_record(config: RunConfig, spec: SequenceSpec) -> SequenceModule:
        arguments.append((config, spec))
        return original(config, spec)

    monkeypatch.setattr(build, "build_module_from_spec", build_and_record)
    module = build_copy("gru")
    meta = build.build_on_meta_device(*arguments[0])
    assert {p.device.type for p in meta.parameters()} == {"meta"}
    assert [p.shape for p in meta.parameters()] == [p.shape for p in module.parameters()]
    assert meta.data is None


OWN = "tests.models.own_modules"


def test_a_module_with_own_training_is_built_with_its_options_and_its_own_parts() -> None:
    module = seqbench.build({"name": f"{OWN}:Plain", "d_model": 8, "share": 0.25}, COPY, tier="smoke")
    assert isinstance(module, Plain)
    assert module.share == 0.25
    assert module.extra.in_features == 8
    assert {"extra.weight", "objective.head.weight"} <= set(module.state_dict())


def test_the_parts_of_a_module_have_the_weights_of_the_same_backbone_without_one() -> None:
    """Backbone, embedding and head are drawn first, so that a module differs by its training alone."""
    own, plain = build_copy(f"{OWN}:Plain").state_dict(), build_copy("gru").state_dict()
    assert set(own) - set(plain) == {"extra.weight", "extra.bias"}
    assert all(torch.equal(own[name], tensor) for name, tensor in plain.items())


def test_the_seed_decides_the_weights_of_a_module() -> None:
    digests = [weights_digest(build_copy(f"{OWN}:Plain", seed)) for seed in (0, 0, 1)]
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


@pytest.mark.parametrize(
    ("arch", "reason"),
    [
        ("Incomplete", r"must call super\(\).__init__\(context, backbone\) first"),
        ("Refusing", "refuses its options: d_model must be 7, got 8"),
        ("LooksAhead", "looks ahead .* an output must not"),
        ("NoContext", r"must be __init__\(self, context, d_model, ...\), .* no parameter context"),
    ],
)
def test_a_module_that_cannot_be_built_is_one_sentence(arch: str, reason: str) -> None:
    with pytest.raises(SeqbenchError, match=reason):
        build_copy(f"{OWN}:{arch}")


class Windowed(seqbench.SequenceModule):
    """Builds a backbone without ``unroll``, and says so."""

    unrolls = False

    def __init__(self, context: seqbench.ModuleContext, d_model: int) -> None:
        super().__init__(context, CausalMean(d_model))


class NotWindowed(Windowed):
    """Does not say so."""

    unrolls = True


def test_a_module_without_unroll_reads_windows_of_streams_if_it_says_so(text_folder: Path) -> None:
    module = build_small_module({"name": f"{__name__}:Windowed", "d_model": 8}, CHARACTERS, text_folder)
    assert module.data is not None
    assert module.data.stream("train", 0).first is None
    with pytest.raises(SeqbenchError, match="has no unroll; set unrolls = False in the class NotWindowed"):
        build_small_module({"name": f"{__name__}:NotWindowed", "d_model": 8}, CHARACTERS, text_folder)
    assert build_copy(f"{__name__}:NotWindowed").body.can_unroll is False
