from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from seqbench.models.module import SequenceModule
from seqbench.running import scoring
from seqbench.utils.errors import SeqbenchError
from seqbench.verification.blind.blind_scoring import BlindScorer, Head
from tests.models.modules import CHARACTERS, COPY, PAIRS, build_small_module, build_trainer
from tests.verification.blind.local_nets import LocalNet

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

PARITY: dict[str, Any] = {"name": "parity", "samples": 20, "probe_lengths": [10, 20], "probe_samples": 12}
ADDING: dict[str, Any] = {"name": "adding", "length": 12, "samples": 20}
DECODER_ONLY = {**PAIRS, "bridge": "decoder-only"}
CROSS_ATTENTION = {**PAIRS, "bridge": "cross-attention"}
TIED = {**CHARACTERS, "body": {"tie": True}}
PROJECTED = {**CHARACTERS, "body": {"tie": True, "d_embed": 24}}
CASES: dict[str, tuple[str | dict[str, Any], dict[str, Any]]] = {
    "classes of steps": ("gru", COPY),
    "probes of lengths": ("transformer", PARITY),
    "values": ("bigru", ADDING),
    "carried state": ("gru", CHARACTERS),
    "windows": ({"name": "tests.testing.backbones:ConformingWithoutUnroll", "d_model": 8}, CHARACTERS),
    "encoder and decoder": ("gru", PAIRS),
    "decoder only": ("gru", DECODER_ONLY),
    "decoder only, tied": ("transformer", {**PAIRS, "body": {"bridge": "decoder-only", "tie": True}}),
    "cross-attention in every layer": ("transformer", CROSS_ATTENTION),
    "tied to the embedding": ("gru", TIED),
    "tied to an embedding of another width": ("tcn", PROJECTED),
    "output feedback": ("jordan", COPY),
    "output feedback on a stream": ("narx", CHARACTERS),
}
CARRIED = {
    "carried state",
    "tied to the embedding",
    "tied to an embedding of another width",
    "output feedback on a stream",
}
"""Cases whose rows continue those of the batch before them."""


def build(case: str, text_folder: Path, small_data: Path) -> SequenceModule:
    arch, task = CASES[case]
    return build_small_module(arch, task, text_folder, small_data)


def score_blind(module: SequenceModule, net: LocalNet) -> scoring.Evaluated:
    assert module.data is not None
    data = module.data
    head = Head(module.context.config, data, module.state_dict())
    scorer = BlindScorer(net, head, data, hasattr(module.body, "predict"))
    return scorer.score([*data.splits("validation"), *data.splits("test")])


@pytest.mark.parametrize("case", CASES)
def test_blind_scores_are_those_of_a_run_bit_for_bit(case: str, text_folder: Path, small_data: Path) -> None:
    module = build(case, text_folder, small_data)
    trainer = build_trainer()
    trainer.validate(module, verbose=False)
    trainer.test(module, verbose=False)
    blind = score_blind(module, LocalNet(module))
    assert blind.evaluated == module.evaluated
    assert {split: rows for split, rows in blind.decoded.items() if rows} == {
        split: rows for split, rows in module.decoded.items() if rows
    }
    for split in ("validation", "test"):
        assert scoring.split_metrics(blind, split) == scoring.split_metrics(module, split)
    assert scoring.length_curves(blind) == scoring.length_curves(module)
    assert scoring.prediction_digests(blind) == scoring.prediction_digests(module) != {}


def test_everything_is_decoded_before_a_target_is_given(text_folder: Path, small_data: Path) -> None:
    """A net could keep the targets that it reads under teacher forcing, and give them as its translation."""
    module = build("encoder and decoder", text_folder, small_data)
    net = LocalNet(module)
    score_blind(module, net)
    calls = sorted(range(len(net.calls)), key=lambda number: net.calls[number] != "decode")
    assert calls == list(range(len(net.calls)))
    assert {"decode", "hidden vectors"} == set(net.calls)
    for call, batch in zip(net.calls, net.asked, strict=True):
        assert (batch.decoder_inputs is None) == (call == "decode")


def test_a_head_that_is_not_that_of_the_task_is_refused(text_folder: Path, small_data: Path) -> None:
    module = build("classes of steps", text_folder, small_data)
    assert module.data is not None
    weights = {**module.state_dict(), "objective.head.weight": torch.zeros(3, 3)}
    with pytest.raises(SeqbenchError, match="the head in the checkpoint is not that of the task"):
        Head(module.context.config, module.data, weights)
