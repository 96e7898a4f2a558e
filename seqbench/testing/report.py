"""Checks and their outcomes: each check passes, fails with a reason, or is skipped with a reason."""

from __future__ import annotations

import traceback
import unittest
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch

from seqbench.utils.errors import one_line

PASSED, SKIPPED, FAILED = "passed", "skipped", "failed"
PREFIX = "check_"
"""Prefix of the names of check functions; the name of a check omits it."""

SubjectT = TypeVar("SubjectT")


class Failure(AssertionError):
    """A check has failed; the text says what was expected, what came, and what to do."""


class Skip(unittest.SkipTest):
    """A check does not apply, with the reason; pytest and unittest both count it as a skipped test."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of one check.

    Args:
        name: name of the check.
        summary: what the check requires, in one sentence.
        status: ``passed``, ``skipped`` or ``failed``.
        reason: why it was skipped or failed; empty for a check that passed.
    """

    name: str
    summary: str
    status: str
    reason: str = ""


@dataclass(frozen=True)
class Check:
    """One named check of one subject; call it to run it.

    Args:
        name: short name, such as ``state_rows``.
        summary: what the check requires, in one sentence.
        function: the check itself; it may raise ``Failure``, ``Skip``, or any error of the code under test.

    >>> print(Check("never", "Nothing is required", lambda: None).run())
    Outcome(name='never', summary='Nothing is required', status='passed', reason='')
    """

    name: str
    summary: str
    function: Callable[[], None]

    def __str__(self) -> str:
        return self.name

    def __call__(self) -> None:
        """Run the check.

        Raises:
            Failure: the check has failed.
            Skip: the check does not apply.
        """
        self.function()

    def run(self) -> Outcome:
        """Run the check and return its outcome; errors of the code under test count as failures."""
        try:
            self.function()
        except Skip as skip:
            return Outcome(self.name, self.summary, SKIPPED, str(skip))
        except Failure as failure:
            return Outcome(self.name, self.summary, FAILED, str(failure))
        # The code under test may raise any error or exit; the other checks must still run.
        except (Exception, SystemExit) as error:
            return Outcome(self.name, self.summary, FAILED, f"raised {describe_error(error)}")
        return Outcome(self.name, self.summary, PASSED)


@dataclass(frozen=True)
class Report:
    """The outcomes of all checks of one subject.

    Args:
        subject: name of the checked class or task.
        outcomes: one for each check, in the order of the checks.

    >>> print(Report("MyNet", (Outcome("cuda", "A GPU works", SKIPPED, "there is no CUDA device"),)))
    0 passed, 1 skipped, 0 failed
    """

    subject: str
    outcomes: tuple[Outcome, ...]

    @property
    def passed(self) -> tuple[Outcome, ...]:
        """The outcomes of the checks that passed."""
        return self._with_status(PASSED)

    @property
    def skipped(self) -> tuple[Outcome, ...]:
        """The outcomes of the checks that were skipped, each with its reason."""
        return self._with_status(SKIPPED)

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The outcomes of the checks that failed, each with its reason."""
        return self._with_status(FAILED)

    def _with_status(self, status: str) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.status == status)

    def __str__(self) -> str:
        return f"{len(self.passed)} passed, {len(self.skipped)} skipped, {len(self.failed)} failed"

    def raise_if_failed(self) -> Report:
        """Return the report if no check failed.

        Raises:
            Failure: checks failed; the text names each of them with its reason.
        """
        if self.failed:
            lines = "\n".join(f"  {outcome.name}: {outcome.reason}" for outcome in self.failed)
            raise Failure(f"{self.subject}: {self}\n{lines}")
        return self


def build_checks(functions: Iterable[Callable[[SubjectT], None]], subject: SubjectT) -> list[Check]:
    """Return a check of the subject for each function, with the name and the description of the function.

    Args:
        functions: functions ``check_...`` whose docstrings say what they require.
        subject: the argument of each function.
    """
    return [Check(check_name(function), check_summary(function), partial(function, subject)) for function in functions]


def check_name(function: Callable[..., None]) -> str:
    """Return the name of a check: the name of its function without ``check_``."""
    return function.__name__.removeprefix(PREFIX)


def check_summary(function: Callable[..., None]) -> str:
    """Return the first line of a check's docstring, without its full stop."""
    return str(function.__doc__).splitlines()[0].rstrip(".")


def expect(condition: object, sentence: str) -> None:
    """Fail with a sentence unless the condition holds.

    Raises:
        Failure: the condition is false.

    >>> expect(1 + 1 == 2, "expected 2.")
    """
    if not condition:
        raise Failure(sentence)


def describe_error(error: BaseException) -> str:
    """Return an error in one line: its class, its text, and the file and line of the code under test that raised it.

    >>> describe_error(ValueError("d_model must be even, got 7"))
    'ValueError: d_model must be even, got 7'
    """
    return f"{type(error).__name__}: {one_line(error, 300)}{_location(traceback.extract_tb(error.__traceback__))}"


def _location(frames: Iterable[traceback.FrameSummary]) -> str:
    """Return the file and line of the innermost frame outside the kit and PyTorch; empty if there is none."""
    others = {Path(__file__).parent, Path(torch.__file__).parent}
    for frame in reversed(list(frames)):
        path = Path(frame.filename)
        if path.is_file() and not others & set(path.parents):
            return f" ({path.name}:{frame.lineno})"
    return ""
