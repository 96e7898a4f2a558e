"""Records for boards, made rather than trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqbench.leaderboard import board_builder
from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.data import record_collection
from seqbench.leaderboard.data.board_card import Board, parse_board
from seqbench.protocol import cards
from seqbench.protocol.records import Record
from seqbench.utils.plain_data import json_digest

LINES = {"copy": (0.125, 1.0), "parity": (0.5, 1.0), "music-jsb": (11.09, None), "adding": (1 / 6, 0.0)}
"""Chance and best possible of the primary metric on test."""


def example_record(
    task: str = "copy",
    arch: str = "gru",
    seed: int = 0,
    value: float = 0.9,
    tier: str = "small",
    status: str = "ok",
    reason: str | None = None,
    distribution: str | None = "seqbench",
    version: str | None = "0.1.0",
    arch_options: Mapping[str, Any] | None = None,
    parameters: int = 100_000,
    matched: int | None = 100_000,
    modified: tuple[str, ...] = (),
    tuning: Mapping[str, Any] | None = None,
    lr: float = 5e-3,
    secondary: Mapping[str, float] | None = None,
    **measured: Any,
) -> Record:
    """A record as a run of this outcome would leave it; its secondary metrics lie between 0 and 1."""
    card = cards.load_card(task)
    metric, (chance, best) = card.metric, LINES.get(task, (0.5, 1.0))
    line = {"value": value, "chance": chance, "best": best}
    if best is None:
        line["best_unknown"] = "nobody knows"  # type: ignore[assignment]
    beside = {name: {"value": score, "chance": 0.0, "best": 1.0} for name, score in (secondary or {}).items()}
    steps = list(range(500, 4001, 500))
    curve = [chance + (value - chance) * (1 - 0.5 ** (k + 1)) for k in range(len(steps))]
    options = {
        "arch": {"name": arch, "d_model": 128, "num_layers": 1, **(arch_options or {})},
        "task": {"name": task},
        "tier": tier,
        "seed": seed,
        "optim": {"lr": lr, "steps": 4000},
        "body": {"dropout": 0.0},
        "trainer": {"precision": "32-true", "threads": 1},
        "logger": "none",
    }
    results: dict[str, Any] = {"status": status, "reason": reason, "curves": {"train": {}, "validation": {}}}
    if status == "ok":
        results |= {
            "best_step": 4000,
            "weights": json_digest([task, arch, distribution, seed, value, arch_options or {}, lr]),
            "metrics": {"validation": {metric.name: line}, "test": {metric.name: line, **beside}},
            "baselines": {"validation": {}, "test": {"repeat": {metric.name: chance}}},
            "above_chance": value != chance,
            "curves": {"train": {}, "validation": {"step": steps, metric.name: curve}},
        }
        if task == "parity":
            results["lengths"] = {"length": [20, 40, 100, 500], "accuracy": [value, value, 0.5 + value / 2, 0.5]}
    return Record(
        results,
        {
            "seconds": 60.0 + seed,
            "tokens_per_second": 10_000.0,
            "decode_tokens_per_second": 900.0,
            "peak_memory_bytes": 400_000_000,
            "device": "a processor, 1 thread",
            "started": 1.0,
            **measured,
        },
        {
            "architecture": {"name": arch, "class": f"x:{arch}", "distribution": distribution, "version": version},
            "card": {
                "name": task,
                "version": card.version,
                "tier": tier,
                "digest": card.digest(tier),
                "metric": metric.name,
                "direction": metric.direction,
            },
            "modified": list(modified),
            "options": options,
            "seed": seed,
            "digest": json_digest(options),
            "match_params": matched,
            "tuning": tuning,
            "data": {},
            "parameters": parameters,
            "state_bytes": 512,
            "flops_per_token": 200_000.0,
        },
    )


def write_records(folder: Path, *records: Record) -> Path:
    """Write records as runs would, each into a folder of its own."""
    for made in records:
        config = made.config
        name = f"{config['card']['tier']}-s{config['seed']}-{made.digest()[:8]}"
        made.write(folder / config["card"]["name"] / json_digest(config["architecture"])[:8] / name)
    return folder


def example_board(**changed: Any) -> Board:
    """A board of copy and parity, with changes."""
    data = {
        "name": "test",
        "version": 1,
        "title": "A test",
        "summary": "Nothing real.",
        "tier": "small",
        "seeds": 3,
        "size": {"parameters": 100_000},
        "tasks": {"copy": None, "parity": None},
    }
    return parse_board({**data, **changed}, "test.yaml")


def board_data(board: Board, *folders: Path) -> BoardData:
    """Return the data of a board over the records of folders."""
    return board_builder.build_board_data(board, record_collection.collect_records(folders))


def board_document(board: Board, *folders: Path) -> dict[str, Any]:
    """Return the data of a board over the records of folders, as plain data."""
    return board_data(board, *folders).to_plain()
