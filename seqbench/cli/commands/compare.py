"""Show two runs side by side: what differs, their scores between their lines, their costs, their curves."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seqbench.cli.text_tables import align_columns
from seqbench.leaderboard import comparison
from seqbench.leaderboard.comparison import Comparison
from seqbench.protocol import records
from seqbench.utils import atomic_files, plain_data
from seqbench.utils.errors import one_line
from seqbench.utils.number_format import format_large_number, format_number

SHOWN = 48
"""Letters of a value that are shown."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two runs."""
    parser.add_argument("runs", type=Path, nargs=2, metavar="RUN", help="folder of a run, or a record as JSON")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found as JSON as well")


def main(options: argparse.Namespace) -> int:
    """Print the comparison; 0 whatever it shows."""
    a, b = (records.read_record(path) for path in options.runs)
    found = comparison.compare_records(a, b)
    said = conclusion(found)
    paths = [str(path) for path in options.runs]
    if options.json is not None:
        atomic_files.write_text(
            options.json, plain_data.to_json({**found.to_plain(), "paths": paths, "conclusion": said})
        )
    print(_seen("\n\n".join([_runs(found, paths), *filter(None, (part(found) for part in _PARTS)), said])))
    return 0


def conclusion(found: Comparison) -> str:
    """What the two runs together show, and what they do not, in a sentence or two.

    Args:
        found: of ``compare_records``.
    """
    pair = list(zip("AB", found.runs, strict=True))
    edited = [name for name, run in pair if not run.intact]
    if edited:
        which = f"{' and '.join(edited)} {'was' if len(edited) == 1 else 'were'}"
        return f"{which} edited after being written: believe nothing of this."
    ended = [f"{name} ended as {run.status}" for name, run in pair if run.status != "ok"]
    if ended:
        return f"{' and '.join(ended)}: there is no pair of scores to compare."
    if found.unlike:
        return f"Scores are not compared: {found.unlike}."
    if found.same_record:
        return "Both are the same record."
    return _of_one_configuration(found) if found.same_configuration else _of_two(found)


def _of_one_configuration(found: Comparison) -> str:
    if not found.same_seed:
        return "One configuration, two seeds: the difference is what luck alone makes, a first glimpse of the spread."
    if found.same_results:
        return "Same configuration, same seed: the results are equal bit for bit."
    differs = ", ".join(list(found.differs)[:6])
    why = f"they differ in {differs}" if differs else "nothing that is recorded explains it"
    return (
        f"Same configuration, same seed, but other results: {why}. On one CPU with the same number of threads "
        "and the same packages they would be equal bit for bit."
    )


def _of_two(found: Comparison) -> str:
    row = next((row for row in found.metrics["test"].values() if row.decides), None)
    if row is None or row.better is None:
        return "They have no score in common that means the same."
    lead = "Both score the same" if row.better == "neither" else f"{row.better} is better here"
    changed = set(found.changed) - {"seed", "architecture.class", "architecture.distribution"}
    # Another architecture brings other options.
    count = sum("arch.name" not in changed or not key.startswith("arch.") for key in changed) + ("arch.name" in changed)
    several = f" They differ in {count} options, so no single one need be the reason." if count > 1 else ""
    a, b = found.runs
    archs = ",".join(dict.fromkeys(str(run.architecture) for run in (a, b)))
    return (
        f"{lead}, by one seed each: that may be luck, and two single runs cannot show that it is not.{several} A sweep "
        f"over seeds can: `seqbench sweep --arch {_short(archs)} --task {a.task} --tier {a.tier} --seeds 5`."
    )


def _runs(found: Comparison, paths: Sequence[str]) -> str:
    """Who they are, and whether they can be believed."""
    rows = [["", "A", "B"], ["run", *paths]]
    for key in ("architecture", "task", "tier", "seed", "status"):
        rows.append([key, *(_short(getattr(run, key)) for run in found.runs)])
    if any(run.reason for run in found.runs):
        rows.append(["reason", *(_short(run.reason) for run in found.runs)])
    rows.append(["record", *("as it was written" if run.intact else "EDITED" for run in found.runs)])
    rows.append(["card", *(_modified(run.modified) for run in found.runs)])
    return align_columns(rows)


def _modified(names: Sequence[str] | None) -> str:
    if names is None:
        return "unknown"
    return f"modified: {_short(', '.join(names))}" if names else "unmodified"


def _differences(found: Comparison) -> str:
    if not found.differs:
        return "no difference in configuration, code or machine"
    rows = [[_short(key), *map(_short, pair)] for key, pair in found.differs.items()]
    return align_columns([["differs in", "A", "B"], *rows])


def _test(found: Comparison) -> str:
    return _scores(found, "test")


def _validation(found: Comparison) -> str:
    return _scores(found, "validation")


def _scores(found: Comparison, split: str) -> str:
    """Metrics between their lines; where those of A and B are others, both are shown."""
    if not found.metrics[split]:
        return ""
    rows = [[f"{split} metric", "A", "B", "B - A", "better", "chance", "best possible"]]
    for name, row in found.metrics[split].items():
        rows.append(
            [
                _short(name) + (" *" if row.decides else ""),
                *map(format_number, row.value),
                "-" if row.difference is None else f"{row.difference:+.4g}",
                row.better or "-",
                _line(row.chance, row.value),
                _line(row.best, row.value),
            ]
        )
    return f"{align_columns(rows)}\n* decides"


def _line(pair: Sequence[float | None], values: Sequence[float | None]) -> str:
    """One line of both, or each its own; of a run that has the metric."""
    known = [line for line, value in zip(pair, values, strict=True) if value is not None]
    said = ["unknown" if line is None else format_number(line) for line in known]
    return " / ".join(dict.fromkeys(said)) or "-"


def _costs(found: Comparison) -> str:
    rows = [["cost", "A", "B", "B / A"]]
    for name, row in found.costs.items():
        ratio = "-" if row.ratio is None else f"{row.ratio:.3g}"
        rows.append([name, *(format_large_number(value) for value in row.value), ratio])
    if len(rows) == 1:
        return ""
    device = found.differs.get("device")
    note = "\non different devices: speeds, seconds and memory say little about the models" if device else ""
    return align_columns(rows) + note


def _curve(found: Comparison) -> str:
    curve = found.curve
    if curve is None:
        return ""
    columns: dict[str, Sequence[Sequence[float | None]]] = {"score": curve.score}
    if curve.loss is not None:
        columns["training loss"] = curve.loss
    rows = [["step", *(f"{name} {run}" for name in columns for run in "AB")]]
    for place, step in enumerate(curve.step):
        rows.append([f"{step:,.0f}", *(format_number(value) for column in columns.values() for value in column[place])])
    return f"validation, at steps of both:\n{align_columns(rows)}"


_PARTS = (_differences, _test, _validation, _costs, _curve)


def _short(value: Any) -> str:
    """A value in one line; of what is long its beginning."""
    text = "-" if value is None else one_line(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def _seen(text: str) -> str:
    """The text without what a terminal would obey."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in text)
