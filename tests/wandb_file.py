"""Read the file of an offline W&B run: a LevelDB log of ``Record`` messages."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from wandb.proto import wandb_internal_pb2 as pb

from tests.wandb_stub import StubRun

BLOCK, HEADER = 32768, 7
"""Bytes of a block of the log, and of the header of a chunk; the header of the file has the same length."""

FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
"""Kinds of chunks: a whole message, or the first, a middle or the last part of one."""

TIMEOUT_SECONDS = 10.0


class Item(Protocol):
    """A key and a value of a W&B message."""

    key: str
    nested_key: Iterable[str]
    value_json: str


def read_offline_run(path: Path) -> StubRun:
    """Return the finished run of a ``.wandb`` file, in the form in which the stub server stores runs.

    The process of W&B closes the file shortly after ``finish`` has returned, so this function waits for the end.
    """
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while (run := _read_messages(path)) is None or run.exit_code is None:
        assert time.monotonic() < deadline, f"{path} holds no finished run"
        time.sleep(0.05)
    return run


def _read_messages(path: Path) -> StubRun | None:
    """Return the run as far as it is written; None if there is none yet."""
    run: StubRun | None = None
    for record in _parse_records(path.read_bytes()):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            message = record.run
            run = StubRun(message.run_id, message.project, message.display_name, message.run_group, list(message.tags))
            run.job_type, run.entity, run.notes = message.job_type, message.entity, message.notes
            run.config = _parse_items(message.config.update)
            del run.config["_wandb"]
        elif run is None:
            assert kind not in ("config", "history", "metric", "summary", "exit"), f"{kind} before the run"
        elif kind == "config":
            run.config.update(_parse_items(record.config.update))
        elif kind == "history":
            run.rows[len(run.rows)] = _parse_items(record.history.item)
        elif kind == "metric":
            run.axes[record.metric.glob_name or record.metric.name] = record.metric.step_metric
        elif kind == "summary":
            run.summary.update(_parse_items(record.summary.update))
        elif kind == "exit":
            run.exit_code = record.exit.exit_code
    return run


def _parse_items(items: Iterable[Item]) -> dict[str, object]:
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}


def _parse_records(data: bytes) -> Iterator[Any]:  # W&B has no types for its messages.
    """Yield the messages; a message may be split into several chunks, and no chunk crosses the end of a block."""
    position, message = HEADER, b""
    while position + HEADER <= len(data):
        if BLOCK - position % BLOCK < HEADER:
            position += BLOCK - position % BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", data, position)
        assert kind in (FULL, FIRST, MIDDLE, LAST), f"no chunk at byte {position}"
        chunk = data[position + HEADER : position + HEADER + length]
        message = chunk if kind in (FULL, FIRST) else message + chunk
        position += HEADER + length
        if kind in (FULL, LAST):
            yield pb.Record.FromString(message)  # type: ignore[attr-defined]
