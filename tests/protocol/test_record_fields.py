from __future__ import annotations

import dataclasses

import pytest

from seqbench.protocol.cards import Optim, load_card
from seqbench.protocol.config import TrainerOptions
from seqbench.protocol.record_fields import (
    STATUSES,
    Curves,
    Measured,
    OptimOptions,
    RecordFile,
    Results,
    SpecDescription,
    TrainerDescription,
)
from seqbench.protocol.records import PRIVATE, SCHEMA
from seqbench.protocol.specs import SequenceClass, SequenceSpec, Tokens
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.strict_model import StrictModel, validate
from tests.record_data import complete_record


@pytest.mark.parametrize(("section", "options"), [(OptimOptions, Optim), (TrainerDescription, TrainerOptions)])
def test_a_record_has_every_option_of_the_run(section: type[StrictModel], options: type) -> None:
    assert list(section.model_fields) == [field.name for field in dataclasses.fields(options)]


def test_the_options_of_a_card_are_accepted() -> None:
    optim = dataclasses.asdict(load_card("copy").tier("small").optim)
    validate(OptimOptions, {**optim, "betas": list(optim["betas"])})
    validate(TrainerDescription, dataclasses.asdict(TrainerOptions()))


def test_a_spec_is_accepted() -> None:
    spec = SequenceSpec(Tokens(8), SequenceClass(2), max_length=20)
    assert validate(SpecDescription, spec.to_dict()).to_dict() == spec.to_dict()


@pytest.mark.parametrize("status", STATUSES)
def test_the_record_of_a_process_that_died_is_accepted(status: str) -> None:
    results = validate(Results, {"status": status, "reason": "killed", "curves": {}})
    assert (results.status, results.metrics, results.lengths, results.best_step) == (status, {}, {}, None)
    assert validate(Measured, {"wandb": None}).to_dict() == {"wandb": None}


def test_curves_have_no_more_than_two_parts() -> None:
    assert validate(Curves, {}).to_dict() == {}
    with pytest.raises(SeqbenchError, match="unknown key 'test'"):
        validate(Curves, {"test": {}})


def test_the_private_fields_are_fields_of_the_results() -> None:
    assert set(PRIVATE) < set(Results.model_fields)


def test_another_version_of_the_format_is_refused() -> None:
    with pytest.raises(SeqbenchError, match=f"schema must be {SCHEMA}, got 2"):
        validate(RecordFile, {**complete_record().to_dict(), "schema": 2})


def test_every_field_is_described() -> None:
    for section in (Results, Measured, OptimOptions, RecordFile):
        assert all(field.description for field in section.model_fields.values()), section
