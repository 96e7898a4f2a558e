"""Checks and what comes of them: each passes, fails with a sentence, or is skipped for a reason."""

from __future__ import annotations

import traceback
import unittest
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from seqbench.utils.errors import one_line

PASSED, SKIPPED, FAILED = "passed", "skipped", "failed"


class Failure(AssertionError):
    """A check that does not hold; its text says what was expected, what came, and what to do."""


class Skip(unittest.SkipTest):
    """A check that cannot be made, and why; pytest and unittest both count it as a skipped test."""


@dataclass(frozen=True)
class Outcome:
    """What came of one check.

    Args:
        name: the check's.
        about: what it asks, one sentence.
        state: ``passed``, ``skipped`` or ``failed``.
        reason: why it was skipped, or how it failed; empty for what passed.
    """

    name: str
    about: str
    state: str
    reason: str = ""


@dataclass(frozen=True)
class Check:
    """One named question to one subject: call it to ask.

    Args:
        name: short, as in ``state_rows``.
        about: what it asks, one sentence.
        ask: raises ``Failure``, ``Skip`` or whatever else the subject raises; returns if all is well.
    """

    name: str
    about: str
    ask: Callable[[], None]

    def __str__(self) -> str:
        return self.name

    def __call__(self) -> None:
        """Ask.

        Raises:
            Failure: the check does not hold.
            Skip: it cannot be made.
        """
        self.ask()

    def outcome(self) -> Outcome:
        """Ask, and tell what came of it; raises nothing that a stranger's code may raise."""
        try:
            self.ask()
        except Skip as skip:
            return Outcome(self.name, self.about, SKIPPED, str(skip))
        except Failure as failure:
            return Outcome(self.name, self.about, FAILED, str(failure))
        # The code under test is a stranger's: it may raise anything, and even exit.
        except (Exception, SystemExit) as error:
            return Outcome(self.name, self.about, FAILED, f"raised {error_message(error)}")
        return Outcome(self.name, self.about, PASSED)


@dataclass(frozen=True)
class Report:
    """The outcomes of all checks of one subject.

    Args:
        subject: what was checked.
        outcomes: one for each check, in order.
    """

    subject: str
    outcomes: tuple[Outcome, ...]

    @property
    def passed(self) -> tuple[Outcome, ...]:
        """Those that hold."""
        return self._of(PASSED)

    @property
    def skipped(self) -> tuple[Outcome, ...]:
        """Those that could not be made, each with its reason."""
        return self._of(SKIPPED)

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """Those that do not hold, each with its reason."""
        return self._of(FAILED)

    def _of(self, state: str) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.state == state)

    def __str__(self) -> str:
        return f"{len(self.passed)} passed, {len(self.skipped)} skipped, {len(self.failed)} failed"

    def require(self) -> Report:
        """The report itself, if nothing failed.

        Raises:
            Failure: names every failed check, with its reason.
        """
        if self.failed:
            lines = "\n".join(f"  {outcome.name}: {outcome.reason}" for outcome in self.failed)
            raise Failure(f"{self.subject}: {self}\n{lines}")
        return self


def build_checks(functions: Iterable[Callable[[Any], None]], subject: Callable[[], Any]) -> list[Check]:
    """Checks named and described as the functions are, each asked of what ``subject`` gives."""
    return [Check(check_name(function), check_summary(function), _asking(function, subject)) for function in functions]


def _asking(function: Callable[[Any], None], subject: Callable[[], Any]) -> Callable[[], None]:
    return lambda: function(subject())


def check_name(function: Callable[..., Any]) -> str:
    """The name of a check."""
    return function.__name__


def check_summary(function: Callable[..., Any]) -> str:
    """The first line of a check's docstring, without its full stop."""
    return str(function.__doc__).splitlines()[0].rstrip(".")


def expect(condition: object, sentence: str) -> None:
    """Fail unless the condition holds.

    Raises:
        Failure: with the sentence.
    """
    if not condition:
        raise Failure(sentence)


def error_message(error: BaseException) -> str:
    """An error as one line: its kind, its text, and the line of the stranger's code that it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    text = one_line(error, 300)
    return f"{type(error).__name__}: {text}{_place(frames)}"


def _place(frames: Iterable[traceback.FrameSummary]) -> str:
    others = {Path(__file__).parent, Path(torch.__file__).parent}
    for frame in reversed(list(frames)):
        path = Path(frame.filename)
        if path.is_file() and not others & set(path.parents):
            return f" ({path.name}:{frame.lineno})"
    return ""
