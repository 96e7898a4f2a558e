"""Sentences about what the statistics of a board can and cannot show, for all forms of a page."""

from __future__ import annotations

from seqbench.leaderboard.board_data import OverallData
from seqbench.leaderboard.task_data import RankTest, RowData
from seqbench.utils.number_format import counted
from seqbench.utils.visible_text import visible_line


def test_sentences(test: RankTest | None) -> list[str]:
    """Return what the ranks of a task can show: the power of its test, ranks that are open, and its errors."""
    if test is None:
        return []
    sentences = [power_sentence(test), undecided_sentence(test), solve_or_fail_sentence(test)]
    return [sentence for sentence in sentences if sentence]


def power_sentence(test: RankTest) -> str:
    """Return which difference the test of a task detects; an empty string if there is one row only."""
    if test.detectable is None:
        return ""
    size = format_deviations(test.detectable)
    needed = "" if test.needed is None else f" On this task a difference of {test.needed:.2g} was needed."
    return (
        f"With {counted(test.seeds, 'seed')} and {counted(test.rows, 'row')}, a difference of {size} standard "
        f"deviations of the seeds is seen in 80 % of boards.{needed}"
    )


def format_deviations(deviations: float) -> str:
    """Return a number of standard deviations with two digits.

    >>> format_deviations(6.88), format_deviations(2.04), format_deviations(31.7)
    ('6.9', '2.0', '32')
    """
    return f"{deviations:.1f}" if deviations < 9.95 else f"{deviations:,.0f}"


def undecided_sentence(test: RankTest) -> str:
    """Return which ranks hang on a p value too close to alpha; an empty string if all are decided."""
    if not test.undecided:
        return ""
    labels = ", ".join(visible_line(label) for label in test.undecided[:5])
    more = f" and {len(test.undecided) - 5} more" if len(test.undecided) > 5 else ""
    return (
        f"After {test.draws:,} draws a p value is too close to {test.alpha:g} to decide the rank of {labels}{more}: "
        "read the p values."
    )


def solve_or_fail_sentence(test: RankTest) -> str:
    """Return how often the test errs on a task that some seeds solve and others do not; otherwise an empty string."""
    if not test.solve_or_fail or test.board_error is None or test.board_error <= 0.06:
        return ""
    return (
        f"Some rows solve this task with some seeds and not with others. If that happens at even odds, "
        f"{100 * test.board_error:.0f} % of boards with {counted(test.seeds, 'seed')} give different ranks to equally "
        "good rows. Read the ranks together with the number of solved seeds, or use five seeds or more."
    )


def order_sentence(overall: OverallData) -> str:
    """Return why a board has no overall order; an empty string if it has one."""
    if overall.ordered:
        return ""
    return (
        f"There is no overall order, because {counted(len(overall.tasks), 'task')} cannot carry one: a task more or "
        f"less would reverse it. It is shown from {overall.least_tasks} tasks on."
    )


def format_p(p: float | None) -> str:
    """Return a p value with two digits; an empty string if there is none.

    >>> format_p(0.0484), format_p(0.00003), format_p(0.5), format_p(None)
    ('.048', '< .001', '.50', '')
    """
    if p is None:
        return ""
    if p < 0.001:
        return "< .001"
    text = f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"
    return text.removeprefix("0")


def p_text(row: RowData) -> str:
    """Return the p values of a row against the first and against the one above; an empty string for the first row.

    >>> p_text(RowData("gru", "gru", "ranked", "", rank=2, p_first=0.0484, p_above=0.5))
    'p = .048 against the first, .50 against the row above'
    """
    if row.p_first is None:
        return ""
    return f"p = {format_p(row.p_first)} against the first, {format_p(row.p_above)} against the row above"


def format_rank(row: RowData) -> str:
    """Return a row's rank, with a question mark if further draws could change it; an empty string without one.

    >>> format_rank(RowData("gru", "gru", "ranked", "", rank=2, rank_range=[1, 2]))
    '2?'
    """
    return "" if row.rank is None else f"{row.rank}{'?' if row.rank_range else ''}"


def sample_interval(row: RowData) -> str:
    """Return the half width of a row's interval over seeds and test samples; an empty string if it is unknown.

    >>> sample_interval(RowData("gru", "gru", "ranked", "", sample_half_width=0.018))
    '± 0.018 over seeds and test samples'
    """
    return "" if row.sample_half_width is None else f"± {row.sample_half_width:.2g} over seeds and test samples"
