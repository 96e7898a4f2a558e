from __future__ import annotations

from pathlib import Path

import pytest

import seqbench
from seqbench.models.contract import module_probe
from seqbench.utils.errors import SeqbenchError
from seqbench.verification import consistency_checks, verify
from seqbench.verification.blind.consistency import Agreement, Difference
from seqbench.verification.blind_results import Comparison
from seqbench.verification.record_subject import SkippedError, Subject
from tests.verification.helpers import message_of, states, wrong

pytestmark = pytest.mark.usefixtures("nets_in_this_process")

CHEATS = "tests.models.contract.cheats"
FEW = {"steps": 20, "validate_every": 10}


def test_a_score_of_a_net_that_looks_ahead_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:  # As an older seqbench, which did not probe.
        patch.setattr(module_probe, "probe_module", lambda *args: None)
        arch = {"name": f"{CHEATS}:Next", "d_model": 8}
        folder = seqbench.run(arch, "copy", tier="smoke", optim=FEW, logger="none", runs=tmp_path).folder
    report = verify.verify_record(folder, trust=True)
    assert wrong(report)["causality"].startswith("the net looks ahead: its hidden vectors depend on later inputs: when")
    assert states(report)["consistency"] == "ok"
    assert not report.ok


def test_an_architecture_that_declares_to_look_ahead_is_said(tmp_path: Path) -> None:
    arch = {"name": "bigru", "d_model": 8}
    folder = seqbench.run(arch, "adding", tier="smoke", optim=FEW, logger="none", runs=tmp_path).folder
    report = verify.verify_record(folder)
    assert message_of(report, "causality") == "the architecture looks ahead, which the task allows"
    assert "a second process gave the same outputs for 256 rows" in message_of(report, "consistency")


def test_a_difference_without_replaced_inputs_is_one_of_the_evaluation(
    monkeypatch: pytest.MonkeyPatch, subject: Subject
) -> None:
    gradual = Agreement(compared=9, differences=[Difference("test", 3, 2, None, 0.5, True)], largest=0.5)
    monkeypatch.setattr(consistency_checks, "_comparison", lambda subject: Comparison(gradual, gradual))
    assert "rounding grows along the rows of this net, so 1 row of 9" in consistency_checks.check_consistency(subject)
    consistency_checks.check_causality(subject)
    different = Agreement(compared=9, differences=[Difference("test", 3, 2, None, 0.5)], tolerance=1e-5)
    monkeypatch.setattr(consistency_checks, "_comparison", lambda subject: Comparison(different, different))
    with pytest.raises(SeqbenchError, match=r"of step 2 of test sample 3 changed by 0\.5"):
        consistency_checks.check_consistency(subject)
    with pytest.raises(SkippedError, match="differ without replaced inputs too"):
        consistency_checks.check_causality(subject)


@pytest.mark.parametrize(
    ("size", "gradual", "rounding", "is_leak"),
    [
        (1.1e-5, True, 9e-6, False),
        (8e-5, True, 9e-6, False),
        (1.1e-5, True, 1e-7, True),  # More than ten times the rounding of the same rows.
        (1.1e-5, False, 9e-6, True),  # At once, and not along the row.
        (1.1e-5, True, 0.0, True),
    ],
)
def test_rounding_that_exceeds_the_tolerance_with_replaced_inputs_alone_is_no_leak(
    size: float, gradual: bool, rounding: float, is_leak: bool, monkeypatch: pytest.MonkeyPatch, subject: Subject
) -> None:
    found = Difference("test", 0, 55, 68, size, gradual)
    altered = Agreement(compared=256, cut=256, differences=[found], largest=size, tolerance=1e-5)
    comparison = Comparison(altered, Agreement(compared=256, largest=rounding, tolerance=1e-5))
    monkeypatch.setattr(consistency_checks, "_comparison", lambda subject: comparison)
    assert consistency_checks.looks_ahead(comparison) is is_leak
    if is_leak:
        with pytest.raises(SeqbenchError, match="the net looks ahead: its hidden vectors depend on later inputs"):
            consistency_checks.check_causality(subject)
    else:
        assert "no output depends on later inputs" in consistency_checks.check_causality(subject)
    consistency_checks.check_consistency(subject)


def test_a_score_that_depends_on_later_inputs_is_wrong_though_no_output_differs(
    monkeypatch: pytest.MonkeyPatch, subject: Subject
) -> None:
    same, other = Agreement(compared=40), Agreement(compared=40)
    for row in range(40):
        same.scores.add(("test", row, 0), {"accuracy": 9.0}, {"accuracy": 9.0})
        other.scores.add(("test", row, 0), {"accuracy": 9.0}, {"accuracy": 3.0})
    monkeypatch.setattr(consistency_checks, "_comparison", lambda subject: Comparison(other, same))
    with pytest.raises(SeqbenchError, match=r"the net looks ahead: its scores depend on later inputs.*changed by 67 %"):
        consistency_checks.check_causality(subject)
    consistency_checks.check_consistency(subject)
    monkeypatch.setattr(consistency_checks, "_comparison", lambda subject: Comparison(other, other))
    consistency_checks.check_causality(subject)
    with pytest.raises(SeqbenchError, match="the net scores otherwise in another process"):
        consistency_checks.check_consistency(subject)
