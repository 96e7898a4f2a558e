"""The context of a module: which body it assembles, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import seqbench
from seqbench.models.bodies import Body, DecoderOnly, EncoderDecoder, OutputFeedback, SingleBackbone
from seqbench.models.bodies.both_directions import BothDirections
from seqbench.models.context import BackboneClass
from seqbench.models.module import SequenceModule
from seqbench.protocol import registry
from seqbench.utils.errors import SeqbenchError
from tests.models.modules import COPY, PAIRS, SMALL, build_copy, build_pairs, build_small_module

ACCEPTS_MEMORY = "tests.models.bodies.sequence_pairs:AcceptsMemory"
REQUIRES_MEMORY = "tests.models.bodies.sequence_pairs:RequiresMemory"

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


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


def test_without_an_encoder_of_its_own_an_architecture_reads_the_source_in_both_directions(
    small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    load = registry.Entry.load

    def load_and_record(entry: registry.Entry) -> BackboneClass:
        if entry.group == registry.ARCHITECTURES:
            loaded.append(entry.name)
        backbone_class: BackboneClass = load(entry)
        return backbone_class

    monkeypatch.setattr(registry.Entry, "load", load_and_record)
    body = build_pairs(small_data, arch="minlstm").body
    assert isinstance(body, EncoderDecoder)
    assert isinstance(body.encoder, BothDirections)
    assert type(body.encoder.forwards) is type(body.encoder.backwards) is type(body.decoder)
    assert len({id(net) for net in (body.encoder.forwards, body.encoder.backwards, body.decoder)}) == 3
    assert body.encoder(torch.zeros(1, 3, 8), torch.tensor([3])).shape == (1, 3, 8)
    assert set(loaded) == {"minlstm"}


@pytest.mark.parametrize(
    ("arch", "encoder"),
    [
        ("gru", "BiGRU"),
        ("lstm", "BiLSTM"),
        ("rnn", "BiRNN"),
        ("transformer", "BiTransformer"),
        ("irnn", "BothDirections"),
    ],
)
def test_the_default_encoder_reads_in_both_directions(arch: str, encoder: str, small_data: Path) -> None:
    body = build_pairs(small_data, arch=arch).body
    assert isinstance(body, EncoderDecoder)
    assert type(body.encoder).__name__ == encoder
    assert type(body.decoder) is registry.find_entry(registry.ARCHITECTURES, arch).load()


def test_an_encoder_that_the_user_names_may_read_forwards_only(small_data: Path) -> None:
    body = build_pairs(small_data, encoder="gru").body
    assert isinstance(body, EncoderDecoder)
    assert type(body.encoder) is type(body.decoder)
    assert body.encoder is not body.decoder


def test_half_of_an_odd_width_is_refused(small_data: Path) -> None:
    task = {**PAIRS, "data_dir": str(small_data / "pairs")}
    with pytest.raises(SeqbenchError, match=r"'minlstm' reads in both directions .* must be even, got 7"):
        seqbench.build({"name": "minlstm", "d_model": 7}, task, tier="smoke", optim=SMALL)


def test_another_encoder_has_the_width_of_the_decoder(small_data: Path) -> None:
    body = build_pairs(small_data, encoder="bigru").body
    assert isinstance(body, EncoderDecoder)
    assert type(body.encoder).__name__ == "BiGRU"
    assert body.encoder(torch.zeros(1, 3, 8), torch.tensor([3])).shape == (1, 3, 8)


def test_an_encoder_that_feeds_its_output_back_is_refused(small_data: Path) -> None:
    with pytest.raises(SeqbenchError, match="'jordan' feeds its output back, and an encoder has no output"):
        build_pairs(small_data, encoder="jordan")


def test_a_cross_attending_decoder_gets_an_encoder_but_no_bridge(small_data: Path) -> None:
    body = build_pairs(small_data, "cross-attention", REQUIRES_MEMORY, encoder="bigru").body
    assert isinstance(body, EncoderDecoder)
    assert type(body.encoder).__name__ == "BiGRU"
    assert list(body.bridge.parameters()) == []


def test_another_bridge_replaces_optional_cross_attention_only(small_data: Path) -> None:
    body = build_pairs(small_data, "vector", ACCEPTS_MEMORY).body
    assert isinstance(body, EncoderDecoder)
    assert not body.attends
    with pytest.raises(SeqbenchError, match=r"requires a memory, .* choose another --body.bridge"):
        build_pairs(small_data, "vector", REQUIRES_MEMORY, encoder="bigru")


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


OWN = "tests.models.own_modules"


def test_a_module_on_pairs_takes_the_encoder_that_the_user_names_or_its_own(small_data: Path) -> None:
    body = build_pairs(small_data, arch=f"{OWN}:Plain", encoder="bigru").body
    assert isinstance(body, EncoderDecoder)
    assert type(body.encoder).__name__ == "BiGRU"
    own = build_pairs(small_data, arch=f"{OWN}:WithEncoder").body
    assert isinstance(own, EncoderDecoder)
    assert own.encoder is not own.decoder
    assert len(list(own.encoder.parameters())) == 2 * len(list(own.decoder.parameters()))


def test_a_module_on_pairs_without_an_encoder_is_refused_with_the_two_ways(small_data: Path) -> None:
    with pytest.raises(SeqbenchError, match=r"builds no encoder, .*; add --encoder NAME, or pass an encoder"):
        build_pairs(small_data, arch=f"{OWN}:Plain")


def test_two_encoders_are_refused(small_data: Path) -> None:
    with pytest.raises(SeqbenchError, match="builds its own encoder, so --encoder gru would have no effect"):
        build_pairs(small_data, arch=f"{OWN}:WithEncoder", encoder="gru")


def test_a_module_as_encoder_is_refused(small_data: Path) -> None:
    with pytest.raises(SeqbenchError, match=r"--encoder .* brings its own training .* a run has one training"):
        build_pairs(small_data, encoder=f"{OWN}:Plain")


def test_a_task_without_pairs_builds_no_encoder() -> None:
    assert not any("encoder" in name for name in build_copy(f"{OWN}:WithEncoder").state_dict())
