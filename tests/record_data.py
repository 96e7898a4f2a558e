"""Complete records for tests, made rather than trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from seqbench.protocol.records import Record, build_record, parse_record

DIGEST = "0" * 64
SECTIONS: dict[str, dict[str, Any]] = {
    "results": {"status": "ok", "reason": None, "curves": {}},
    "measured": {},
    "config": {
        "architecture": {"name": "gru", "class": "x:GRU", "distribution": "seqbench", "version": "0.1.0"},
        "card": {
            "name": "copy",
            "version": 1,
            "tier": "small",
            "digest": DIGEST,
            "distribution": "seqbench",
            "distribution_version": "0.1.0",
            "metric": "accuracy",
            "direction": "max",
        },
        "modified": [],
        "options": {
            "arch": {"name": "gru", "d_model": 8},
            "task": {"name": "copy"},
            "tier": "small",
            "seed": 0,
            "optim": {
                "steps": 4000,
                "batch_size": 32,
                "validate_every": 500,
                "lr": 0.005,
                "optimizer": "adam",
                "weight_decay": 0.0,
                "betas": [0.9, 0.999],
                "momentum": 0.0,
                "schedule": "constant",
                "warmup": 0,
                "clip": 1.0,
            },
            "body": {"dropout": 0.0},
            "trainer": {
                "accelerator": "auto",
                "devices": 1,
                "num_nodes": 1,
                "strategy": "auto",
                "precision": "32-true",
                "threads": 1,
            },
            "logger": "none",
        },
        "seed": 0,
        "digest": DIGEST,
        "match_params": None,
        "tuning": None,
        "data": {},
        "packages": {},
        "git_commit": None,
    },
}
"""The fields that every record has, as plain data."""


def merged(data: Any, changes: Any) -> Any:
    """Return data with changes; a mapping among the changes is merged with what it would replace."""
    if isinstance(data, Mapping) and isinstance(changes, Mapping):
        return {**data, **{key: merged(data.get(key), value) for key, value in changes.items()}}
    return changes


def complete_record(
    results: Mapping[str, Any] | None = None,
    measured: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
) -> Record:
    """Return a record with the fields that every record has, and changes to them."""
    sections = {"results": results, "measured": measured, "config": config}
    return build_record(**{name: merged(SECTIONS[name], sections[name] or {}) for name in SECTIONS})


def changed_record(record: Record, path: str, value: Any) -> Record:
    """Return a record with another value at a dotted path; its checksum stays as it was.

    Raises:
        SeqbenchError: a record cannot hold that value there.
    """
    data: Any = record.to_dict()
    data["checksum"] = record.checksum
    *parents, last = path.split(".")
    holder = data
    for key in parents:
        holder = holder.setdefault(key, {})
    holder[last] = value
    return parse_record(json.loads(json.dumps(data)), "the record")
