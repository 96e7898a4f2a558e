"""The subject of the checks of modules: its backbone, its task, and its small runs."""

from __future__ import annotations

import pytest
from torch import nn

import seqbench
from seqbench.testing import architecture_checks
from seqbench.testing.module_subject import STEPS, ModuleSubject
from seqbench.utils.errors import SeqbenchError
from tests.models import own_modules
from tests.testing.backbones import Conforming
from tests.testing.broken_modules import Whole

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def test_the_checks_of_a_module_are_those_of_its_backbone_and_of_its_training() -> None:
    names = [check.name for check in architecture_checks(Whole)]
    assert {"output_shape", "chunks_equal_whole", "module_resumable"} <= set(names)
    subject = ModuleSubject(Whole, d_model=6)
    assert isinstance(subject.build(), Conforming)
    assert subject.build(seed=1).training is False
    assert subject.takes_dropout
    assert subject.name == "Whole"


@pytest.mark.parametrize("check", ["signature", "output_shape", "other_widths", "initialization_seeded"])
def test_the_backbone_of_a_module_passes_the_checks_of_backbones(check: str) -> None:
    (found,) = [each for each in architecture_checks(own_modules.TwoOptimizers) if each.name == check]
    assert found.run().status == "passed"


def test_a_module_that_looks_ahead_is_checked_on_a_task_that_allows_it() -> None:
    assert ModuleSubject(own_modules.Plain).config().card.name == "copy"
    assert ModuleSubject(own_modules.LooksAhead).config().card.name != "copy"


def test_a_module_that_no_task_accepts_is_one_error() -> None:
    with pytest.raises(SeqbenchError, match="refuses its options: d_model must be 7, got 16"):
        ModuleSubject(own_modules.Refusing)


def test_a_run_may_be_stopped_and_resumed() -> None:
    subject = ModuleSubject(own_modules.TwoOptimizers)
    run = subject.run(stop_after=3)
    assert run.results.status == "ok"
    assert run.results.curves.validation["step"] == [STEPS // 2, STEPS]
    assert set(run.last) == set(run.best) == set(subject.build_module().state_dict())


class NeedsAWidth(seqbench.SequenceModule):
    """Has an option without a default."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int, hidden: int) -> None:
        super().__init__(context, Conforming(d_model))
        self.extra = nn.Linear(d_model, hidden)


def test_options_without_a_default_are_refused_but_not_the_context() -> None:
    (check,) = [each for each in architecture_checks(NeedsAWidth, options={"hidden": 3}) if each.name == "signature"]
    assert check.run().status == "passed"
