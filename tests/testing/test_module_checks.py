"""Checks of modules with training of their own, each on a module that it must refuse."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from seqbench.testing import MODULE_CHECKS
from seqbench.testing.module_subject import ModuleSubject
from seqbench.testing.report import Outcome, build_checks, check_name
from tests.testing.broken_modules import BROKEN_MODULES, Whole

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def outcomes(subject: ModuleSubject) -> dict[str, Outcome]:
    return {check.name: check.run() for check in build_checks(MODULE_CHECKS, subject)}


def test_a_module_that_keeps_the_contract_passes_each_check() -> None:
    states = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # type: ignore[index]
    assert {outcome.status for outcome in outcomes(ModuleSubject(Whole)).values()} == {"passed"}
    assert torch.equal(states[0], torch.get_rng_state())
    assert (states[1], states[2]) == (np.random.get_state()[1].tolist(), random.getstate())  # type: ignore[index]


def test_each_check_has_a_broken_module() -> None:
    assert list(BROKEN_MODULES) == [check_name(check) for check in MODULE_CHECKS]


@pytest.mark.parametrize("name", BROKEN_MODULES)
def test_a_broken_module_is_refused_by_its_own_check_with_the_reason(name: str) -> None:
    broken = BROKEN_MODULES[name]
    found = outcomes(ModuleSubject(broken.cls))
    assert {name for name, outcome in found.items() if outcome.status == "failed"} == {name} | broken.also
    assert broken.sentence in found[name].reason
