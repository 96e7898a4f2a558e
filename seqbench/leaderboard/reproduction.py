"""Published figures beside ours: for each cell of a published table the difference, a verdict, and the command."""

from __future__ import annotations

import shlex
import statistics as means
from collections.abc import Mapping, Sequence
from typing import Any

from seqbench.leaderboard.data.board_card import Board, PublishedRow
from seqbench.leaderboard.data.checked_records import CheckedRecord, short_option_value
from seqbench.leaderboard.selection import task_rows
from seqbench.leaderboard.selection.record_selection import Selection
from seqbench.leaderboard.stats import intervals
from seqbench.protocol.cards import Tier
from seqbench.protocol.chance import ABOVE_CHANCE

AGREES, BOTH_CHANCE, BOTH_SOLVED = "agrees", "agrees: both are chance", "agrees: both solve it"
BETTER, WORSE = "better than published", "worse than published"
NO_TASK, NOT_RUN = "no such task yet", "not run"

OURS = "seqbench"
"""The distribution whose architectures a published row means, where others offer one of the same name."""


def compare_with_published(board: Board, selection: Selection) -> list[dict[str, Any]]:
    """The cells of a board's published table, row by row; empty for a board without one.

    Our figure is the mean over the seeds of one configuration, that of the tier's recipe, or the best of them where the
    published one is; a diverged seed stands at chance, as everywhere on a board. Cells without a figure say why, and
    never guess; ``aside`` names the records of a cell that are not of the recipe, ``lacking`` the seeds that are still
    to be run, ``deviations`` where the tier departs from the published recipe.
    """
    return [
        _cell(board, selection, row, architecture, float(value))
        for row in board.published
        for architecture, value in row.values.items()
    ]


def _cell(board: Board, selection: Selection, row: PublishedRow, architecture: str, published: float) -> dict[str, Any]:
    entries, aside = _entries(board, selection, row.task or "", architecture)
    line = next((e.test[row.metric] for e in entries if e.status == "ok" and row.metric in e.test), None)
    chance = row.chance if row.chance is not None else line.chance if line else None
    values = _values(row, entries, chance)
    ours, half_width = _figure(row, values)
    done = {entry.seed for entry in entries if entry.status in ("ok", "diverged")}
    if ours is None:
        said = _without(board, selection, row, entries)
    else:
        said = judge_difference(row, ours, published, chance, line.best if line else None)
    card = selection.cards.get(row.task or "")
    return {
        "row": row.name,
        "setting": row.setting,
        "metric": row.metric,
        "direction": row.direction,
        "architecture": architecture,
        "task": row.task,
        "published": published,
        "statistic": row.statistic,
        "ours": ours,
        "half_width": half_width,
        "seeds": len(values),
        "lacking": [seed for seed in range(board.seeds) if seed not in done] if card else [],
        "diverged": sum(entry.status == "diverged" for entry in entries),
        "difference": None if ours is None else ours - published,
        "chance": chance,
        "best": line.best if line else None,
        "parameters": _mean_fact(entries, "parameters"),
        "seconds": _mean_fact(entries, "seconds"),
        "needs": row.needs,
        "verdict": said,
        "aside": aside,
        "deviations": list(card.tier(board.tier).deviations) if card else [],
        "command": _command(board, row, architecture),
    }


def _entries(board: Board, selection: Selection, task: str, architecture: str) -> tuple[list[CheckedRecord], list[str]]:
    """The records of one configuration, that of the tier's recipe; and sentences on those of other ones."""
    cells = {
        label: [entry for entry in seeds.values() if entry.architecture == architecture]
        for label, seeds in selection.entries.get(task, {}).items()
    }
    cells = {label: entries for label, entries in cells.items() if entries}
    if not cells:
        return [], []
    recipe = _recipe(selection.cards[task].tier(board.tier), architecture)
    kept: dict[str, list[CheckedRecord]] = {}
    aside = []
    for label, entries in sorted(cells.items()):
        departs = [(entry, _departs(entry, recipe)) for entry in entries]
        kept[label] = [entry for entry, reason in departs if not reason]
        aside += [f"{entry.origin}: {reason}" for entry, reason in departs if reason]
    # Means over several configurations would be of none: the card's own first, then the one with most seeds.
    order = sorted(kept, key=lambda label: (not _ours(kept[label]), -len(kept[label]), label))
    aside += [
        f"{entry.origin}: it is of another configuration, {label}" for label in order[1:] for entry in kept[label]
    ]
    return kept[order[0]], aside


def _ours(entries: Sequence[CheckedRecord]) -> bool:
    return any(entry.distribution == OURS for entry in entries)


def _recipe(tier: Tier, architecture: str) -> dict[str, Any]:
    """What the tier says of an architecture, as ``options`` has it; the optimiser cannot differ unmodified."""
    given = {f"arch.{key}": value for key, value in {**tier.arch, **tier.architectures.get(architecture, {})}.items()}
    given |= {f"body.{key}": value for key, value in tier.body.items()}
    return {key: short_option_value(value) for key, value in given.items()}


def _departs(entry: CheckedRecord, recipe: Mapping[str, Any]) -> str:
    """How a record's configuration departs from the recipe; empty if it does not. It need not take all options."""
    options = entry.options
    differ = [key for key, value in sorted(recipe.items()) if key in options and options[key] != value]
    said = ", ".join(f"{key} is {options[key]}, the recipe's {recipe[key]}" for key in differ)
    return f"it is not of the recipe: {said}" if said else ""


def _values(row: PublishedRow, entries: Sequence[CheckedRecord], chance: float | None) -> list[float]:
    """One value a seed; none unless a seed ended well, for chance alone would be no figure of ours."""
    known = [e.test[row.metric].value for e in entries if e.status == "ok" and row.metric in e.test]
    if not known:
        return []
    diverged = sum(entry.status == "diverged" for entry in entries)
    worst = chance if chance is not None else min(known) if row.direction == "max" else max(known)
    return known + [worst] * diverged


def _figure(row: PublishedRow, values: Sequence[float]) -> tuple[float | None, float | None]:
    """Our figure and half of its interval: the mean of the seeds, or the best of them, which has none."""
    if not values:
        return None, None
    if row.statistic == "best":
        return (max if row.direction == "max" else min)(values), None
    spread = intervals.mean_interval(values)
    return spread.mean, spread.half_width


def judge_difference(
    row: PublishedRow, ours: float, published: float, chance: float | None, best: float | None = None
) -> str:
    """Whether a figure agrees with the published one.

    It does where both are chance (within 5 % of the way to the best possible, or of chance itself), where both solve
    the task (99 % of that way: beyond it, ratios of small errors say little), or else where it lies within the row's
    tolerance: a share of the published figure, or, of a published zero, of its distance from chance.
    """
    if chance is not None:
        way = abs(chance if best is None else best - chance)
        if all(abs(value - chance) < ABOVE_CHANCE * way for value in (ours, published)):
            return BOTH_CHANCE
    scores = [task_rows.rescale_score(value, (chance, best)) for value in (ours, published)]
    if all(score is not None and score >= task_rows.SOLVED for score in scores):
        return BOTH_SOLVED
    gap, allowed = abs(ours - published), row.tolerance * (abs(published) or abs(chance or 0.0))
    if gap <= allowed * (1 + 1e-9):  # 0.98 is within 2 % of 1.0, though not to the last bit.
        return AGREES
    return BETTER if (ours < published) == (row.direction == "min") else WORSE


def _without(board: Board, selection: Selection, row: PublishedRow, entries: Sequence[CheckedRecord]) -> str:
    """Why a cell has no figure of ours."""
    if row.task is None:
        return NO_TASK
    ended = next((entry for entry in entries if entry.status != "ok"), None)
    if any(entry.status == "ok" for entry in entries):
        return f"not comparable: its records have no {row.metric}"
    if ended:
        return f"{ended.status}: {ended.reason or 'no reason given'}"
    if row.task not in board.tasks:
        return f"{NOT_RUN}: the board does not name the task {row.task}"
    problem = next((text for text in selection.problems if text.startswith(f"{row.task}:")), None)
    if problem:
        return f"{NOT_RUN}: {problem}"
    return f"{NOT_RUN}: needs {row.needs}" if row.needs else NOT_RUN


def _mean_fact(entries: Sequence[CheckedRecord], name: str) -> float | None:
    """The mean over those that know it; whole for parameters."""
    known = [entry.facts[name] for entry in entries if entry.status == "ok" and name in entry.facts]
    if not known:
        return None
    return round(means.fmean(known)) if name == "parameters" else means.fmean(known)


def run_arguments(board: Board, task: str, architecture: str) -> list[str]:
    """The arguments of ``seqbench run`` or ``sweep`` that mean a cell of the board."""
    arch, _, encoder = architecture.partition("+")
    return ["--arch", arch, *(["--encoder", encoder] if encoder else []), "--task", task, "--tier", board.tier]


def _command(board: Board, row: PublishedRow, architecture: str) -> str | None:
    """What runs a cell: one run, or a sweep over the board's seeds."""
    if not row.task:
        return None
    several = ["--seeds", str(board.seeds)] if board.seeds > 1 else []
    return shlex.join(
        ["seqbench", "sweep" if several else "run", *run_arguments(board, row.task, architecture), *several]
    )


def count_verdicts(cells: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many cells came to which verdict, without what a cell needs."""
    counts: dict[str, int] = {}
    for cell in cells:
        short = str(cell["verdict"]).partition(":")[0] if cell["ours"] is None else str(cell["verdict"])
        counts[short] = counts.get(short, 0) + 1
    return counts
