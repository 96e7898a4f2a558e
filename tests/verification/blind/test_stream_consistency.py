from __future__ import annotations

import random
from pathlib import Path

import pytest

from seqbench.models.module import SequenceModule
from seqbench.verification.blind.blind_scoring import BlindScorer, Head
from seqbench.verification.blind.consistency import Agreement
from seqbench.verification.blind.stream_consistency import KeptStreams, compare_streams
from tests.verification.blind import cheating_nets
from tests.verification.blind.local_nets import LocalNet
from tests.verification.blind.test_blind_scoring import build

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

CHEATS = (*cheating_nets.ROWS, cheating_nets.KeepsAlteredChunks)


def compare(module: SequenceModule, net: type[LocalNet], altered: float = 0.5) -> tuple[Agreement, LocalNet]:
    assert module.data is not None
    data, rng = module.data, random.Random(0)
    head = Head(module.context.config, data, module.state_dict())
    feeds_back = hasattr(module.body, "predict")
    kept = KeptStreams(data, feeds_back, rng)
    BlindScorer(net(module), head, data, feeds_back).score(["validation", "test"], kept.observe)
    second = net(module)
    return compare_streams(second, head, kept, rng, altered), second


@pytest.mark.parametrize("case", ["carried state", "output feedback on a stream"])
def test_an_honest_net_agrees_within_rounding(case: str, text_folder: Path, small_data: Path) -> None:
    module = build(case, text_folder, small_data)
    agreement, second = compare(module, LocalNet)
    assert agreement.differences == []
    assert 0 < agreement.cut < agreement.compared
    assert {len(batch) for batch in second.asked} == {8}  # A quarter of 32 streams.


@pytest.mark.parametrize("net", CHEATS)
def test_a_cheating_net_gives_two_different_answers(net: type[LocalNet], text_folder: Path, small_data: Path) -> None:
    agreement, _ = compare(build("carried state", text_folder, small_data), net)
    assert agreement.differences


def test_without_altered_chunks_only_groups_and_order_are_compared(text_folder: Path, small_data: Path) -> None:
    agreement, _ = compare(build("carried state", text_folder, small_data), cheating_nets.ReadsNextInput, altered=0.0)
    assert (agreement.cut, agreement.differences) == (0, [])
