"""Try to get false scores onto a board: ``python -m benchmarks.attempts [NUMBER ...]``, by default all attempts.

The command makes each false record of ``tests/verification/attempt_table.py``, verifies it, prints the score that it
claims beside the score that the verification computes, and writes the outcomes as JSON and into the tables of
``docs/trust.md``. Outcomes of other attempts stay as they are; ``missing`` instead of numbers makes the trials without
an expected outcome, and ``page`` writes the tables alone. It fails if an outcome is not the expected one.
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
from seqbench.utils.errors import SeqbenchError
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
    only_missing = sys.argv[1:] == ["missing"]
    chosen = set(ATTEMPTS) if only_missing else {int(number) for number in sys.argv[1:]} or set(ATTEMPTS)
    with tempfile.TemporaryDirectory(prefix="seqbench-attempts-") as name:
        root = Path(name)
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        os.environ["SEQBENCH_CACHE"] = str(root / "cache")
        run = Path(call(CheatSite.install(root / "site"), cheat_runs.train, "gru", root / "runs", {}))
        tried = [(k, trial) for k, trial in enumerate(TRIALS) if trial.attempt in chosen]
        if only_missing:
            known = {key for key, row in known_rows().items() if not row["mistake"]}
            tried = [(k, trial) for k, trial in tried if (trial.attempt, trial.name) not in known]
        for k, trial in tried:
            row = try_one(trial, root / f"trial-{k}", run)
            write_rows({**known_rows(), (trial.attempt, trial.name): row})
    write_page()
    rows = known_rows()
    mistakes = [trial.name for _, trial in tried if rows[trial.attempt, trial.name]["mistake"]]
    print(f"{len(tried) - len(mistakes)} of {len(tried)} trials ended as expected")
    sys.exit(1 if mistakes else 0)


Rows = dict[tuple[int, str], dict[str, Any]]
"""Outcomes by the number of the attempt and the name of the trial."""


def known_rows() -> Rows:
    """Return the outcomes in the file of earlier runs of this command."""
    path = RESULTS / "attempts.json"
    data: Any = plain_data.read_json(path) if path.is_file() else {"attempts": []}
    return {(row["number"], row["name"]): row for attempt in data["attempts"] for row in attempt["trials"]}


def write_rows(rows: Rows) -> None:
    """Write the outcomes of all trials that were made so far."""
    attempts = [
        {
            "number": number,
            "attempt": what,
            "trials": [
                rows[one.attempt, one.name] for one in TRIALS if one.attempt == number and (number, one.name) in rows
            ],
        }
        for number, what in ATTEMPTS.items()
    ]
    write_results("attempts", {"command": "python -m benchmarks.attempts", "attempts": attempts})


def try_one(trial: Trial, folder: Path, run: Path) -> dict[str, Any]:
    """Make and judge one false record; return the outcome as plain data, and print it."""
    folder.mkdir()
    start = time.perf_counter()
    row: dict[str, Any] = {"number": trial.attempt, "name": trial.name, "outcome": trial.outcome, "by": trial.by}
    try:
        findings = trial.run(TrialFolder(folder, run, CheatSite.install(folder / "site")))
    except (AssertionError, SeqbenchError) as error:
        row |= {"mistake": str(error)[-2000:], "message": "", "claimed": None, "blind": None}
    else:
        row["by"] = trial.found_by(findings) or trial.by
        row |= {"mistake": trial.mistake(findings), "message": trial.message(findings).replace(str(folder), "FOLDER")}
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
            where = (
                "[what cannot be checked](#what-cannot-be-checked)" if by.endswith(".md") else f"`{by}`" if by else ""
            )
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
