"""Score a trained model again: on its own data, at other lengths, on other data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqbench.cli.text_tables import align_columns
from seqbench.protocol import records
from seqbench.utils.number_format import format_number

if TYPE_CHECKING:
    from seqbench.running.evaluation import Evaluation

EPILOG = """\
After RUN, options of the task and the trainer as of `seqbench run`: --task.delay 100, --task.data_dir FOLDER,
--trainer.accelerator cpu. All others are those of the run. A text is read with the run's own vocabulary.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run and the split; dotted options are read by ``options``."""
    parser.epilog = EPILOG
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run, or its result.json")
    split = parser.add_argument("--split", default="test", metavar="SPLIT", help="test or validation (default: test)")
    split.completer = lambda **_: ["test", "validation"]  # type: ignore[attr-defined]
    parser.add_argument("--out", type=Path, metavar="FILE", help="write it as JSON as well")


def main(options: argparse.Namespace) -> int:
    """Print the scores between their lines, beside those of the record."""
    records.read_record(options.run)  # Before torch: there may be no run.

    from seqbench.running.evaluation import evaluate
    from seqbench.utils import atomic_files, plain_data

    found = evaluate(options.run, split=options.split, arguments=options.rest)
    if options.out is not None:
        atomic_files.write_text(options.out, plain_data.to_json(found.to_dict()))
    print(table(found))
    return 0


def table(found: Evaluation) -> str:
    """Scores, lines and baselines, what the record has beside them, the curve over lengths, and what differs."""
    metric = found.metric
    rows = [[f"{found.split} metric", "value", "recorded", "chance", *found.baselines, "best possible"]]
    for name in sorted(found.metrics, key=lambda name: (name != metric, name)):
        line = found.metrics[name]
        cells = [line["value"], found.recorded.get(name), line["chance"]]
        cells += [values.get(name) for values in found.baselines.values()]
        best = "unknown" if line["best"] is None else format_number(line["best"])
        rows.append([name + (" *" if name == metric else ""), *map(format_number, cells), best])
    parts = [f"{align_columns(rows)}\n* decides; weights of step {found.best_step}; on {found.device}"]
    if found.lengths:
        columns = [[name, *map(format_number, values)] for name, values in found.lengths.items()]
        parts.append(align_columns([list(row) for row in zip(*columns, strict=True)]))
    parts.append("\n".join(_differs(found)))
    return "\n\n".join(parts)


def _differs(found: Evaluation) -> list[str]:
    if not found.changed:
        return ["the run's own options and data" + ("" if found.recorded else "; its record has no scores")]
    was, now = ({key: _short(pair[when]) for key, pair in found.changed.items()} for when in ("recorded", "now"))
    said = [f"{key}: {was[key]} in the record, now {now[key]}" for key in found.changed]
    return ["differs from the record, whose values are of other conditions:", *(f"  {line}" for line in said)]


def _short(value: Any) -> str:
    """An option's value; of checksums their first letters."""
    if isinstance(value, list) and value and all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        return ", ".join(f"{part} {str(digest)[:8]}" for part, digest in value)
    text = "none" if value is None else str(value)
    return text if len(text) <= 60 else text[:12] + "…"
