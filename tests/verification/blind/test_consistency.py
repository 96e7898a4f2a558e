from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from seqbench.models.module import SequenceModule
from seqbench.protocol.specs import TokenSequence
from seqbench.verification.blind import consistency
from seqbench.verification.blind.altered_rows import KeptRow, can_be_cut
from seqbench.verification.blind.blind_batches import hide_targets
from seqbench.verification.blind.blind_scoring import BlindScorer, Head
from seqbench.verification.blind.consistency import Agreement, KeptRows, compare_rows, explain_differences
from tests.verification.blind import cheating_nets
from tests.verification.blind.local_nets import LocalNet
from tests.verification.blind.test_blind_scoring import CARRIED, CASES, build

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

ON_SEQUENCES = [name for name in CASES if name not in CARRIED]


def compare(module: SequenceModule, net: type[LocalNet], seed: int = 0, comparisons: int = 40) -> Agreement:
    """Let one process of a net be scored, and compare it with a second one."""
    assert module.data is not None
    data, rng = module.data, random.Random(seed)
    head = Head(module.context.config, data, module.state_dict())
    feeds_back = hasattr(module.body, "predict")
    kept = KeptRows(data.spec, feeds_back, comparisons, rng)
    BlindScorer(net(module), head, data, feeds_back).score(
        [*data.splits("validation"), *data.splits("test")], kept.observe
    )
    return compare_rows(net(module), head, kept.rows(), rng, comparisons)


@pytest.mark.parametrize("case", ON_SEQUENCES)
def test_an_honest_net_agrees_within_rounding(case: str, text_folder: Path, small_data: Path) -> None:
    module = build(case, text_folder, small_data)
    agreement = compare(module, LocalNet)
    assert agreement.differences == []
    assert agreement.compared >= 20
    assert agreement.largest <= agreement.tolerance == 1e-5
    assert agreement.cut == (agreement.compared if can_be_cut(module.spec) else 0)


@pytest.mark.parametrize("net", cheating_nets.ROWS)
@pytest.mark.parametrize("case", ["classes of steps", "windows", "encoder and decoder"])
def test_a_cheating_net_gives_two_different_answers(
    case: str, net: type[LocalNet], text_folder: Path, small_data: Path
) -> None:
    module = build(case, text_folder, small_data)
    for seed in range(3):
        agreement = compare(module, net, seed)
        assert agreement.differences, net.__name__
        assert agreement.largest > 1e-5


def test_a_net_that_knows_the_length_of_the_whole_row_is_found(text_folder: Path, small_data: Path) -> None:
    assert compare(build("probes of lengths", text_folder, small_data), cheating_nets.ReadsLengths).differences


def test_where_outputs_may_look_ahead_groups_and_order_alone_are_compared(text_folder: Path, small_data: Path) -> None:
    module = build("values", text_folder, small_data)
    assert module.spec.look_ahead
    for net in (cheating_nets.RemembersBatches, cheating_nets.CountsRows, cheating_nets.NumbersRows):
        agreement = compare(module, net)
        assert agreement.cut == 0
        assert agreement.differences


def test_the_decoder_alone_is_cut_and_the_whole_source_is_read(text_folder: Path, small_data: Path) -> None:
    module = build("encoder and decoder", text_folder, small_data)
    assert isinstance(module.spec.output, TokenSequence)
    seen: list[LocalNet] = []

    class Seen(LocalNet):
        def __init__(self, module: SequenceModule) -> None:
            super().__init__(module)
            seen.append(self)

    compare(module, Seen)
    sources = [
        {
            tuple(row[:length].tolist())
            for batch in net.asked
            for row, length in zip(batch.inputs, batch.lengths, strict=True)
        }
        for net in seen
    ]
    assert sources[1] <= sources[0]
    starts = {
        int(batch.decoder_inputs[row, 0])
        for batch in seen[1].asked
        if batch.decoder_inputs is not None
        for row in range(len(batch))
    }
    assert starts == {module.spec.output.start}


def test_every_row_is_equally_likely_to_be_kept(text_folder: Path, small_data: Path) -> None:
    module = build("classes of steps", text_folder, small_data)
    assert module.data is not None
    data, counts = module.data, dict.fromkeys(range(16), 0)
    batches = [data.stream("test", step) for step in range(data.steps("test"))]
    for seed in range(400):
        kept = KeptRows(data.spec, False, 4, random.Random(seed))
        for step, batch in enumerate(batches):
            kept.observe("test", step, batch, torch.zeros(len(batch), batch.targets.shape[1], 2))
        assert len({row.sample for row in kept.rows()}) == 4
        for row in kept.rows():
            counts[row.sample] += 1
    assert all(60 <= count <= 145 for count in counts.values()), counts  # 100 expected; 5 standard deviations.


def test_the_sentence_names_the_kind_of_the_difference_and_its_place(text_folder: Path, small_data: Path) -> None:
    module = build("classes of steps", text_folder, small_data)
    found = compare(module, cheating_nets.ReadsNextInput)
    assert explain_differences(found, Agreement()).startswith("its hidden vectors depend on later inputs: when the")
    worst = max(found.differences, key=lambda difference: difference.size)
    assert f"that of step {worst.step} of {worst.split} sample {worst.sample}" in explain_differences(found, None)
    assert "in other batches and another order" in explain_differences(found, found)


def test_no_two_verifications_draw_the_same_numbers() -> None:
    assert len({consistency.secret_random().random() for _ in range(20)}) == 20


def test_rounding_that_grows_along_a_chaotic_net_is_told_from_a_jump(text_folder: Path, small_data: Path) -> None:
    module = build("classes of steps", text_folder, small_data)
    assert module.data is not None
    head = Head(module.context.config, module.data, module.state_dict())
    hidden = torch.ones(16, head.objective.head.in_features)  # type: ignore[call-overload]  # The head is a linear map.
    row = KeptRow(
        "test", 0, 0, hide_targets(module.data.stream("test", 0), module.spec).rows(torch.tensor([0])), hidden
    )
    growth, jump = 1e-8 * 3.0 ** torch.arange(16)[:, None], torch.zeros(16, 1)
    jump[9:] = 0.1
    for change, gradual in ((growth, True), (jump, False)):
        agreement = Agreement()
        agreement.add(row, hidden + change, None, head)
        assert [difference.gradual for difference in agreement.differences] == [gradual]
        assert agreement.only_rounding == gradual
