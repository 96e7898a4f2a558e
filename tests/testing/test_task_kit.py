"""The kit of tasks: each broken task is found by its own check, and conforming tasks pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.testing import TASK_CHECKS, Check, Failure, check_task, task_checks
from seqbench.testing.report import check_name
from seqbench.utils.errors import SeqbenchError
from tests.testing import broken_tasks, tasks
from tests.testing.broken_tasks import BROKEN
from tests.testing.tasks import card

GENERATED: dict[str, dict[str, object]] = {
    "adding": {},
    "copy": {},
    "copy-10": {},
    "parity": {},
    "parity-last": {},
    "sentiment-order": {"pairs": 200},
    "sentiment-position": {"sentences": 500, "samples": 300},
}


@pytest.mark.parametrize("check", task_checks(card()), ids=str)
def test_a_conforming_task_passes_each_check(check: Check) -> None:
    check()


def test_a_conforming_stream_passes() -> None:
    report = check_task(card(tasks.PreviousTokenStream))
    assert {outcome.name for outcome in report.skipped} == {"samples_once", "probe_lengths", "oracle_reaches_best"}


@pytest.mark.parametrize("name", GENERATED)
def test_generated_tasks_pass_and_have_an_oracle(name: str) -> None:
    report = check_task(name, options=GENERATED[name])
    assert {outcome.name for outcome in report.skipped} <= {"stream_chunks", "probe_lengths"}


@pytest.mark.parametrize("name", ["char-lm", "music-jsb", "music-jsb-melody"])
def test_synthetic_data_of_real_tasks_passes(name: str) -> None:
    report = check_task(name, options={"source": "synthetic"})
    allowed = {"stream_chunks", "probe_lengths", "samples_once", "oracle_reaches_best"}
    assert {outcome.name for outcome in report.skipped} <= allowed


def test_a_stream_that_is_read_in_windows_passes() -> None:
    options = {"source": "synthetic", "carry_state": False}
    checks = {check.name: check for check in task_checks("char-lm", options=options)}
    for name in ("batch_shapes", "batch_values", "batch_weights", "splits_disjoint", "chance_matches_frequencies"):
        checks[name]()
    assert checks["stream_chunks"].run().reason == "its batches are whole sequences"


def test_each_check_has_a_broken_task() -> None:
    assert list(BROKEN) == [check_name(check) for check in TASK_CHECKS]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_task_is_refused_by_its_own_check_only(name: str) -> None:
    report = check_task(card(BROKEN[name].cls, **BROKEN[name].changed), strict=False)
    assert {outcome.name for outcome in report.failed} == {name} | BROKEN[name].also


def test_one_error_names_all_failed_checks() -> None:
    with pytest.raises(Failure, match=r"previous: 1\d passed, 1 skipped, 1 failed\n  training_steps_differ: "):
        check_task(card(broken_tasks.OneTrainingBatch))


def test_the_card_may_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    optim = "{steps: 10, batch_size: 64, validate_every: 5, lr: 1.0e-3}"
    path.write_text(
        "name: mine\nversion: 1\nsummary: say the token before\nexample: 3 1 4\nlicence: generated\ncitation: ours\n"
        "datamodule: tests.testing.tasks:PreviousToken\nmetric: {name: accuracy, direction: max}\ntiers:\n"
        f"  smoke: {{arch: {{d_model: 8}}, optim: {optim}}}\n  small: {{arch: {{d_model: 8}}, optim: {optim}}}\n"
    )
    assert not check_task(path, options={"samples": 100}).failed
    assert not check_task(str(path)).failed


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"delay": 0}, "delay must be at least 1 step, got 0"),
        # Names of the kit's own arguments are ordinary options of the datamodule.
        ({"strict": 1}, "task 'copy' cannot be built, it raised TypeError: .*strict"),
        ({"tier": "small"}, "task 'copy' cannot be built, it raised TypeError: .*tier"),
    ],
)
def test_options_that_the_datamodule_refuses_are_one_error(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        check_task("copy", options=options)


def test_an_unknown_tier_is_refused() -> None:
    with pytest.raises(SeqbenchError, match=r"no tier 'smal'\. Did you mean 'small'"):
        check_task("copy", "smal")
