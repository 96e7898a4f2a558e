"""The options of a run that differ from its card and from defaults."""

from __future__ import annotations

from typing import Any

import pytest

from seqbench.running import run_config
from seqbench.running.run_request import RunRequest
from seqbench.running.stored.own_options import own_options


def options(**request: Any) -> dict[str, Any]:
    return run_config.resolve_config(RunRequest.from_mapping({"arch": "gru", "task": "copy", **request})).options()


@pytest.mark.parametrize("arch", ["gru", "lru", "transformer", "tcn", "mamba"])
@pytest.mark.parametrize("task", ["copy", "parity", "adding"])
def test_a_run_without_wishes_has_no_own_options(arch: str, task: str) -> None:
    assert own_options(options(arch=arch, task=task)) == {}


def test_every_group_is_compared_with_the_card_and_the_defaults() -> None:
    given = options(
        arch={"name": "gru", "num_layers": 3},
        task={"name": "copy", "delay": 7},
        optim={"lr": 0.123},
        body={"dropout": 0.25},
        trainer={"precision": "bf16-mixed", "threads": 3},
        tier="smoke",
    )
    assert own_options(given) == {
        "arch.num_layers": 3,
        "task.delay": 7,
        "optim.lr": 0.123,
        "body.dropout": 0.25,
        "trainer.precision": "bf16-mixed",
    }


def test_a_value_that_equals_the_default_is_not_own() -> None:
    assert own_options(options(arch={"name": "gru", "dropout": 0.0})) == {}


def test_a_width_that_was_chosen_for_a_number_of_parameters_is_shown_as_that_number() -> None:
    given = options(arch={"name": "gru", "d_model": 99})
    assert own_options(given) == {"arch.d_model": 99}
    assert own_options(given, match_params=100_000) == {"match_params": 100_000}


def test_options_of_an_unknown_architecture_or_task_are_all_own() -> None:
    given = options()
    assert own_options({**given, "arch": {"name": "no-such", "depth": 4}})["arch.depth"] == 4
    assert own_options({**given, "task": {"name": "no-such-task", "delay": 4}})["task.delay"] == 4
