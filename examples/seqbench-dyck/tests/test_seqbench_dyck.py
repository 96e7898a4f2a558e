"""Check the contract of a task, and train for a few steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import seqbench
from seqbench.protocol.batches import Keys
from seqbench.testing import Check, task_checks
from seqbench.utils.errors import SeqbenchError

from seqbench_dyck.datamodule import DyckTask, sample_dyck

OPEN, CLOSE = "([{", ")]}"


@pytest.mark.parametrize("check", task_checks("dyck"), ids=str)
def test_the_task_satisfies_the_contract(check: Check) -> None:
    check()


@pytest.mark.parametrize(("kinds", "depth"), [(2, 4), (1, 1), (3, 2)])
def test_the_answer_is_the_kind_of_the_last_open_bracket(kinds: int, depth: int) -> None:
    inputs, targets = sample_dyck(np.random.default_rng(0), 50, 30, kinds, depth)
    deepest = 0
    for brackets, answers in zip(inputs.tolist(), targets.tolist(), strict=True):
        text = ""
        for bracket, answer in zip(brackets, answers, strict=True):
            text += OPEN[bracket] if bracket < kinds else CLOSE[bracket - kinds]
            rest = text
            while any(pair in rest for pair in ("()", "[]", "{}")):
                rest = rest.replace("()", "").replace("[]", "").replace("{}", "")
            assert set(rest) <= set(OPEN), f"{text} closes a bracket that is not open"
            assert answer == (1 + OPEN.index(rest[-1]) if rest else 0)
            deepest = max(deepest, len(rest))
    assert deepest == depth


@pytest.mark.parametrize("wrong", [{"kinds": 0}, {"min_length": 9, "max_length": 8}, {"probe_lengths": [0]}])
def test_a_value_out_of_range_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(SeqbenchError, match=f"{next(iter(wrong))}.* got"):
        DyckTask(batch_size=4, keys=Keys(0, "dyck", 1), **wrong)


def test_a_short_run_succeeds(tmp_path: Path) -> None:
    optim = {"steps": 20, "validate_every": 20}
    run = seqbench.run("gru", "dyck", tier="smoke", optim=optim, logger="none", runs=tmp_path)
    assert run.record.status == "ok"
