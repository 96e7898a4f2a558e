from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from seqbench.verification.blind.score_differences import ScoreDifferences, cut_targets
from tests.verification.blind import cheating_nets
from tests.verification.blind.local_nets import LocalNet
from tests.verification.blind.test_blind_scoring import build
from tests.verification.blind.test_consistency import compare
from tests.verification.blind.test_stream_consistency import compare as compare_streams

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.mark.parametrize(
    ("case", "net"),
    [
        *(("windows", net) for net in cheating_nets.HIDDEN),
        ("carried state", cheating_nets.HidesInNearTies),
        ("carried state", cheating_nets.HidesBesideLargeOutput),
    ],
)
def test_a_net_that_hides_later_inputs_below_rounding_is_found_by_its_score(
    case: str, net: type[LocalNet], text_folder: Path, small_data: Path
) -> None:
    module = build(case, text_folder, small_data)
    cheating_nets.show_codes(module, large=net is cheating_nets.HidesBesideLargeOutput)
    agreement = compare(module, net, comparisons=256) if case == "windows" else compare_streams(module, net, 1.0)[0]
    # The comparison of outputs alone accepts it: nothing differs, or only what has grown from rounding.
    assert agreement.only_rounding
    worst = agreement.scores.worst()
    assert worst is not None
    assert worst.first < worst.second or worst.metric == "accuracy"
    assert "over the same steps changed by" in worst.explain()


def test_scores_of_a_stream_are_compared_after_its_states_differ(text_folder: Path, small_data: Path) -> None:
    module = build("carried state", text_folder, small_data)
    cheating_nets.show_codes(module, large=False)
    agreement, _ = compare_streams(module, cheating_nets.HidesInChaos, 1.0)
    rows = agreement.scores.sums["accuracy"]
    assert len(rows) == 32
    assert agreement.compared < 64  # A chunk after a difference is not compared as outputs.
    assert sum(first - second for first, second in rows.values()) >= 8


def test_rows_of_the_same_sign_are_accepted_if_the_score_changes_by_rounding_alone() -> None:
    scores = ScoreDifferences()
    for row in range(200):
        scores.add(("test", row, 0), {"loss": 2.0}, {"loss": 2.0 + 1e-6})
    assert scores.worst() is None


def test_differences_that_may_be_exchanged_are_accepted() -> None:
    rng, found = random.Random(0), 0
    for _ in range(300):
        scores = ScoreDifferences()
        for row in range(100):
            scores.add(("test", row, 0), {"loss": rng.gauss(2, 1)}, {"loss": rng.gauss(2, 1)})
        found += scores.worst() is not None
    assert found == 0


def test_a_row_that_is_compared_several_times_counts_once() -> None:
    scores = ScoreDifferences()
    for _ in range(50):
        scores.add(("test", 0, 0), {"accuracy": 1.0}, {"accuracy": 0.0})
    assert scores.worst() is None


def test_targets_after_the_cut_are_not_scored(text_folder: Path, small_data: Path) -> None:
    module = build("classes of steps", text_folder, small_data)
    assert module.data is not None
    row = module.data.stream("test", 0).rows(torch.tensor([1]))
    cut = cut_targets(row, 3)
    assert cut.targets.tolist() == row.targets[:, :3].tolist()
    assert (cut.weights.shape, int(cut.lengths)) == ((1, 3), 3)
