"""The result of the check of a request, and its summary in Markdown for the pull request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from seqbench.leaderboard.pages.markdown_text import escape_markdown, inline_code, render_table
from seqbench.protocol.record_fields import VerificationStamp
from seqbench.utils.number_format import counted
from seqbench.verification.requests.request_changes import Refusal

MOST_SHOWN = 200
"""Largest number of records, and of reasons, that the summary shows."""
MOST_TEXT = 600
"""Largest number of characters of a reason."""


@dataclass(frozen=True)
class RecordResult:
    """The result of one new record.

    Args:
        path: path of the record in the request.
        headline: what was run and how it ended; empty for a file that is no record.
        problems: reasons why it is refused; none for a record that was verified.
        stamp: the stamp of CI; None for a record that is refused.
    """

    path: str
    headline: str
    problems: Sequence[str] = ()
    stamp: VerificationStamp | None = None


@dataclass(frozen=True)
class RequestReport:
    """The result of the check of a request.

    Args:
        records: the result of each new record.
        refused: files and boards that are refused, each with the reason.
        pages: number of pages of the request, which are generated again.
        written: whether the records, with their stamps, and the pages were written into the base.
    """

    records: Sequence[RecordResult] = ()
    refused: Sequence[Refusal] = ()
    pages: int = 0
    written: bool = False
    notes: Sequence[str] = field(default=())

    @property
    def ok(self) -> bool:
        """True if the request holds records alone, and every one of them was verified."""
        return not self.refused and not any(record.problems for record in self.records)

    @property
    def verdict(self) -> str:
        """The result in one sentence."""
        count = counted(len(self.records), "new record")
        if self.ok:
            return f"{count}, verified with the code of the base branch" if self.records else "no new record"
        wrong = sum(bool(record.problems) for record in self.records)
        parts = [f"{wrong} of {count} refused"] if wrong else []
        parts += [f"{counted(len(self.refused), 'change')} refused"] if self.refused else []
        return "REFUSED: " + ", ".join(parts)


def render_report(report: RequestReport) -> str:
    """Return the summary as Markdown; texts of the request are escaped.

    Args:
        report: the result of the check.
    """
    parts = [f"## Records of this request\n\n{escape_markdown(report.verdict)}."]
    if report.refused:
        lines = [f"- {inline_code(one.path)}: {_text(one.reason)}" for one in report.refused[:MOST_SHOWN]]
        parts.append("### Refused changes\n\n" + "\n".join([*lines, *_more(len(report.refused))]))
    if report.records:
        table = [["record", "result", "how"]]
        for record in report.records[:MOST_SHOWN]:
            how = record.stamp.how if record.stamp else ""
            table.append([inline_code(record.path), _text(record.headline), how or "**refused**"])
        parts.append(render_table(table, (0, 1, 2)))
        parts += _more(len(report.records))
    wrong = [record for record in report.records if record.problems]
    if wrong:
        lines = [
            f"- {inline_code(record.path)}\n" + "\n".join(f"  - {_text(problem)}" for problem in record.problems)
            for record in wrong[:MOST_SHOWN]
        ]
        parts.append("### Why records are refused\n\n" + "\n".join(lines))
    if report.pages:
        parts.append(f"{counted(report.pages, 'page')} of the request not used: pages are generated from the records.")
    parts += [_text(note) for note in report.notes]
    return "\n\n".join(parts) + "\n"


def _text(text: str) -> str:
    return escape_markdown(text[:MOST_TEXT])


def _more(count: int) -> list[str]:
    return [f"\n... and {count - MOST_SHOWN:,} more"] if count > MOST_SHOWN else []
