"""Building modules from configurations: which body, which weights, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import seqbench
from seqbench.models import build
from seqbench.models.bodies import Body, DecoderOnly, EncoderDecoder, OutputFeedback, SingleBackbone
from seqbench.models.module import SequenceModule
from seqbench.models.weights import weights_digest
from seqbench.protocol import registry
from seqbench.protocol.config import RunConfig
from seqbench.protocol.specs import SequenceSpec
from seqbench.utils.errors import SeqbenchError
from tests.models.modules import COPY, PAIRS, SMALL, build_small_module

ACCEPTS_MEMORY = "tests.models.bodies.sequence_pairs:AcceptsMemory"
REQUIRES_MEMORY = "tests.models.bodies.sequence_pairs:RequiresMemory"

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def build_copy(arch: str, seed: int = 0) -> SequenceModule:
    return seqbench.build({"name": arch, "d_model": 8}, COPY, tier="smoke", optim=SMALL, seed=seed)


def build_pairs(data: Path, bridge: str = "additive", arch: str = "gru", **options: Any) -> SequenceModule:
    task = {**PAIRS, "data_dir": str(data / "pairs")}
    return seqbench.build(
        {"name": arch, "d_model": 8}, task, tier="smoke", optim=SMALL, body={"bridge": bridge, "heads": 2}, **options
    )


def test_the_task_and_the_backbone_decide_the_body(small_data: Path) -> None:
    bodies: dict[type[Body], SequenceModule] = {
        SingleBackbone: build_copy("gru"),
        OutputFeedback: build_copy("jordan"),
        EncoderDecoder: build_pairs(small_data),
        DecoderOnly: build_pairs(small_data, "decoder-only"),
    }
    for body, module in bodies.items():
        assert type(module.body) is body


def test_the_fed_back_outputs_are_the_predictions_of_the_modules_objective() -> None:
    module = build_copy("jordan")
    assert isinstance(module.body, OutputFeedback)
    assert module.body.predict == module.objective.predict


def test_without_another_encoder_the_encoder_has_the_class_and_options_of_the_decoder(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    load = registry.Entry.load

    def load_and_record(entry: registry.Entry) -> build.BackboneClass:
        if entry.group == registry.ARCHITECTURES:
            loaded.append(entry.name)
        backbone_class: build.BackboneClass = load(entry)
        return backbone_class

    monkeypatch.setattr(registry.Entry, "load", load_and_record)
    body = build_pairs(small_data).body
    assert isinstance(body, EncoderDecoder)
    assert type(body.encoder) is type(body.decoder)
    assert body.encoder is not body.decoder
    assert set(loaded) == {"gru"}


def test_another_encoder_has_the_width_of_the_decoder(small_data: Path) -> None:
    body = build_pairs(small_data, encoder="bigru").body
    assert isinstance(body, EncoderDecoder)
    assert type(body.encoder).__name__ == "BiGRU"
    assert body.encoder(torch.zeros(1, 3, 8), torch.tensor([3])).shape == (1, 3, 8)


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


def test_an_encoder_that_feeds_its_output_back_is_refused(small_data: Path) -> None:
    with pytest.raises(SeqbenchError, match="'jordan' feeds its output back, and an encoder has no output"):
        build_pairs(small_data, encoder="jordan")


def test_a_cross_attending_decoder_gets_an_encoder_but_no_bridge(small_data: Path) -> None:
    body = build_pairs(small_data, arch=REQUIRES_MEMORY, encoder="bigru").body
    assert isinstance(body, EncoderDecoder)
    assert type(body.encoder).__name__ == "BiGRU"
    assert list(body.bridge.parameters()) == []


def test_a_chosen_bridge_is_refused_for_a_cross_attending_decoder(small_data: Path) -> None:
    with pytest.raises(SeqbenchError, match=r"body\.bridge 'vector' would have no effect"):
        build_pairs(small_data, "vector", arch=ACCEPTS_MEMORY)


def test_without_an_encoder_an_optional_memory_is_left_out(small_data: Path) -> None:
    assert isinstance(build_copy(ACCEPTS_MEMORY).body, SingleBackbone)
    assert isinstance(build_pairs(small_data, "decoder-only", arch=ACCEPTS_MEMORY).body, DecoderOnly)
    pair = build_pairs(small_data, arch=ACCEPTS_MEMORY).body
    assert isinstance(pair, EncoderDecoder)
    assert pair.encoder(torch.zeros(1, 3, 8), torch.tensor([3])).shape == (1, 3, 8)


def test_a_required_memory_is_refused_where_there_is_none(small_data: Path) -> None:
    with pytest.raises(SeqbenchError, match=f"'{REQUIRES_MEMORY}' requires a memory"):
        build_copy(REQUIRES_MEMORY)
    with pytest.raises(SeqbenchError, match="requires a memory"):
        build_pairs(small_data, "decoder-only", arch=REQUIRES_MEMORY)
    with pytest.raises(SeqbenchError, match=r"requires a memory, .* choose another --encoder"):
        build_pairs(small_data, encoder=REQUIRES_MEMORY)


def test_a_backbone_that_looks_ahead_is_refused_where_the_task_does_not_allow_it() -> None:
    with pytest.raises(SeqbenchError, match=r"'bigru' looks ahead .* task 'copy' an output must not"):
        build_copy("bigru")


@pytest.mark.parametrize(
    ("arch", "reason"),
    [
        ("tests.backbones:RefusingWidth", "d_model must be 7, got 8"),
        ("tests.testing.backbones:ExitingInit", "no licence"),
    ],
)
def test_an_error_in_the_constructor_of_a_backbone_is_one_sentence(arch: str, reason: str) -> None:
    with pytest.raises(SeqbenchError, match=f"architecture '{arch}' refuses its options: {reason}"):
        build_copy(arch)


def test_options_of_the_embedding_reach_the_body(text_folder: Path) -> None:
    module = seqbench.build(
        {"name": "gru", "d_model": 8}, COPY, tier="smoke", body={"d_embed": 3, "dropout": 0.25, "embedding_std": 0.5}
    )
    assert isinstance(module.body, SingleBackbone)
    embedding = module.body.embedding
    assert embedding.table.get_parameter("weight").shape[1] == 3
    assert embedding.dropout.p == 0.25
    narrow = build_small_module({"name": "gru", "d_model": 8}, COPY, text_folder)
    assert isinstance(narrow.body, SingleBackbone)
    assert narrow.body.embedding.dropout.p == 0.0
