"""The runs of a figure: records of one task, grouped by configuration over their seeds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seqbench.leaderboard.data.record_collection import find_record_files
from seqbench.protocol.records import TUNING_SEED, Record, read_record
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import json_digest
from seqbench.utils.visible_text import visible_line

_PLACE_OPTIONS = ("task.data_dir", "task.source")
"""Options that state where data are; runs that differ in them belong to one group."""


@dataclass(frozen=True)
class RunGroup:
    """The runs of one configuration, which differ only in their seed.

    Args:
        label: name of the group in the figure.
        records: records in the order of their seeds.
    """

    label: str
    records: tuple[Record, ...]


@dataclass(frozen=True)
class FigureRuns:
    """The runs of one figure.

    Args:
        groups: the groups in the order of their first run.
        task: name of the task.
        metric: primary metric of the task.
        direction: ``max`` if higher scores are better, ``min`` if lower ones are.
        left_out: a sentence for each kind of records that are not in the figure.
    """

    groups: tuple[RunGroup, ...]
    task: str
    metric: str
    direction: str
    left_out: tuple[str, ...] = ()


def read_figure_runs(places: Iterable[Path | Record], labels: Mapping[str, str] | None = None) -> FigureRuns:
    """Read the records of a figure, and group them over seeds.

    Trials of learning rates and runs that did not end ``ok`` are left out, and counted in ``left_out``.

    Args:
        places: folders of runs, run folders, record files, or records.
        labels: names of groups in the figure, by their own label, such as ``{"gru": "GRU (ours)"}``.

    Raises:
        SeqbenchError: there is no finished run, the runs belong to several tasks, tiers or cards, a run is given twice,
            or a label does not exist.
    """
    named = list(_read_records(places))
    trials = [one for one in named if one[1].config.seed == TUNING_SEED]
    unfinished = [one for one in named if one[1].status != "ok" and one not in trials]
    finished = [one for one in named if one not in trials and one not in unfinished]
    left_out = [f"{len(trials)} learning-rate trial{'s' * (len(trials) != 1)}"] if trials else []
    left_out += [f"{origin}, which ended as {record.status}" for origin, record in unfinished]
    if not finished:
        what = f"there is no finished run; left out: {'; '.join(left_out)}" if left_out else "there are no runs"
        raise SeqbenchError(f"{what}. Give folders of finished runs (`seqbench list runs` shows them).")
    _check_one_task(finished)
    groups = _group_over_seeds(finished)
    card = finished[0][1].config.card
    return FigureRuns(_rename(groups, labels or {}), card.name, card.metric, card.direction, tuple(left_out))


def _read_records(places: Iterable[Path | Record]) -> Iterable[tuple[str, Record]]:
    """Yield the records with the path of each; a file that two places share is read once."""
    seen: set[Path] = set()
    for number, place in enumerate(places):
        if isinstance(place, Record):
            yield f"record {number + 1}", place
            continue
        for path in find_record_files([place]):
            if path.resolve() not in seen:
                seen.add(path.resolve())
                yield str(path), read_record(path)


def _check_one_task(named: Sequence[tuple[str, Record]]) -> None:
    """Check that scores of the records can stand on one axis.

    Raises:
        SeqbenchError: they belong to several tasks, tiers or cards.
    """
    cards = [record.config.card for _, record in named]
    for noun, values in (
        ("tasks", [card.name for card in cards]),
        ("tiers", [card.tier for card in cards]),
        ("metrics", [card.metric for card in cards]),
        ("versions of the card", [f"{card.version} ({card.digest[:8]})" for card in cards]),
    ):
        counts = {value: values.count(value) for value in dict.fromkeys(values)}
        if len(counts) > 1:
            found = ", ".join(f"{value} ({count} run{'s' * (count != 1)})" for value, count in counts.items())
            raise SeqbenchError(f"the runs belong to {len(counts)} {noun}: {found}; draw one figure for each.")


def _group_over_seeds(named: Sequence[tuple[str, Record]]) -> list[RunGroup]:
    """Return the groups, whose labels name the options that distinguish groups of one architecture.

    Raises:
        SeqbenchError: two records are the same configuration with the same seed.
    """
    groups: dict[str, dict[int, tuple[str, Record]]] = defaultdict(dict)
    options: dict[str, dict[str, object]] = {}
    for origin, record in named:
        flat = _flat_options(record)
        key = json_digest([_architecture(record), flat])
        options[key] = flat
        earlier = groups[key].setdefault(record.config.seed, (origin, record))
        if earlier[1] is not record:
            raise SeqbenchError(
                f"{earlier[0]} and {origin} are the same configuration with the same seed; leave one of them out."
            )
    architectures = {key: _architecture(next(iter(seeds.values()))[1]) for key, seeds in groups.items()}
    labelled = []
    for key, seeds in groups.items():
        same = [options[other] for other, name in architectures.items() if name == architectures[key]]
        records = tuple(record for _, (_, record) in sorted(seeds.items()))
        labelled.append(RunGroup(_label(architectures[key], options[key], same), records))
    return labelled


def _architecture(record: Record) -> str:
    return record.config.model


def _flat_options(record: Record) -> dict[str, object]:
    """Return the options that may change the scores, by dotted name."""
    options = record.config.options
    groups = {
        "arch": options.arch,
        "encoder": options.encoder or {},
        "task": options.task,
        "optim": options.optim.to_dict(),
        "body": options.body,
    }
    flat = {f"{group}.{key}": value for group, values in groups.items() for key, value in values.items()}
    flat["trainer.precision"] = options.trainer.precision
    # A class that is given by its path has no version: after an edit it is another configuration.
    files = {name: source.digest for name, source in record.config.sources.items() if source.files}
    if files:
        flat["source"] = json_digest(files)[:8]
    return {key: value for key, value in flat.items() if key not in _PLACE_OPTIONS and not key.endswith(".name")}


def _label(architecture: str, own: Mapping[str, object], same: Sequence[Mapping[str, object]]) -> str:
    """Return the architecture, followed by the options in which the groups of this architecture differ."""
    keys = sorted({key for options in same for key in options})
    differ = [key for key in keys if len({json_digest([options.get(key)]) for options in same}) > 1]
    words = [f"{key.removeprefix('arch.').removeprefix('optim.')}={own.get(key)}" for key in differ]
    return visible_line(f"{architecture} ({', '.join(words)})" if words else architecture)


def _rename(groups: Sequence[RunGroup], labels: Mapping[str, str]) -> tuple[RunGroup, ...]:
    known = [group.label for group in groups]
    for label in labels:
        if label not in known:
            raise SeqbenchError(f"no runs are labelled '{label}'; the labels are {', '.join(known)}.")
    return tuple(replace(group, label=labels.get(group.label, group.label)) for group in groups)
