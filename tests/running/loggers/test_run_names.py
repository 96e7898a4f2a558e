from __future__ import annotations

import pytest

from seqbench.protocol.logging_options import RunLabels
from seqbench.running.loggers import run_names
from tests.running.loggers.logged import make_config

CELL = RunLabels(sweep=True, point=["arch.num_layers=2"])
TRIAL = RunLabels(sweep=True, trial=True, point=["optim.lr=0.003"])


@pytest.mark.parametrize(
    ("labels", "given", "name"),
    [
        (RunLabels(), None, "gru-copy-s0"),
        (RunLabels(), "mine", "mine"),
        (RunLabels(sweep=True), None, "gru-copy-s0"),
        (RunLabels(sweep=True), "mine", "mine-gru-copy-s0"),
        (CELL, None, "gru-copy-s0-num_layers=2"),
        (CELL, "mine", "mine-gru-copy-s0-num_layers=2"),
        (TRIAL, None, "gru-copy-tune-lr=0.003"),
    ],
)
def test_runs_of_a_sweep_have_names_of_their_own(labels: RunLabels, given: str | None, name: str) -> None:
    assert run_names.displayed_name(make_config(labels), given) == name


def test_trials_have_a_group_a_job_type_and_a_tag_of_their_own() -> None:
    final, trial = make_config(RunLabels(sweep=True)), make_config(TRIAL)
    assert run_names.group_name(final) == "copy/gru"
    assert run_names.group_name(trial) == "copy/gru/tune"
    assert run_names.group_name(trial, "mine") == "mine/tune"
    assert (run_names.job_type(final), run_names.job_type(trial)) == ("train", "tune")
    assert (run_names.job_type(final, "mine"), run_names.job_type(trial, "mine")) == ("mine", "tune")
    assert set(run_names.all_tags(trial, ["lab"])) - set(run_names.all_tags(final, [])) == {"tune", "lab"}
