from __future__ import annotations

from seqbench.leaderboard.submissions import SCORED, TRAINED
from seqbench.protocol.identity.package_sources import seqbench_digest
from seqbench.verification.stamps import build_stamp, find_missing_proofs, find_problems
from seqbench.verification.verify import Check, CheckState, Report
from tests.leaderboard.kit import example_record
from tests.verification.requests.kit import new_record


def report(**states: CheckState) -> Report:
    return Report("here", tuple(Check(name, state, f"{name} is {state}") for name, state in states.items()))


def test_a_skipped_check_is_a_problem_and_so_is_a_wrong_one() -> None:
    assert find_problems(report(record="ok", weights="ok", scores="ok")) == []
    assert find_problems(report(record="ok", weights="wrong", scores="skipped")) == [
        "weights: weights is wrong",
        "scores was not checked: scores is skipped",
    ]


def test_only_a_second_run_that_agrees_replaces_the_checks_of_the_checkpoint() -> None:
    assert find_problems(report(lines="skipped", weights="skipped", scores="skipped", retrain="ok")) == []
    for state in ("skipped", "wrong"):
        assert len(find_problems(report(weights="skipped", retrain=state))) == 2
    assert find_problems(report(size="skipped", retrain="ok")) == ["size was not checked: size is skipped"]


def test_a_new_record_holds_digests_and_a_diverged_one_has_no_predictions() -> None:
    assert find_missing_proofs(new_record()) == ""
    assert find_missing_proofs(new_record(status="diverged", reason="the training loss is nan at step 3")) == ""
    assert "written by an older seqbench, without config.initial_weights" in find_missing_proofs(example_record())


def test_a_stamp_names_the_method_the_verifier_the_code_and_the_record() -> None:
    record = example_record()
    stamp = build_stamp(report(scores="ok"), "ci", record)
    assert (stamp.how, stamp.by, stamp.source) == (SCORED, "ci", seqbench_digest())
    assert stamp.belongs_to(record.digest())
    assert not stamp.belongs_to(example_record(seed=1).digest())
    assert build_stamp(report(weights="skipped", retrain="ok"), "submitter").how == TRAINED
