"""Each check of backbones finds the one that is broken in its way, and nothing in those that are not."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from seqbench.testing import ARCHITECTURE_CHECKS, Check, Failure, architecture_checks, check_architecture
from seqbench.testing.architecture_subject import ArchitectureSubject
from seqbench.testing.report import check_name
from seqbench.utils.errors import SeqbenchError
from tests.backbones import Raising, RefusingWidth
from tests.testing import backbones
from tests.testing.backbones import BROKEN, Feeding, FeedingAhead, Good, Plain

NEEDS_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")


@pytest.mark.parametrize("check", architecture_checks(Good), ids=str)
def test_a_good_one_passes_each(check: Check) -> None:
    check()


@pytest.mark.parametrize("cls", [Plain, Feeding, backbones.DropPath, backbones.Wrapped])
def test_other_good_ones_pass(cls: Any) -> None:
    report = check_architecture(cls)
    assert ("start" in {outcome.name for outcome in report.skipped}) == (cls is Plain)


@pytest.mark.parametrize("cls", [Good, backbones.DropPath, backbones.NumpyPath])
def test_what_draws_in_training_is_not_compared_there(cls: Any) -> None:
    subject = ArchitectureSubject(cls)
    assert [net.training for net in subject.modes(subject.stirred())] == ([False, True] if cls is Good else [False])


@pytest.mark.parametrize("ahead", [False, True])
def test_an_option_may_decide_whether_it_looks_ahead(ahead: bool) -> None:
    report = check_architecture(backbones.Choosing, options={"ahead": ahead})
    assert ("causality_by_gradient" in {outcome.name for outcome in report.skipped}) == ahead


def test_each_check_has_its_broken_example() -> None:
    assert list(BROKEN) == [check_name(check) for check in ARCHITECTURE_CHECKS]


def _found(name: str) -> set[str]:
    report = check_architecture(BROKEN[name].cls, strict=False, **BROKEN[name].settings)
    return {outcome.name for outcome in report.failed}


@pytest.mark.parametrize("name", [name for name, broken in BROKEN.items() if not broken.gpu])
def test_a_broken_one_is_found_by_its_check_alone(name: str) -> None:
    assert _found(name) == {name} | BROKEN[name].also


@pytest.mark.gpu
@NEEDS_CUDA
@pytest.mark.parametrize("name", [name for name, broken in BROKEN.items() if broken.gpu])
def test_what_breaks_on_a_gpu_is_found_there(name: str) -> None:
    assert _found(name) - {name} <= BROKEN[name].also
    assert name in _found(name)


@pytest.mark.gpu
@NEEDS_CUDA
def test_a_good_one_passes_on_a_gpu() -> None:
    assert {"cuda", "compiled"} <= {outcome.name for outcome in check_architecture(Good).passed}


def test_looking_ahead_at_previous_outputs_is_found() -> None:
    found = {outcome.name for outcome in check_architecture(FeedingAhead, strict=False).failed}
    assert {"causality_by_gradient", "causality_by_change"} <= found


def test_looking_ahead_in_training_alone_is_found() -> None:
    (check,) = [
        check for check in architecture_checks(backbones.PeekingInTraining) if check.name == "causality_by_change"
    ]
    with pytest.raises(Failure, match="in training when"):
        check()


def test_looking_ahead_through_a_gate_that_is_still_shut_is_found() -> None:
    found = {outcome.name for outcome in check_architecture(backbones.Gated, strict=False).failed}
    assert {"causality_by_gradient", "causality_by_change"} <= found


def test_all_failures_are_told_at_once() -> None:
    with pytest.raises(Failure, match=r"Single: 2[0-9] passed, \d+ skipped, 2 failed\n  dtypes: .*\n  bfloat16: "):
        check_architecture(backbones.Single)


def test_what_is_raised_is_told_with_its_line() -> None:
    report = check_architecture(Raising, strict=False)
    (shapes,) = [outcome for outcome in report.failed if outcome.name == "shapes"]
    assert shapes.reason.startswith("raised RuntimeError: shapes (3, 4) and (5, 6) do not fit (backbones.py:")


@pytest.mark.parametrize(
    ("cls", "name", "sentence"),
    [
        (
            backbones.Peeking,
            "causality_by_change",
            r"output 0 changed by 0\.\d+ in evaluation when inputs from 1 on",
        ),
        (
            backbones.StraightThrough,
            "causality_by_gradient",
            r"output 0 has a gradient of .+ with respect to input \d;",
        ),
        (backbones.FirstState, "chunks", r"chunks of \[6, 5\] steps differ from the whole from output 6 on"),
        (backbones.Unused, "gradients", "no gradient reaches spare;"),
        (backbones.Looking, "meta_device", r"make tensors on x's device, and let no shape or branch depend on"),
    ],
)
def test_failures_say_what_came_and_what_to_do(cls: Any, name: str, sentence: str) -> None:
    (check,) = [check for check in architecture_checks(cls) if check.name == name]
    with pytest.raises(Failure, match=sentence):
        check()


@pytest.mark.parametrize(
    ("cls", "sentence"),
    [
        (backbones.Undeclared, "it does not say whether it looks ahead; say causal = True or False."),
        (backbones.Vague, "its attribute causal must be True or False, got 'yes'."),
        (backbones.NamedOnly, r"expected forward\(x, lengths=None\), got forward\(.*depth.*\); name and order"),
    ],
)
def test_what_signature_refuses(cls: Any, sentence: str) -> None:
    (check,) = [check for check in architecture_checks(cls) if check.name == "signature"]
    with pytest.raises(Failure, match=sentence):
        check()


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (lambda h: h[None], "the batch must come first"),
        (lambda h: (h, 3), "the state holds 3"),
        (lambda h: (h, None), "the state holds None"),
        (lambda h: (h, torch.tensor(3)), "one for each row"),
    ],
)
def test_states_of_other_forms_are_refused(state: Any, sentence: str) -> None:
    class Odd(Good):
        def unroll(self, x: torch.Tensor, before: Any = None) -> Any:
            y, after = self.run(x, None)
            return y, state(after)

    (outcome,) = [check.outcome() for check in architecture_checks(Odd) if check.name == "state_form"]
    assert sentence in outcome.reason


def test_a_none_in_a_state_is_told_once() -> None:
    report = check_architecture(backbones.Lacking, strict=False)
    assert [outcome.name for outcome in report.failed] == ["state_form"]
    skipped = {outcome.name for outcome in report.skipped if "see state_form" in outcome.reason}
    assert skipped == {"state_rows", "state_kept", "state_detached"}


def test_a_forward_that_exits_fails_its_checks() -> None:
    report = check_architecture(backbones.Leaving, strict=False)
    (shapes,) = [outcome for outcome in report.failed if outcome.name == "shapes"]
    assert shapes.reason.startswith("raised SystemExit: no licence (backbones.py:")


@pytest.mark.parametrize(
    ("cls", "sentence"), [(backbones.PaddedMean, "and it does"), (Plain, "depends on no later input")], ids=str
)
def test_a_claim_to_look_ahead_is_looked_into(cls: Any, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cls, "causal", False)
    (outcome,) = [check.outcome() for check in architecture_checks(cls) if check.name == "causality_by_change"]
    assert outcome.state == "skipped"
    assert sentence in outcome.reason


def test_without_cuda_the_reasons_are_told() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    reasons = {outcome.name: outcome.reason for outcome in check_architecture(Good).skipped}
    assert reasons["cuda"] == "there is no CUDA device here"
    assert "on a CPU it can corrupt memory" in reasons["compiled"]
    assert reasons["parameter_count"] == "no count was declared"


def test_a_declared_count_that_fits_passes() -> None:
    report = check_architecture(Good, d_model=6, options={"dropout": 0.1}, parameters=2 * (6 * 6 + 6))
    assert "parameter_count" in {outcome.name for outcome in report.passed}


def test_the_callers_random_numbers_are_left_alone() -> None:
    before = torch.get_rng_state()
    check_architecture(Good)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("backbone", "sentence"),
    [
        (
            RefusingWidth,
            r"RefusingWidth\(d_model=16\) cannot be made, it raised AssertionError: d_model must be 7, got 16",
        ),
        (backbones.LeavingAtOnce, r"LeavingAtOnce\(d_model=16\) cannot be made, it raised SystemExit: no licence"),
        ("gruu", "unknown architecture 'gruu'. Did you mean 'gru'"),
        ("math:sqrt", "sqrt"),
        (Good(4), "a backbone is a class that extends torch.nn.Module, got Good"),
    ],
)
def test_what_cannot_be_made_is_one_sentence(backbone: Any, sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        check_architecture(backbone)
