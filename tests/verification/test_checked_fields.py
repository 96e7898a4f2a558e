from __future__ import annotations

import pytest

from seqbench import verification
from seqbench.verification.checked_fields import FIELDS, RETRAIN, WORD, field_table, find_check, list_fields
from tests.verification.trials import ROOT


def test_every_field_of_a_record_is_checked_or_is_the_submitters_word() -> None:
    assert {find_check(field) for field in list_fields()} == set(FIELDS)


def test_the_table_names_checks_that_exist() -> None:
    assert set(FIELDS) - {RETRAIN, WORD} <= set(verification.CHECKS)


def test_a_field_that_no_record_has_is_in_no_row() -> None:
    with pytest.raises(LookupError, match="in 0 rows"):
        find_check("config.no_such_field")


def test_a_pattern_of_the_table_is_a_field_of_a_record() -> None:
    fields = set(list_fields())
    named = [pattern for patterns in FIELDS.values() for pattern in patterns if not pattern.endswith(".*")]
    assert [pattern for pattern in named if pattern not in fields] == []


def test_the_page_holds_the_table() -> None:
    assert field_table() in (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")
