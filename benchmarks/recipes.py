"""Write the recipes of the tier ``small`` from the records of sweeps: ``python -m benchmarks.recipes``.

The command reads the records of the board ``small`` and those of ``--runs``. It writes the search of each learning
rate and the scores of all seeds to ``results/recipes.json``, draws the score over the learning rate for each task,
writes the tables of ``docs/recipes.md``, and says which claims hold. A task without records keeps the rows that are in
the JSON file. It trains nothing: ``--commands`` prints the sweeps that make the records.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from benchmarks import _recipe_goals, _recipe_page, _recipe_records
from benchmarks._recipe_sweeps import recipe_board, sweep_commands
from seqbench.utils.errors import SeqbenchError


def collect_rows(runs: list[Path]) -> dict[str, _recipe_records.Task]:
    """Return the rows of all tasks: those of records, and for a task without records those of the JSON file."""
    places = [place for place in (_recipe_records.BOARD_RECORDS,) if place.is_dir()] + runs
    tasks, excluded = _recipe_records.read_records(places)
    for record in excluded:
        print(f"not used: {record.origin}: {record.reason}")
    return {**_recipe_records.read_tasks(), **tasks}


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        0; with ``--check`` 1 if a claim does not hold or is not measured; 2 for a mistake of the user.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recipes", description=str(__doc__).splitlines()[0])
    parser.add_argument(
        "--runs", type=Path, nargs="+", default=[], metavar="FOLDER", help="also read the records of these folders"
    )
    parser.add_argument("--commands", action="store_true", help="print the sweeps that make the records; do no more")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless every claim is measured and holds")
    options = parser.parse_args(arguments)
    if options.commands:
        for name in recipe_board().tasks:
            print("\n".join(map(shlex.join, sweep_commands(name))))
        return 0
    try:
        tasks = collect_rows(options.runs)
    except SeqbenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    _recipe_records.write_tasks(tasks)
    _recipe_page.write_page(tasks)
    found = list(_recipe_goals.verdicts(tasks))
    for name, verdict in found:
        print(f"{name} {verdict}")
    return int(options.check and not all(verdict.holds for _, verdict in found))


if __name__ == "__main__":
    sys.exit(main())
