"""The rule of a search: the rates of the card, the rungs of its trials, and further options that are tuned.

A rung is a share of the training steps. The trials of a rung have a warm-up and a schedule of their own over the steps
of the rung, so that each of them is a complete short run. A whole run that is cut off after a part of its schedule has
a rate near its peak, and its score would favour low rates.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from seqbench.protocol.search.rate_ladder import continued_ladder
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted

MOST_EXTENSIONS = 3
"""Number of rates beyond each edge of a card's grid that a search may try."""

_RUNG = re.compile(r"([0-9.]+)(?::([0-9]+))?")


class Rung(NamedTuple):
    """One stage of a search.

    Args:
        share: training steps of a trial, as a share of those of a whole run.
        keep: number of rates that enter the rung; 0 for all rates of the rung before it. All rates of the card enter
            the first rung.
    """

    share: float
    keep: int


DEFAULT_RUNGS = (Rung(0.2, 0), Rung(0.5, 3), Rung(1.0, 1))
"""The rungs of a search if the card states none: all rates for a fifth of the steps, and the best three for half.

The whole run is needed only if half a run tells no rate from another."""


class SecondOption(NamedTuple):
    """A further option that is tuned at the best rate.

    Args:
        name: dotted name of the option, such as ``arch.dropout``.
        value: value with which the rates are tried.
        others: the other values.
    """

    name: str
    value: float
    others: tuple[float, ...]


@dataclass(frozen=True)
class SearchRule:
    """What a search tries; the same for every architecture of a task.

    Args:
        grid: learning rates of the card.
        rungs: stages of the search; shares rise, and counts fall.
        second: further options, which are tuned one after the other at the best rate.
        extensions: number of rates beyond each edge of the grid that may be tried.
    """

    grid: tuple[float, ...]
    rungs: tuple[Rung, ...] = DEFAULT_RUNGS
    second: tuple[SecondOption, ...] = ()
    extensions: int = MOST_EXTENSIONS

    @property
    def ladder(self) -> tuple[float, ...]:
        """All rates that may be tried, in rising order."""
        return continued_ladder(self.grid, self.extensions)

    def usual_trials(self) -> list[float]:
        """Return the share of each trial of a search without extensions, whose rungs all separate the rates.

        >>> usual = SearchRule((1e-3, 2e-3, 5e-3, 1e-2, 2e-2)).usual_trials()
        >>> len(usual), sum(usual)
        (8, 2.5)
        """
        counts = [len(self.grid)]
        for rung in self.rungs[1:]:
            counts.append(min(rung.keep or counts[-1], counts[-1]))
        used = [(rung.share, n) for rung, n in zip(self.rungs, counts, strict=True) if n > 1 or rung is self.rungs[0]]
        further = [used[-1][0] for option in self.second for _ in option.others]
        return [*(share for share, count in used for _ in range(count)), *further]

    def describe(self) -> str:
        """Return the rule in words.

        >>> SearchRule((1e-3, 1e-2)).describe()
        '2 rates for 20 % of the steps, the best 3 for 50 %, the best 1 for 100 %; up to 3 more on each side'
        """
        first, *later = self.rungs
        stages = [f"{counted(len(self.grid), 'rate')} for {100 * first.share:g} % of the steps"]
        stages += [f"the best {rung.keep or 'ones'} for {100 * rung.share:g} %" for rung in later]
        tuned = "".join(f"; then {option.name} of {1 + len(option.others)} values" for option in self.second)
        return f"{', '.join(stages)}; up to {self.extensions} more on each side{tuned}"


def check_rungs(rungs: Sequence[Sequence[float]], name: str) -> tuple[Rung, ...]:
    """Return rungs that are given as pairs of a share and a count.

    Args:
        rungs: the pairs, from the first rung to the last.
        name: the option or key that gives them, for the error.

    Raises:
        SeqbenchError: there is no rung, a share is not above 0 and up to 1, the shares do not rise, or a count is
            negative or rises.
    """
    found = tuple(Rung(float(share), int(keep)) for share, keep in rungs)
    if not found:
        raise SeqbenchError(f"{name} must have at least one rung, such as 1.")
    for share, keep in found:
        if not 0 < share <= 1:
            raise SeqbenchError(f"{name}: a rung is a share of the steps above 0 and up to 1, got {share:g}.")
        if keep < 0:
            raise SeqbenchError(f"{name}: the number of rates that enter a rung must not be negative, got {keep}.")
    counts = [rung.keep for rung in found if rung.keep]
    shares = [rung.share for rung in found]
    if counts != sorted(counts, reverse=True) or shares != sorted(set(shares)):
        raise SeqbenchError(f"{name}: the shares of the rungs must rise, and the counts must not.")
    return found


def parse_rungs(text: str, name: str) -> tuple[Rung, ...]:
    """Return the rungs of a text.

    A rung is a share of the steps, and after a colon the number of rates that enter it; all rates without a number.

    Args:
        text: the rungs, separated by commas.
        name: the option that gives them, for the error.

    Raises:
        SeqbenchError: the text is malformed, or the rungs cannot be used.

    >>> parse_rungs("0.2,0.5:3,1:2", "--tune-rungs")
    (Rung(share=0.2, keep=0), Rung(share=0.5, keep=3), Rung(share=1.0, keep=2))
    """
    rungs: list[tuple[float, int]] = []
    for word in text.split(","):
        match = _RUNG.fullmatch(word.strip())
        try:
            share = float(match[1]) if match else None
        except ValueError:
            share = None
        if match is None or share is None:
            raise SeqbenchError(f"{name} must be shares of the steps with counts, such as 0.2,0.5:3,1:2, got '{text}'.")
        rungs.append((share, int(match[2] or 0)))
    return check_rungs(rungs, name)
