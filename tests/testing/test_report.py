"""Checks and their outcomes, on four small checks."""

from __future__ import annotations

import unittest

import pytest

from seqbench.testing.report import FAILED, PASSED, SKIPPED, Check, Failure, Outcome, Report, Skip, build_checks, expect

pytest_plugins = ["pytester"]


def check_small(number: int) -> None:
    """A number is small."""
    expect(number < 5, f"expected a number below 5, got {number}; take another.")


def check_skipped(number: int) -> None:
    """The check never applies."""
    raise Skip("it does not apply")


def check_raising(number: int) -> None:
    """The check raises an error.

    This line is not part of the summary.
    """
    raise KeyError("h")


def check_exiting(number: int) -> None:
    """The check exits."""
    raise SystemExit("no more")


def checks(number: int) -> list[Check]:
    return build_checks([check_small, check_skipped, check_raising], number)


def test_checks_are_named_and_described_by_their_functions() -> None:
    assert [(str(check), check.summary) for check in checks(3)] == [
        ("small", "A number is small"),
        ("skipped", "The check never applies"),
        ("raising", "The check raises an error"),
    ]


def test_outcomes_have_the_reason() -> None:
    outcomes = [check.run() for check in checks(7)]
    assert [(outcome.status, outcome.reason.partition(" (")[0]) for outcome in outcomes] == [
        (FAILED, "expected a number below 5, got 7; take another."),
        (SKIPPED, "it does not apply"),
        (FAILED, "raised KeyError: 'h'"),
    ]
    assert "(test_report.py:" in outcomes[2].reason
    assert checks(3)[0].run() == Outcome("small", "A number is small", PASSED)


def test_a_check_that_exits_has_failed() -> None:
    (check,) = build_checks([check_exiting], 0)
    outcome = check.run()
    assert (outcome.status, outcome.reason.partition(" (")[0]) == (FAILED, "raised SystemExit: no more")


def test_a_called_check_raises_what_pytest_and_unittest_understand() -> None:
    small, skipped, raising = checks(7)
    with pytest.raises(AssertionError, match="take another"):
        small()
    with pytest.raises(unittest.SkipTest, match="does not apply"):
        skipped()
    with pytest.raises(KeyError):
        raising()


def test_a_report_counts_the_outcomes_and_raises_all_failures_at_once() -> None:
    report = Report("seven", tuple(check.run() for check in checks(7)))
    assert str(report) == "0 passed, 1 skipped, 2 failed"
    with pytest.raises(Failure, match=r"seven: 0 passed, 1 skipped, 2 failed\n  small: .*\n  raising: raised"):
        report.raise_if_failed()
    without_failures = Report("three", tuple(check.run() for check in checks(3)[:2]))
    assert without_failures.raise_if_failed() is without_failures


def test_under_pytest_a_skip_is_a_skipped_test_with_its_reason(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from tests.testing.test_report import checks

        @pytest.mark.parametrize("check", checks(7), ids=str)
        def test_seven(check):
            check()
        """
    )
    result = pytester.runpytest_inprocess("-rs", "-p", "no:cacheprovider")
    result.assert_outcomes(skipped=1, failed=2)
    result.stdout.fnmatch_lines(["*test_seven?small?*", "SKIPPED*it does not apply"])
