"""Texts that all forms of a page share: column titles, remarks on rows, references, published figures."""

from __future__ import annotations

from collections.abc import Sequence

from seqbench.leaderboard.board_data import BoardData, PublishedCell
from seqbench.leaderboard.data.board_card import Size
from seqbench.leaderboard.data.checked_records import UNVERIFIED
from seqbench.leaderboard.pages import cost_columns
from seqbench.leaderboard.task_data import MISSING, NOT_APPLICABLE, OUTDONE, RANKED, RowData, SeedData, TaskData
from seqbench.utils import number_format
from seqbench.utils.visible_text import visible_line

RANK_ERRORS = (
    "If scores are normally distributed, one board in twenty gives different ranks to equally good rows. On a task "
    "that each seed either solves or fails, ranks over three seeds are wrong far more often (on about one board in "
    "four, if both outcomes are equally likely), and ranks over five seeds on a few percent of boards."
)
"""How often ranks are wrong, as measured by ``python -m benchmarks.ranking``."""


SUBMITTERS_WORD = (
    "Parameters, state and FLOPs are computed again when a record is verified. Speed, time, memory, device, load, "
    "attempts, tuning and commit are the submitter's word."
)
"""Which values of a record a verification computes again, and which it cannot."""


def as_sentence(text: str) -> str:
    """Return a text with a full stop at its end, unless it already ends in a punctuation mark.

    >>> as_sentence("Small models"), as_sentence("Which architectures copy?")
    ('Small models.', 'Which architectures copy?')
    """
    text = text.rstrip()
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def format_size(size: Size) -> str:
    """Return the size of models with its tolerance: ``100,000 parameters ± 2 %``."""
    return f"{number_format.counted(size.parameters, 'parameter')} ± {100 * size.tolerance:g} %"


def format_solved(row: RowData) -> str:
    """Return how many of a row's seeds solved the task, as ``2/3``; an empty string where that is unknown."""
    return "" if row.solved is None else f"{row.solved}/{len(row.seeds)}"


def row_remarks(row: RowData) -> list[tuple[str, str]]:
    """Return the remarks on a row, each a few words and the reason for them; the reason may be empty."""
    remarks = []
    if row.state != RANKED:
        remarks.append((str(row.state), visible_line(row.reason)))
    # A diverged run that nobody verified has no value; the reason of the row says so.
    diverged = [seed for seed in row.seeds if seed.status == "diverged" and seed.verification != UNVERIFIED]
    if diverged:
        reasons = "; ".join(f"seed {seed.seed}: {visible_line(seed.reason) or 'no reason given'}" for seed in diverged)
        remarks.append((f"{len(diverged)} diverged", f"{reasons}; counted with the chance score"))
    if row.unverified:
        remarks.append(("unverified", _unverified_seeds(row)))
    if row.configurations > 1 and row.state != OUTDONE:
        remarks.append((f"one of {row.configurations} configurations", ""))
    if row.bound:
        remarks.append((f"{row.bound} rate of its search", "a better learning rate may lie beyond those tried"))
    if row.other_search:
        remarks.append(("another search", visible_line(row.other_search)))
    if row.below_chance:
        remarks.append(("below chance", ""))
    elif row.above_chance is False:
        remarks.append(("not clearly above chance", ""))
    return remarks


def _unverified_seeds(row: RowData) -> str:
    """Return which seeds of a row have a record that nobody verified, as a sentence."""
    if len(row.unverified) == sum(seed.record is not None for seed in row.seeds):
        return "nobody has verified a record of this row"
    return f"nobody has verified the record of seed {', '.join(map(str, row.unverified))}"


def rows_without_score(task: TaskData) -> dict[str, list[str]]:
    """Return the labels of the rows of a task that have no score, by the reason."""
    groups: dict[str, list[str]] = {}
    for row in task.rows:
        if row.mean is None:
            groups.setdefault(reason_without_score(row), []).append(row.label)
    return groups


def reason_without_score(row: RowData) -> str:
    """Return why a row has no score: its state and the reason."""
    state = row.state if row.state in (MISSING, NOT_APPLICABLE) else "no score"
    return f"{state}: {visible_line(row.reason)}"


def verification_summary(data: BoardData) -> str:
    """Return how many of a board's records CI verified, and how many are only stated to be: ``3 of 9 by CI, ...``."""
    counts = data.verification
    return (
        f"{counts['ci']} of {data.records} by CI, {counts['submitter']} stated by the submitter, "
        f"{counts['unverified']} unverified"
    )


def verification_text(seed: SeedData) -> str:
    """Return how and by whom the record of a seed was verified: ``trained again, by CI``, or ``unverified``."""
    if not seed.verified:
        return "unverified"
    return f"{visible_line(seed.verified)}, {'by CI' if seed.verification == 'ci' else 'stated by the submitter'}"


def reference_scores(task: TaskData) -> list[tuple[str, float, str]]:
    """Return the scores with which rows are compared, each with its name and its source.

    The order is the best possible score or the anchor, then the baselines, then chance.
    """
    references = []
    if task.best is not None:
        references.append(("best possible", task.best, ""))
    elif task.anchor is not None:
        references.append(("anchor", task.anchor, visible_line(task.anchor_source)))
    references += [(f"baseline {visible_line(name)}", value, "") for name, value in task.baselines.items()]
    return references + ([("chance", task.chance, "")] if task.chance is not None else [])


def published_figures(task: TaskData) -> dict[str, str]:
    """Return a task's published figures by architecture; several figures of one architecture are joined by commas."""
    figures: dict[str, list[str]] = {}
    for item in task.published:
        figures.setdefault(item.architecture, []).append(number_format.format_published(item.value))
    return {name: ", ".join(values) for name, values in figures.items()}


def secondary_summary(task: TaskData) -> str:
    """Return a phrase that names a task's secondary metrics with chance and best possible; empty without any."""
    metrics = []
    for line in task.secondary:
        known = [("chance", line.chance), ("best possible", line.best)]
        ends = ", ".join(
            f"{name} {number_format.format_published(value)}" for name, value in known if value is not None
        )
        metrics.append(f"{visible_line(line.metric)} ({ends})" if ends else visible_line(line.metric))
    return f"secondary metrics, not used for ranking: {', '.join(metrics)}" if metrics else ""


def format_secondary(row: RowData, metric: str) -> str:
    """Return a row's mean and half width of a secondary metric; an empty string where it has none."""
    interval = row.secondary.get(metric)
    return number_format.format_mean(interval.mean, interval.half_width) if interval else ""


def direction_text(direction: str) -> str:
    """Return ``higher is better`` for the direction ``max``, otherwise ``lower is better``."""
    return "higher is better" if direction == "max" else "lower is better"


def row_description(cell: PublishedCell) -> str:
    """Return the metric, its direction and the setting of a row of a published table."""
    return ", ".join(
        filter(None, (visible_line(cell.metric), direction_text(cell.direction), visible_line(cell.setting)))
    )


def statistic_sentence(cells: Sequence[PublishedCell]) -> str:
    """Return what the figures of a published table are over the seeds; a table has one statistic."""
    if any(cell.statistic == "best" for cell in cells):
        return "Published figures and ours are the best of the seeds, so that ours have no interval."
    return "Our figures are means over seeds, ± the half width of their 95 % interval."


def format_our_figure(cell: PublishedCell) -> str:
    """Return our figure beside a published one, as ``8.450 ± 0.64``; empty without one."""
    return number_format.format_mean(cell.ours, cell.half_width)


def format_parameters(cell: PublishedCell) -> str:
    """Return the number of parameters of our model, with all digits; an empty string where it is unknown."""
    return cost_columns.format_cost("parameters", cell.parameters)


def deviations_by_task(cells: Sequence[PublishedCell]) -> dict[str, list[str]]:
    """Return by task how the card's tier deviates from the published recipe."""
    return {
        cell.task: [visible_line(text) for text in cell.deviations] for cell in cells if cell.task and cell.deviations
    }
