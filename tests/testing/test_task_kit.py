"""Each check of tasks finds the one that is broken in its way, and nothing in those that are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from seqbench.protocol.specs import Batch
from seqbench.testing import TASK_CHECKS, Check, Failure, check_task, task_checks
from seqbench.testing.report import check_name
from seqbench.utils.errors import SeqbenchError
from tests.testing import tasks
from tests.testing.tasks import BROKEN, card

GENERATED: dict[str, dict[str, Any]] = {
    "adding": {},
    "copy": {},
    "parity": {},
    "parity-last": {},
    "sentiment-order": {"pairs": 200},
    "sentiment-position": {"sentences": 500, "samples": 300},
}


@pytest.mark.parametrize("check", task_checks(card()), ids=str)
def test_a_good_one_passes_each(check: Check) -> None:
    check()


def test_a_good_stream_passes() -> None:
    report = check_task(card(tasks.Streamed))
    assert {o.name for o in report.skipped} == {"samples_once", "probe_lengths", "oracle_solves"}


@pytest.mark.parametrize("name", GENERATED)
def test_generated_tasks_pass_and_are_solved(name: str) -> None:
    report = check_task(name, options=GENERATED[name])
    assert {o.name for o in report.skipped} <= {"stream_chunks", "probe_lengths"}


@pytest.mark.parametrize("name", ["char-lm", "music-jsb", "music-jsb-melody"])
def test_stand_ins_of_real_data_pass(name: str) -> None:
    report = check_task(name, options={"source": "synthetic"})
    assert {o.name for o in report.skipped} <= {"stream_chunks", "probe_lengths", "samples_once", "oracle_solves"}


def test_a_stream_read_in_windows_passes() -> None:
    options = {"source": "synthetic", "carry_state": False}
    checks = {check.name: check for check in task_checks("char-lm", options=options)}
    for name in ("batch_shapes", "batch_values", "batch_weights", "splits_disjoint", "chance_matches"):
        checks[name]()
    assert checks["stream_chunks"].outcome().reason == "its batches are whole sequences"


def test_each_check_has_its_broken_example() -> None:
    assert list(BROKEN) == [check_name(check) for check in TASK_CHECKS]


def _found(broken: tasks.Broken) -> dict[str, str]:
    report = check_task(card(broken.cls, **broken.changed), strict=False)
    return {outcome.name: outcome.reason for outcome in report.failed}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_one_is_found_by_its_check_alone(name: str) -> None:
    assert set(_found(BROKEN[name])) == {name} | BROKEN[name].also


@pytest.mark.parametrize(
    ("cls", "sentence"),
    [
        (tasks.Leaking, "100% of the samples of test are in validation as well"),
        (tasks.LeakingTrain, "of the samples of test are in train as well"),
        (tasks.LeakingStream, "of the samples of test are in train as well"),
    ],
)
def test_samples_in_two_splits_are_found(cls: type, sentence: str) -> None:
    assert sentence in _found(tasks.Broken(cls))["splits_disjoint"]


def test_where_all_samples_are_alike_nothing_can_be_told() -> None:
    found = check_task(card(tasks.Tiny), strict=False)
    assert "splits_disjoint" not in {o.name for o in found.failed}


def test_failures_say_what_came_and_what_to_do() -> None:
    found = _found(BROKEN["chance_matches"])["chance_matches"]
    assert found.startswith("chance says accuracy 0.05 on validation, but knowing the targets' frequencies")
    found = _found(BROKEN["batch_values"])["batch_values"]
    assert found == "train batch 0: inputs go from 0 to 8, ids must be in [0, 8)."
    found = _found(BROKEN["seed_leaves_evaluation"])["seed_leaves_evaluation"]
    assert "validation batch 0 has other inputs with another seed" in found or "other lengths" in found


def test_an_oracle_may_be_given_and_sees_no_targets() -> None:
    def oracle(batch: Batch) -> torch.Tensor:
        assert not batch.targets.any()
        logits: torch.Tensor = 50.0 * torch.nn.functional.one_hot(batch.inputs.roll(1, 1), tasks.VOCAB)
        return logits

    report = check_task(card(tasks.WrongOracle), oracle=oracle)
    assert "oracle_solves" in {o.name for o in report.passed}


def test_all_failures_are_told_at_once() -> None:
    with pytest.raises(Failure, match=r"previous: 1\d passed, 1 skipped, 1 failed\n  steps_differ: training batches 0"):
        check_task(card(tasks.Standing))


def test_a_card_may_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    optim = "{steps: 10, batch_size: 64, validate_every: 5, lr: 1.0e-3}"
    path.write_text(
        "name: mine\nversion: 1\nsummary: say the token before\nexample: 3 1 4\nlicence: generated\ncitation: ours\n"
        "datamodule: tests.testing.tasks:Previous\nmetric: {name: accuracy, direction: max}\ntiers:\n"
        f"  smoke: {{arch: {{d_model: 8}}, optim: {optim}}}\n  small: {{arch: {{d_model: 8}}, optim: {optim}}}\n"
    )
    assert not check_task(path, options={"samples": 100}).failed
    assert not check_task(str(path)).failed


@pytest.mark.parametrize(
    ("task", "options", "sentence"),
    [
        ("coppy", {}, "unknown task 'coppy'. Did you mean 'copy'"),
        ("copy", {"delay": 0}, "delay must be at least 1 step, got 0"),
        ("copy", {"dalay": 3}, "task 'copy' cannot be made, it raised TypeError: .*dalay"),
        # Names of the kit's own arguments are no others.
        ("copy", {"strict": 1}, "task 'copy' cannot be made, it raised TypeError: .*strict"),
        ("copy", {"tier": "small"}, "task 'copy' cannot be made, it raised TypeError: .*tier"),
        ("none.yaml", {}, "none.yaml cannot be read"),
    ],
)
def test_what_cannot_be_made_is_one_sentence(task: str, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        check_task(task, options=options)


def test_an_unknown_tier_is_one_sentence() -> None:
    with pytest.raises(SeqbenchError, match=r"no tier 'smal'\. Did you mean 'small'"):
        check_task("copy", "smal")


def test_a_datamodule_that_exits_takes_nothing_with_it() -> None:
    with pytest.raises(SeqbenchError, match="'previous' cannot be made, it raised SystemExit: no licence"):
        check_task(card(tasks.Leaving))
