"""For each field of a record: the check that finds a false value, or that the value is the submitter's word.

A field that stands under ``retrain`` is found by a second run only (``seqbench verify --retrain``), which finds a false
value of any field of ``results``. The tests edit each field of a true record and compare the outcome with this table.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from seqbench.protocol.record_fields import RecordFile
from seqbench.protocol.record_reference import inner_models
from seqbench.utils.number_format import counted

RETRAIN, WORD = "retrain", "the submitter's word"

FIELDS: Mapping[str, tuple[str, ...]] = {
    "record": ("schema", "checksum", "results.status"),
    "card": (
        "config.card.version",
        "config.card.tier",
        "config.card.digest",
        "config.card.metric",
        "config.card.direction",
        "config.card.selection",
    ),
    "configuration": (
        "config.architecture.name",
        "config.architecture.class",
        "config.architecture.distribution",
        "config.encoder.name",
        "config.encoder.class",
        "config.encoder.distribution",
        "config.encoder.is_default",
        "config.card.name",
        "config.card.distribution",
        "config.modified",
        "config.options.arch",
        "config.options.encoder",
        "config.options.task",
        "config.options.tier",
        "config.options.seed",
        "config.options.optim.*",
        "config.options.body",
        "config.options.trainer.precision",
        "config.seed",
        "config.digest",
        "config.data",
        "config.own_training",
        "config.sources.*.files",
    ),
    "sources": ("config.sources.*.digest",),
    "size": (
        "config.parameters",
        "config.state_bytes",
        "config.flops_per_token",
        "config.match_params",
        "config.spec.input",
        "config.spec.output",
        "config.spec.max_length",
        "config.spec.look_ahead",
    ),
    "lines": (
        "results.metrics.*.*.chance",
        "results.metrics.*.*.best",
        "results.baselines",
        "config.data_facts",
    ),
    "start": ("config.initial_weights", "config.first_batch"),
    "weights": ("results.weights", "results.best_step", "results.curves.train", "results.curves.validation"),
    "scores": ("results.metrics.*.*.value", "results.above_chance", "results.lengths"),
    "predictions": ("results.predictions", "results.metrics.*.*.standard_error", "results.metrics.*.*.sample_groups"),
    RETRAIN: (
        "results.reason",
        "results.metrics.*.*.best_unknown",
        "results.metrics.*.*.undefined",
    ),
    WORD: (
        "results.sample",
        "results.sample_error",
        "measured.*",
        "config.architecture.version",
        "config.encoder.version",
        "config.card.distribution_version",
        "config.options.trainer.*",
        "config.options.logger",
        "config.size_match.*",
        "config.tuning.*",
        "config.packages",
        "config.git_commit",
        "config.state_bytes_error",
        "config.flops_per_token_error",
        "verified.*",
    ),
}
"""Patterns of dotted fields by the check that finds a false value. Keys and indices inside of a field are not named."""

REMARKS: Mapping[str, str] = {
    "results.curves": "up to the best step; later points are found by `retrain`",
    "config.options.task": "except for `data_dir` and `source`, which are the submitter's word",
    "config.data_facts": "numbers; texts are the submitter's word",
    "config.initial_weights": "on equal hardware and software; elsewhere the first losses are compared",
    "results.predictions": "on equal hardware and software; elsewhere the share of changed predictions is said",
    "config.match_params": "if it is not null",
    "config.tuning": "the choice must follow from the recorded trials",
    "verified": "a request has CI's stamp only",
}
"""Remarks on fields of which a part is checked, by the start of their names."""


def find_check(field: str) -> str:
    """Return the check that finds a false value of a field; ``WORD`` for the submitter's word.

    >>> find_check("results.metrics.test.accuracy.value")
    'scores'

    Raises:
        LookupError: the field is in no row of the table.
    """
    exact = [check for check, patterns in FIELDS.items() if field in patterns]
    matching = [check for check, patterns in FIELDS.items() if any(fnmatch.fnmatchcase(field, x) for x in patterns)]
    found = exact or matching
    if len(found) != 1:
        raise LookupError(
            f"the field {field} is in {counted(len(found), 'row')} of the table of checked fields, expected 1"
        )
    return found[0]


def list_fields(model: type[BaseModel] = RecordFile, path: str = "") -> Iterator[str]:
    """Return the dotted fields of a record that hold values; ``*`` stands for a key of a mapping.

    Args:
        model: the model of a part of a record.
        path: path of this part.
    """
    for name, field in model.model_fields.items():
        inside = f"{path}.{field.alias or name}".removeprefix(".")
        inner = list(inner_models(field.annotation, ""))
        for part, suffix in inner:
            yield from list_fields(part, inside + suffix.replace("[*]", ""))
        if not inner:
            yield inside


def field_table() -> str:
    """Return the table in Markdown: one line for each check, with its fields."""
    lines = ["| found by | fields |", "|---|---|"]
    for check, patterns in FIELDS.items():
        fields = ", ".join(f"`{pattern}`{_remark(pattern)}" for pattern in patterns)
        lines.append(f"| {check if check == WORD else f'`{check}`'} | {fields} |")
    return "\n".join(lines) + "\n"


def _remark(pattern: str) -> str:
    remarks = [text for start, text in REMARKS.items() if pattern.startswith(start)]
    return f" ({remarks[0]})" if remarks else ""
