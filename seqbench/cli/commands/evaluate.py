"""Evaluate a trained model again: on its own data, at other lengths, or on other data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from seqbench.cli.text_tables import align_columns
from seqbench.protocol import records
from seqbench.utils.number_format import format_number

if TYPE_CHECKING:
    from seqbench.running.evaluation import Evaluation

MOST_CHARACTERS = 60
"""Largest number of characters of an option's value; longer values are shortened."""

EPILOG = """\
After RUN, options of the task and the trainer may follow, as for `seqbench run`: --task.delay 100,
--task.data_dir FOLDER, --trainer.accelerator cpu. All other options are those of the run. A text is encoded with the
vocabulary of the run.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the run and the split; dotted options stay in ``options.rest``, and `evaluate` parses them."""
    parser.epilog = EPILOG
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run, or its result.json")
    split = parser.add_argument("--split", default="test", metavar="SPLIT", help="test or validation (default: test)")
    split.completer = lambda **_: ["test", "validation"]  # type: ignore[attr-defined]
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the evaluation to a JSON file")


def main(options: argparse.Namespace) -> int:
    """Print the scores beside chance, the best possible scores, and those of the record; return 0."""
    records.read_record(options.run)  # Fails fast, before torch is imported.

    from seqbench.running.evaluation import evaluate
    from seqbench.utils import atomic_files, plain_data

    evaluation = evaluate(options.run, split=options.split, arguments=options.rest)
    if options.out is not None:
        atomic_files.write_text(options.out, plain_data.to_json(evaluation.to_dict()))
    print(format_evaluation(evaluation))
    return 0


def format_evaluation(evaluation: Evaluation) -> str:
    """Return an evaluation as text.

    Its parts are a table of scores with their references and the recorded scores, a table of scores over lengths, and
    the options that differ from those of the run.
    """
    decisive = evaluation.metric
    rows = [[f"{evaluation.split} metric", "value", "recorded", "chance", *evaluation.baselines, "best possible"]]
    for name in sorted(evaluation.metrics, key=lambda name: (name != decisive, name)):
        line = evaluation.metrics[name]
        cells = [line["value"], evaluation.recorded.get(name), line["chance"]]
        cells += [values.get(name) for values in evaluation.baselines.values()]
        best = "unknown" if line["best"] is None else format_number(line["best"])
        rows.append([name + (" *" if name == decisive else ""), *map(format_number, cells), best])
    decides = "* decides" if decisive in evaluation.metrics else f"these data do not give {decisive}, which decides"
    note = f"{decides}; weights of step {evaluation.best_step}; on {evaluation.device}"
    parts = [f"{align_columns(rows)}\n{note}"]
    if evaluation.lengths:
        columns = [[name, *map(format_number, values)] for name, values in evaluation.lengths.items()]
        parts.append(align_columns([list(row) for row in zip(*columns, strict=True)]))
    parts.append("\n".join(_changed_options(evaluation)))
    return "\n\n".join(parts)


def _changed_options(evaluation: Evaluation) -> list[str]:
    """Return one line for each option that differs from the run's, or a single line if no option differs."""
    if not evaluation.changed:
        return ["options and data of the run" + ("" if evaluation.recorded else "; its record has no scores")]
    lines = [
        f"  {name}: {_shorten(values['recorded'])} in the record, now {_shorten(values['now'])}"
        for name, values in evaluation.changed.items()
    ]
    return ["The recorded scores were measured under other conditions:", *lines]


def _shorten(value: object) -> str:
    """Return the value of an option as text; checksums are cut to their first digits."""
    if isinstance(value, list) and value and all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        return ", ".join(f"{name} {str(digest)[:8]}" for name, digest in value)
    text = "none" if value is None else str(value)
    return text if len(text) <= MOST_CHARACTERS else text[:12] + "…"
