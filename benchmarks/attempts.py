"""Try to get false scores onto a board: ``python -m benchmarks.attempts [NUMBER ...]``, by default all attempts.

The command makes each false record of ``tests/verification/attempt_table.py``, verifies it, prints the score that it
claims beside the score that the verification computes, and writes all outcomes as JSON. With all attempts it also
writes the tables of ``docs/trust.md``; ``python -m benchmarks.attempts page`` writes these from the last JSON. It fails
if an outcome is not the expected one.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks._results import RESULTS, write_results
from seqbench.utils import atomic_files, plain_data
from seqbench.verification import checked_fields
from tests.verification import cheat_runs
from tests.verification.attempt_table import ATTEMPTS, TRIALS
from tests.verification.cheat_runs import CheatSite, call
from tests.verification.trials import Trial, TrialFolder

PAGE = RESULTS.parents[1] / "docs" / "trust.md"
MARKS = {
    "attempts": ("<!-- attempts -->", "<!-- end of attempts -->"),
    "fields": ("<!-- fields -->", "<!-- end of fields -->"),
}
"""Marks before and after each table of the page."""


def main() -> None:
    if sys.argv[1:] == ["page"]:
        write_page()
        return
    chosen = {int(number) for number in sys.argv[1:]} or set(ATTEMPTS)
    with tempfile.TemporaryDirectory(prefix="seqbench-attempts-") as name:
        root = Path(name)
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        os.environ["SEQBENCH_CACHE"] = str(root / "cache")
        run = Path(call(CheatSite.install(root / "site"), True, cheat_runs.train, "gru", root / "runs", {}))
        rows = [try_one(trial, root / f"trial-{k}", run) for k, trial in enumerate(TRIALS) if trial.attempt in chosen]
    mistakes = [row for row in rows if row["mistake"]]
    if chosen == set(ATTEMPTS):
        attempts = [
            {"number": number, "attempt": what, "trials": [row for row in rows if row["number"] == number]}
            for number, what in ATTEMPTS.items()
        ]
        write_results("attempts", {"command": "python -m benchmarks.attempts", "attempts": attempts})
        write_page()
    print(f"{len(rows) - len(mistakes)} of {len(rows)} trials ended as expected")
    sys.exit(1 if mistakes else 0)


def try_one(trial: Trial, folder: Path, run: Path) -> dict[str, Any]:
    """Make and judge one false record; return the outcome as plain data, and print it."""
    folder.mkdir()
    start = time.perf_counter()
    row: dict[str, Any] = {"number": trial.attempt, "name": trial.name, "outcome": trial.outcome, "by": trial.by}
    try:
        findings = trial.run(TrialFolder(folder, run, CheatSite.install(folder / "site")))
    except AssertionError as error:
        row |= {"mistake": str(error)[-2000:], "message": "", "claimed": None, "blind": None}
    else:
        row |= {"mistake": trial.mistake(findings), "message": trial.message(findings, folder)}
        row |= {"claimed": findings.claimed, "blind": findings.blind}
    print(
        f"{trial.attempt:2} {trial.name:28} {trial.outcome:10} {trial.by:14} claimed {_number(row['claimed'])} blind "
        f"{_number(row['blind'])}  {time.perf_counter() - start:5.1f} s  {row['mistake'] or row['message'][:160]}",
        flush=True,
    )
    return row


def write_page() -> None:
    """Write the table of the results, and that of the fields of a record, into the page."""
    text = PAGE.read_text(encoding="utf-8")
    results = plain_data.read_json(RESULTS / "attempts.json")
    assert isinstance(results, dict)
    for name, table in (("attempts", render_table(results)), ("fields", checked_fields.field_table())):
        start, end = MARKS[name]
        text = f"{text.partition(start)[0]}{start}\n\n{table}\n{end}{text.partition(end)[2]}"
    atomic_files.write_text(PAGE, text)


def render_table(results: Mapping[str, Any]) -> str:
    """Return the outcomes as a Markdown table, with one line for each outcome of an attempt."""
    lines = ["| # | attempt | outcome | where | claimed, and scored blind |", "|---|---|---|---|---|"]
    for attempt in results["attempts"]:
        for outcome, by, trials in _grouped(attempt["trials"]):
            names = "" if len(attempt["trials"]) == len(trials) else f" ({', '.join(row['name'] for row in trials)})"
            where = f"[{by}](#{'what-no-check-can-see'})" if by.endswith(".md") else f"`{by}`" if by else ""
            pairs = [row for row in trials if row["claimed"] is not None and row["blind"] not in (None, row["claimed"])]
            scores = "; ".join(f"{_number(row['claimed'])}, {_number(row['blind'])}" for row in pairs)
            lines.append(f"| {attempt['number']} | {attempt['attempt']}{names} | {outcome} | {where} | {scores} |")
    return "\n".join(lines) + "\n"


def _grouped(trials: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, list[Mapping[str, Any]]]]:
    """Return trials by their outcome and the check or page that shows it, in their order."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in trials:
        groups.setdefault((row["outcome"], row["by"]), []).append(row)
    return [(outcome, by, rows) for (outcome, by), rows in groups.items()]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


if __name__ == "__main__":
    main()
