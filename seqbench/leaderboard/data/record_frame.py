"""Records as one flat table: a row for each record, a column for each score, option and cost."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seqbench.leaderboard.data import recorded_costs
from seqbench.leaderboard.data.record_collection import find_record_files
from seqbench.protocol import records
from seqbench.protocol.records import Record
from seqbench.utils.errors import SeqbenchError

if TYPE_CHECKING:
    import pandas as pd

Cell = str | int | float | bool | None
"""One value of the table."""

_GROUPS = ("arch", "encoder", "task", "optim", "body", "trainer")
_COSTS = ("seconds", "training_seconds", "steps_per_second", "tokens_per_second", "peak_memory_bytes", "device")


def records_to_frame(places: Iterable[Path]) -> pd.DataFrame:
    """Return the records under folders as one table, in the order of their paths.

    A record that cannot be read is left out with a warning.

    Args:
        places: folders of runs or of a board's results, or records.

    Raises:
        SeqbenchError: a place does not exist.
    """
    import pandas as pd  # Imported here, because it takes a third of a second.

    rows: list[dict[str, Cell]] = []
    for path in find_record_files(places):
        try:
            record = records.read_record(path)
        except SeqbenchError as error:
            warnings.warn(f"one record is left out: {error}", stacklevel=3)
            continue
        rows.append({**flatten_record(record), "path": str(path)})
    return pd.DataFrame(rows, columns=_ordered_columns(rows))


def flatten_record(record: Record) -> dict[str, Cell]:
    """Return a record as one row.

    The scores are ``<split>/<metric>``, the options ``arch.num_layers`` and so on. ``metric`` names the primary metric
    of the task; ``value``, ``chance`` and ``best`` are its test score, the score of chance and the best possible score.
    """
    config, results = record.config, record.results
    options = config.options
    deciding = results.metrics.get("test", {}).get(config.card.metric)
    row: dict[str, Cell] = {
        "arch": config.architecture.name,
        "encoder": config.encoder.name if config.encoder else None,
        "task": config.card.name,
        "tier": config.card.tier,
        "seed": config.seed,
        "status": results.status,
        "reason": results.reason,
        "metric": config.card.metric,
        "value": deciding.value if deciding else None,
        "chance": deciding.chance if deciding else None,
        "best": deciding.best if deciding else None,
        "above_chance": results.above_chance,
        "modified": ", ".join(config.modified) or None,
        "parameters": config.parameters,
        "best_step": results.best_step,
        **{name: getattr(record.measured, name) for name in _COSTS},
        "tokens_per_second": recorded_costs.tokens_per_second(record),
    }
    for split, scores in results.metrics.items():
        row.update({f"{split}/{name}": score.value for name, score in scores.items()})
    for group in _GROUPS:
        values = getattr(options, group)
        if values is not None:
            plain = values if isinstance(values, Mapping) else values.to_dict()
            row.update({f"{group}.{key}": _cell(value) for key, value in plain.items() if key != "name"})
    return row


def _cell(value: object) -> Cell:
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _ordered_columns(rows: Iterable[Mapping[str, Cell]]) -> list[str]:
    """Return the columns of all rows: identity and score, then scores, then options; the path is last."""
    seen: dict[str, None] = {}
    for row in rows:
        seen.update(dict.fromkeys(row))
    scores = [name for name in seen if "/" in name]
    options = [name for name in seen if "." in name]
    rest = [name for name in seen if "/" not in name and "." not in name and name != "path"]
    return [*rest, *scores, *options, *(["path"] if seen else [])]
