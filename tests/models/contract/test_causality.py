"""The causality probe, on backbones that look ahead and on backbones that only seem to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import nn

import seqbench
from seqbench.architectures.bidirectional import BiGRU
from seqbench.architectures.recurrent import GRU
from seqbench.models.bodies import DecoderOnly, EncoderDecoder, OutputFeedback, SingleBackbone
from seqbench.models.contract import causality, module_probe
from seqbench.models.contract.causality import LooksAheadError
from seqbench.models.module import SequenceModule
from seqbench.protocol.record_fields import Causality
from seqbench.utils.errors import SeqbenchError
from tests.models.contract import cheats
from tests.models.modules import PAIRS, build_small_module

PARITY = {"name": "parity", "samples": 8, "probe_lengths": [120], "probe_samples": 8, "validation_lengths": [120]}


def build_with(backbone: type[nn.Module], task: str = "copy-10") -> SequenceModule:
    """Return a module of the smoke tier with a backbone of width 16 in place of its own."""
    options = PARITY if task == "parity" else task
    module = seqbench.build({"name": "gru", "d_model": 16}, options, tier="smoke")
    module.body = SingleBackbone(module.spec, backbone(d_model=16), 16)
    return module


def probe(module: SequenceModule, trained: bool = False) -> Causality:
    result = module_probe.probe_module(module, trained=trained)
    assert result is not None
    return result


@pytest.mark.parametrize(
    ("backbone", "where"),
    [
        (cheats.Next, "in evaluation when inputs from"),
        (cheats.NextInUnroll, "by unroll in evaluation when inputs from"),
        (cheats.NextInTraining, "in training when inputs from"),
        (cheats.NextInEvaluation, "in evaluation when inputs from"),
        (cheats.FarAhead, "in evaluation when inputs from"),
        (cheats.AtBlockBorders, "output 15 changed by .+ when inputs from 16 on"),
        (cheats.OverTime, "in training when inputs from"),
        (cheats.Length, "when the inputs ended after 16 steps"),
    ],
)
def test_each_way_of_looking_ahead_is_found(backbone: type[nn.Module], where: str) -> None:
    with pytest.raises(
        LooksAheadError, match=f"{where}(.|\\n)*BatchNorm over time, and a layer without batch_first"
    ) as caught:
        probe(build_with(backbone))
    assert str(caught.value).startswith(f"{backbone.__name__} looks ahead: output ")
    assert "mask what comes later, or set causal = False" in str(caught.value)
    assert caught.value.result.looks_ahead
    assert caught.value.result.largest_change > 100 * caught.value.result.tolerance


def test_a_leak_in_sequences_longer_than_those_of_training_is_found() -> None:
    with pytest.raises(LooksAheadError, match=r"output .+ changed"):
        probe(build_with(cheats.LongSequences, "parity"))
    assert not probe(build_with(cheats.LongSequences)).looks_ahead


def test_a_leak_of_trained_weights_is_found_once_they_are_trained() -> None:
    module = build_with(cheats.NextByGate)
    assert probe(module).largest_change == 0
    backbone = module.body.decoding_backbone
    assert isinstance(backbone, cheats.NextByGate)
    nn.init.constant_(backbone.gate, 1e-3)
    with pytest.raises(LooksAheadError, match="NextByGate looks ahead with the trained weights: "):
        probe(module, trained=True)


@pytest.mark.parametrize(
    "backbone", [cheats.Honest, cheats.SeededNoise, cheats.Counting, cheats.InvalidFuture, cheats.Undeclared]
)
@pytest.mark.parametrize("task", ["copy-10", "parity", "plan", "adding"])
def test_a_causal_backbone_passes(backbone: type[nn.Module], task: str) -> None:
    result = probe(build_with(backbone, task))
    assert not result.looks_ahead
    assert result.largest_change <= result.tolerance == 1e-5


@pytest.mark.parametrize("backbone", [cheats.OwnNoise, cheats.PreviousBatch])
def test_noise_and_memory_between_calls_are_remarked_and_are_no_leak(backbone: type[nn.Module]) -> None:
    result = probe(build_with(backbone))
    assert not result.looks_ahead
    assert f"two passes of {backbone.__name__} differ by" in result.note
    assert "it draws random numbers, or keeps something between calls" in result.note


def test_a_leak_larger_than_the_noise_is_found() -> None:
    class Both(cheats.OwnNoise):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 1e-3 * super().forward(x) + cheats.next_step(x)

    with pytest.raises(LooksAheadError):
        probe(build_with(Both))


def test_rounding_that_weights_make_larger_is_remarked_and_is_no_leak() -> None:
    result = probe(build_with(cheats.LargeWeights, "parity"))
    assert not result.looks_ahead
    assert re.search(r"weights of LargeWeights that are rounded in another way change outputs by 0.000", result.note)
    assert "so the probe finds no smaller leak: its weights make rounding larger" in result.note


def test_a_leak_larger_than_the_rounding_of_the_weights_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cheats.LargeWeights, "leak", 0.1)
    with pytest.raises(LooksAheadError, match="LargeWeights looks ahead"):
        probe(build_with(cheats.LargeWeights))


def test_a_leak_just_beyond_rounding_is_found_in_a_net_that_does_not_enlarge_it() -> None:
    module = build_with(cheats.NextByGate)
    backbone = module.body.decoding_backbone
    assert isinstance(backbone, cheats.NextByGate)
    nn.init.constant_(backbone.gate, 5e-5)
    with pytest.raises(LooksAheadError, match="NextByGate looks ahead"):
        probe(module)


def test_outputs_that_are_not_finite_are_not_compared_but_those_that_become_so_are() -> None:
    before = torch.tensor([[[1.0], [float("nan")], [2.0]]])
    kept = torch.tensor([[True, True, False]])
    assert causality.largest_change(before, before.clone(), kept).size == 0
    after = torch.tensor([[[float("nan")], [5.0], [9.0]]])
    found = causality.largest_change(before, after, kept)
    assert (found.size, found.row, found.step) == (float("inf"), 0, 0)


def test_an_undeclared_causality_is_probed_and_said() -> None:
    result = probe(build_with(cheats.Undeclared))
    assert (result.declared, result.looks_ahead) == (None, False)
    assert "Undeclared does not declare causal; the probe found that it does not look ahead" in result.note
    with pytest.raises(LooksAheadError, match="UndeclaredAhead does not declare causal, and it looks ahead: "):
        probe(build_with(cheats.UndeclaredAhead))
    allowed = probe(build_with(cheats.UndeclaredAhead, "adding"))
    assert (allowed.declared, allowed.looks_ahead) == (None, True)
    assert "declare causal = False" in allowed.note


def test_a_false_declaration_is_refused_also_where_the_task_allows_to_look_ahead() -> None:
    with pytest.raises(LooksAheadError, match="Next looks ahead"):
        probe(build_with(cheats.Next, "adding"))


def test_a_declaration_that_is_not_true_or_false_is_refused() -> None:
    with pytest.raises(SeqbenchError, match="causal of CausalAsText that is True or False, got 'yes'; declare it"):
        probe(build_with(cheats.CausalAsText))


def test_a_backbone_that_reads_padding_is_refused_where_sequences_are_padded(
    small_data: Path, text_folder: Path
) -> None:
    sentences = {"name": "sentiment", "data_dir": "sentences"}
    module = build_small_module({"name": "bigru", "d_model": 8}, sentences, text_folder, small_data)
    assert probe(module).looks_ahead
    module.body = SingleBackbone(module.spec, cheats.BidirectionalOverPadding(8), 8)
    with pytest.raises(SeqbenchError, match=r"takes no lengths, so padding changed output \d+ by .*mask the steps"):
        probe(module)
    assert probe(build_with(cheats.BidirectionalOverPadding, "adding")).looks_ahead  # Without padding it is right.


def test_a_feedback_backbone_is_probed_with_its_previous_outputs() -> None:
    module = seqbench.build({"name": "jordan", "d_model": 8}, "copy", tier="smoke")
    assert isinstance(module.body, OutputFeedback)
    assert probe(module).largest_change == 0
    module.body.backbone = cheats.FeedbackAhead(8)
    with pytest.raises(LooksAheadError, match=r"FeedbackAhead looks ahead: .* in training when inputs from"):
        probe(module)


@pytest.mark.parametrize("bridge", ["additive", "vector", "decoder-only"])
def test_the_decoder_of_a_translation_is_probed(bridge: str, small_data: Path, text_folder: Path) -> None:
    module = build_small_module({"name": "gru", "d_model": 8}, {**PAIRS, "bridge": bridge}, text_folder, small_data)
    assert not probe(module).looks_ahead
    for cheat in (cheats.Next, cheats.NextInUnroll, cheats.NextInTraining):
        if isinstance(module.body, DecoderOnly):
            module.body.backbone = cheat(8)
        else:
            assert isinstance(module.body, EncoderDecoder)
            module.body.decoder = cheat(8)
        with pytest.raises(LooksAheadError, match=f"{cheat.__name__} looks ahead"):
            probe(module)


def test_an_encoder_may_look_ahead_but_not_read_padding(small_data: Path, text_folder: Path) -> None:
    module = build_small_module({"name": "gru", "d_model": 8}, PAIRS, text_folder, small_data)
    assert isinstance(module.body, EncoderDecoder)
    module.body.encoder = BiGRU(8)
    assert not probe(module).looks_ahead
    module.body.encoder = cheats.BidirectionalOverPadding(8)
    with pytest.raises(SeqbenchError, match="BidirectionalOverPadding looks ahead, and its forward takes no lengths"):
        probe(module)


def test_a_cross_attending_decoder_is_probed(small_data: Path, text_folder: Path) -> None:
    class Attending(cheats.CrossAttendingAhead):
        def forward(
            self, x: torch.Tensor, *, memory: torch.Tensor | None = None, memory_lengths: torch.Tensor | None = None
        ) -> torch.Tensor:
            y: torch.Tensor = self.gru(x)[0]
            return y if memory is None else y + memory[:, :1]

    module = build_small_module({"name": "gru", "d_model": 8}, PAIRS, text_folder, small_data)
    module.body = EncoderDecoder(module.spec, GRU(8), Attending(8), 8, "additive")
    assert not probe(module).looks_ahead
    module.body.decoder = cheats.CrossAttendingAhead(8)
    with pytest.raises(LooksAheadError, match="CrossAttendingAhead looks ahead"):
        probe(module)


def test_a_stream_is_probed_by_unroll_in_training(text_folder: Path) -> None:
    characters = {"name": "char-lm", "length": 16, "window": 32}
    module = build_small_module({"name": "gru", "d_model": 8}, characters, text_folder)
    assert not probe(module).looks_ahead
    assert isinstance(module.body, SingleBackbone)
    module.body.backbone = cheats.NextInUnroll(8)
    with pytest.raises(LooksAheadError, match="by unroll in evaluation"):
        probe(module)


def test_errors_of_a_method_that_the_run_does_not_use_are_remarked() -> None:
    class NoUnroll(cheats.Honest):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return cheats.Honest.unroll(self, x)[0]

        def unroll(self, x: torch.Tensor, state: object = None) -> tuple[torch.Tensor, torch.Tensor]:
            raise RuntimeError("not yet")

    assert (
        "unroll of NoUnroll raised RuntimeError in a pass that the run does not need: not yet"
        in probe(build_with(NoUnroll)).note
    )


def test_errors_at_lengths_that_training_does_not_have_are_remarked() -> None:
    class FixedLength(cheats.Honest):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if x.shape[1] != 40:
                raise IndexError("40 positions")
            return super().forward(x)

    note = probe(build_with(FixedLength, "parity")).note
    assert "forward of FixedLength raised IndexError with 26 steps instead of 40: 40 positions" in note
    assert "raised IndexError with 120 steps, the longest sequence of the task" in note
