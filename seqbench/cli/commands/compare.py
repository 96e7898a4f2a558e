"""Show two runs side by side: differences, scores, costs and curves."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from seqbench.cli.text_tables import align_columns
from seqbench.leaderboard.comparison import compare_records
from seqbench.leaderboard.comparison_data import Comparison
from seqbench.protocol import records
from seqbench.utils import atomic_files, plain_data
from seqbench.utils.errors import one_line
from seqbench.utils.number_format import counted, format_large_number, format_number

MOST_CHARACTERS = 48
"""Largest number of characters of a value on the screen; longer values are shortened."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``seqbench compare`` to its parser."""
    parser.add_argument("runs", type=Path, nargs=2, metavar="RUN", help="folder of a run, or a record as a JSON file")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the comparison to a JSON file")


def main(options: argparse.Namespace) -> int:
    """Print the comparison of two runs; always return 0.

    Raises:
        SeqbenchError: a record cannot be read, or the JSON file cannot be written.
    """
    a, b = (records.read_record(path) for path in options.runs)
    comparison = compare_records(a, b)
    sentence = conclusion(comparison)
    paths = [str(path) for path in options.runs]
    if options.json is not None:
        atomic_files.write_text(
            options.json, plain_data.to_json({**comparison.to_plain(), "paths": paths, "conclusion": sentence})
        )
    parts = [_format_runs(comparison, paths), *(format_part(comparison) for format_part in _PARTS), sentence]
    print(_printable("\n\n".join(filter(None, parts))))
    return 0


def conclusion(comparison: Comparison) -> str:
    """Return one or two sentences that say which conclusion the comparison allows.

    Args:
        comparison: the result of `compare_records`.
    """
    pair = list(zip("AB", comparison.runs, strict=True))
    edited = [name for name, run in pair if not run.intact]
    if edited:
        which = f"{' and '.join(edited)} {'was' if len(edited) == 1 else 'were'}"
        return f"{which} edited after the run wrote the record: do not trust any number of this comparison."
    failed = [f"{name} ended as {run.status}" for name, run in pair if run.status != "ok"]
    if failed:
        return f"{' and '.join(failed)}: there are no two scores to compare."
    if comparison.unlike:
        return f"Scores are not compared: {comparison.unlike}."
    if comparison.same_record:
        return "Both are the same record."
    return _same_configuration(comparison) if comparison.same_configuration else _two_configurations(comparison)


def _same_configuration(comparison: Comparison) -> str:
    if not comparison.same_seed:
        return "Same configuration, two seeds: the difference comes from the seed alone, and hints at the spread."
    if comparison.same_results:
        return "Same configuration, same seed: the results are equal bit for bit."
    names = ", ".join(list(comparison.differs)[:6])
    reason = f"the runs differ in {names}" if names else "no recorded value explains this"
    return (
        f"Same configuration, same seed, but different results: {reason}. On one CPU with the same number of threads "
        "and the same packages, the results would be equal bit for bit."
    )


def _two_configurations(comparison: Comparison) -> str:
    row = next((row for row in comparison.metrics["test"].values() if row.decides), None)
    if row is None or row.better is None:
        return "The runs have no common score with the same meaning."
    lead = "Both score the same" if row.better == "neither" else f"{row.better} is better here"
    changed = set(comparison.changed) - {"seed", "architecture.class", "architecture.distribution"}
    # Another architecture has other options; together they count as one difference.
    count = sum("arch.name" not in changed or not key.startswith("arch.") for key in changed) + ("arch.name" in changed)
    several = (
        f" The runs differ in {counted(count, 'option')}, so no single one explains the difference."
        if count > 1
        else ""
    )
    a, b = comparison.runs
    architectures = ",".join(dict.fromkeys(str(run.architecture) for run in (a, b)))
    return (
        f"{lead}, with one seed each: this may be chance, and two single runs cannot show that it is not.{several} A "
        f"sweep over seeds can: `seqbench sweep --arch {_shorten(architectures)} --task {a.task} --tier {a.tier} "
        "--seeds 5`."
    )


def _format_runs(comparison: Comparison, paths: Sequence[str]) -> str:
    """Return a table that identifies the runs and says whether their records are intact."""
    runs = comparison.runs
    rows = [["", "A", "B"], ["run", *paths]]
    for key in ("architecture", "task", "tier", "seed", "status"):
        rows.append([key, *(_shorten(getattr(run, key)) for run in runs)])
    if any(run.reason for run in runs):
        rows.append(["reason", *(_shorten(run.reason) for run in runs)])
    rows.append(["record", *("unchanged" if run.intact else "EDITED" for run in runs)])
    rows.append(["card", *(_format_modified(run.modified) for run in runs)])
    return align_columns(rows)


def _format_modified(names: Sequence[str]) -> str:
    return f"modified: {_shorten(', '.join(names))}" if names else "unmodified"


def _format_differences(comparison: Comparison) -> str:
    if not comparison.differs:
        return "no difference in configuration, code or machine"
    rows = [[_shorten(key), *map(_shorten, pair)] for key, pair in comparison.differs.items()]
    return align_columns([["differs in", "A", "B"], *rows])


def _format_test_scores(comparison: Comparison) -> str:
    return _format_scores(comparison, "test")


def _format_validation_scores(comparison: Comparison) -> str:
    return _format_scores(comparison, "validation")


def _format_scores(comparison: Comparison, split: str) -> str:
    """Return a table of metrics with chance and best possible scores, of both runs if they differ."""
    if not comparison.metrics[split]:
        return ""
    rows = [[f"{split} metric", "A", "B", "B - A", "better", "chance", "best possible"]]
    for name, row in comparison.metrics[split].items():
        rows.append(
            [
                _shorten(name) + (" *" if row.decides else ""),
                *map(format_number, row.value),
                "-" if row.difference is None else f"{row.difference:+.4g}",
                row.better or "-",
                _format_reference(row.chance, row.value),
                _format_reference(row.best, row.value),
            ]
        )
    return f"{align_columns(rows)}\n* decides"


def _format_reference(references: Sequence[float | None], values: Sequence[float | None]) -> str:
    """Return the reference scores of the runs that have the metric; a score that both share appears once."""
    known = [reference for reference, value in zip(references, values, strict=True) if value is not None]
    texts = ["unknown" if reference is None else format_number(reference) for reference in known]
    return " / ".join(dict.fromkeys(texts)) or "-"


def _format_costs(comparison: Comparison) -> str:
    rows = [["cost", "A", "B", "B / A"]]
    for name, row in comparison.costs.items():
        ratio = "-" if row.ratio is None else f"{row.ratio:.3g}"
        rows.append([name, *map(format_large_number, row.value), ratio])
    if len(rows) == 1:
        return ""
    device = comparison.differs.get("device")
    note = "\nThe devices differ: speeds, seconds and memory do not compare the models." if device else ""
    return align_columns(rows) + note


def _format_curve(comparison: Comparison) -> str:
    curve = comparison.curve
    if curve is None:
        return ""
    columns: dict[str, Sequence[Sequence[float | None]]] = {"score": curve.score}
    if curve.loss is not None:
        columns["training loss"] = curve.loss
    rows = [["step", *(f"{name} {run}" for name in columns for run in "AB")]]
    for place, step in enumerate(curve.step):
        rows.append([f"{step:,.0f}", *(format_number(value) for column in columns.values() for value in column[place])])
    return f"validation, at steps that both runs have:\n{align_columns(rows)}"


_PARTS = (_format_differences, _format_test_scores, _format_validation_scores, _format_costs, _format_curve)


def _shorten(value: object) -> str:
    """Return a value on one line; a long value ends in an ellipsis."""
    text = "-" if value is None else one_line(value)
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"


def _printable(text: str) -> str:
    """Replace characters that could control the terminal: a record may come from someone else."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in text)
