from __future__ import annotations

import unittest

import pytest

from seqbench.testing.report import FAILED, PASSED, SKIPPED, Check, Failure, Outcome, Report, Skip, build_checks, expect

pytest_plugins = ["pytester"]


def fine(number: int) -> None:
    """A number is small."""
    expect(number < 5, f"expected a number below 5, got {number}; take another.")


def impossible(number: int) -> None:
    """Nobody can say."""
    raise Skip("it is too early")


def strange(number: int) -> None:
    """It breaks.

    And says no more.
    """
    raise KeyError("h")


def leaving(number: int) -> None:
    """It has had enough."""
    raise SystemExit("no more")


def checks(number: int) -> list[Check]:
    return build_checks([fine, impossible, strange], lambda: number)


def test_checks_are_named_and_described_by_their_functions() -> None:
    assert [(str(check), check.about) for check in checks(3)] == [
        ("fine", "A number is small"),
        ("impossible", "Nobody can say"),
        ("strange", "It breaks"),
    ]


def test_outcomes_tell_the_reason() -> None:
    found = [check.outcome() for check in checks(7)]
    assert [(outcome.state, outcome.reason.partition(" (")[0]) for outcome in found] == [
        (FAILED, "expected a number below 5, got 7; take another."),
        (SKIPPED, "it is too early"),
        (FAILED, "raised KeyError: 'h'"),
    ]
    assert "(test_report.py:" in found[2].reason
    assert checks(3)[0].outcome() == Outcome("fine", "A number is small", PASSED)


def test_a_check_that_exits_has_failed() -> None:
    (check,) = build_checks([leaving], lambda: 0)
    found = check.outcome()
    assert (found.state, found.reason.partition(" (")[0]) == (FAILED, "raised SystemExit: no more")


def test_called_they_raise_what_a_test_understands() -> None:
    fine_one, impossible_one, strange_one = checks(7)
    with pytest.raises(AssertionError, match="take another"):
        fine_one()
    with pytest.raises(unittest.SkipTest, match="too early"):
        impossible_one()
    with pytest.raises(KeyError):
        strange_one()


def test_a_report_counts_and_raises_all_at_once() -> None:
    report = Report("seven", tuple(check.outcome() for check in checks(7)))
    assert str(report) == "0 passed, 1 skipped, 2 failed"
    with pytest.raises(Failure, match=r"seven: 0 passed, 1 skipped, 2 failed\n  fine: .*\n  strange: raised"):
        report.require()
    good = Report("three", tuple(check.outcome() for check in checks(3)[:2]))
    assert good.require() is good


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
    done = pytester.runpytest_inprocess("-rs", "-p", "no:cacheprovider")
    done.assert_outcomes(skipped=1, failed=2)
    done.stdout.fnmatch_lines(["*test_seven?fine?*", "SKIPPED*it is too early"])
