"""Verdicts on a figure of ours beside a published one: equal, better, worse, or not to be decided.

A published figure is known up to the rounding of its last digit. How far two figures may differ by chance is known from
the published spread, if there is one, or from the interval over our seeds. Without either, nothing can be judged.
Models of another size are not compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from seqbench.leaderboard.data.board_card import PublishedRow
from seqbench.leaderboard.selection.task_rows import SOLVED, rescale_score
from seqbench.protocol.chance import ABOVE_CHANCE

AGREES_OURS = "agrees: within the spread of our seeds"
AGREES_PUBLISHED = "agrees: within the published spread"
BOTH_CHANCE, BOTH_SOLVED = "agrees: both are chance", "agrees: both solve it"
BETTER, WORSE = "better than published", "worse than published"
OTHER_SIZE = "another size: not compared"
WIDE = "cannot be judged: the spread is wider than the tolerance"
NO_SPREAD = "cannot be judged: neither figure has a spread over seeds"

SIZE_TOLERANCE = 0.1
"""Largest relative difference of the numbers of parameters of models of one size; published sizes are rounded."""

ROUNDING = 1e-9
"""Relative error allowed at a limit: 0.98 is within 2 % of 1.0, but not to the last bit."""


def is_other_size(row: PublishedRow, parameters: float | None) -> bool:
    """Return whether our models have another size than the published ones; not if either size is unknown.

    Args:
        row: the published row.
        parameters: number of parameters of our models; None if unknown.
    """
    if row.parameters is None or parameters is None:
        return False
    return abs(parameters - row.parameters) > SIZE_TOLERANCE * row.parameters * (1 + ROUNDING)


def judge_difference(
    row: PublishedRow,
    ours: float,
    published: float,
    chance: float | None,
    best: float | None = None,
    half_width: float | None = None,
    published_spread: float | None = None,
) -> str:
    """Return whether our figure agrees with the published one.

    Figures agree in three cases:

    - Both are chance: they differ from chance by less than 5 % of the distance from chance to the best possible score,
      or by less than 5 % of chance if the best possible score is unknown.
    - Both solve the task: they reach 99 % of that distance, where ratios of small errors mean little.
    - They differ, beyond the rounding of the published figure, by no more than the published spread or the interval
      of our seeds, and that spread is no wider than the row's tolerance, a share of the published figure (of chance, if
      that figure is 0). The verdict says which spread it is.

    With a wider spread, or without any, they cannot be judged. Otherwise ours is better or worse.

    Args:
        row: the published row, for its direction, its tolerance and the precision of its figures.
        ours: our figure.
        published: the published figure.
        chance: score of a predictor that knows nothing; None if unknown.
        best: best possible score; None if unknown.
        half_width: half the width of the interval of our figure; None without one.
        published_spread: largest deviation from the published figure that its publication states; None without one.
    """
    if chance is not None:
        distance = abs(chance if best is None else best - chance)
        if all(abs(value - chance) < ABOVE_CHANCE * distance for value in (ours, published)):
            return BOTH_CHANCE
    scores = [rescale_score(value, chance, best) for value in (ours, published)]
    if all(score is not None and score >= SOLVED for score in scores):
        return BOTH_SOLVED
    allowed = row.tolerance * (abs(published) or abs(chance or 0.0)) * (1 + ROUNDING)
    rounding = min(half_unit(published, row.values.values()) * (1 + ROUNDING), allowed)
    difference = abs(ours - published)
    spreads = {AGREES_PUBLISHED: published_spread, AGREES_OURS: half_width}
    known = {verdict: spread for verdict, spread in spreads.items() if spread is not None}
    if not known:
        return NO_SPREAD
    near = {verdict: spread for verdict, spread in known.items() if difference <= rounding + spread}
    if near:
        return next((verdict for verdict, spread in near.items() if spread <= allowed), WIDE)
    return BETTER if (ours < published) == (row.direction == "min") else WORSE


def half_unit(value: float, row: Iterable[float] = ()) -> float:
    """Return half a unit in the last published digit of a figure.

    A card does not keep zeros at the end of a figure. Therefore a figure has as many decimal places as the other
    figures of its row whose size is within a factor of about ten.

    Args:
        value: the figure.
        row: all figures of its row.

    >>> half_unit(8.1, [8.45, 8.43, 8.91, 8.1])
    0.005
    """
    near = [other for other in row if abs(_magnitude(other) - _magnitude(value)) <= 1]
    return 0.5 * 10.0 ** -max(map(_decimal_places, [value, *near]))


def _magnitude(value: float) -> int:
    return math.floor(math.log10(abs(value))) if value else 0


def _decimal_places(value: float) -> int:
    """Return the number of decimal places of a number, without zeros at the end: 2 for 8.45, 6 for 5.3e-5."""
    digits, _, exponent = repr(float(value)).partition("e")
    fraction = digits.partition(".")[2].rstrip("0")
    return max(len(fraction) - int(exponent or 0), 0)
