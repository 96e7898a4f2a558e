"""Reads what an offline W&B run left on disk: a LevelDB log of ``Record`` messages."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2 as pb

from tests.wandb_stub import StubRun

BLOCK, HEADER = 32768, 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
SECONDS = 10.0


def read(path: Path) -> StubRun:
    """The finished run of a ``.wandb`` file, in the form in which the stub keeps those it is sent.

    W&B's own process closes the file, a moment after ``finish`` has returned.
    """
    deadline = time.monotonic() + SECONDS
    while (run := _read(path)) is None or run.exit_code is None:
        assert time.monotonic() < deadline, f"{path} holds no finished run"
        time.sleep(0.05)
    return run


def _read(path: Path) -> StubRun | None:
    found: StubRun | None = None
    for record in _records(path.read_bytes()):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run = record.run
            found = StubRun(run.run_id, run.project, run.display_name, run.run_group, list(run.tags))
            found.config = _items(run.config.update)
            del found.config["_wandb"]
        elif kind == "config":
            assert found is not None
            found.config.update(_items(record.config.update))
        elif kind == "history":
            assert found is not None
            found.lines[len(found.lines)] = _items(record.history.item)
        elif kind == "metric":
            assert found is not None
            found.axes[record.metric.glob_name or record.metric.name] = record.metric.step_metric
        elif kind == "summary":
            assert found is not None
            found.summary.update(_items(record.summary.update))
        elif kind == "exit":
            assert found is not None
            found.exit_code = record.exit.exit_code
    return found


def _items(items: Any) -> dict[str, Any]:
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}


def _records(data: bytes) -> Iterator[pb.Record]:
    """The messages; one may lie in several chunks, none of which crosses the end of a block."""
    position, parts = HEADER, b""  # The file's own header is as long as a chunk's.
    while position + HEADER <= len(data):
        if BLOCK - position % BLOCK < HEADER:
            position += BLOCK - position % BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", data, position)
        assert kind in (FULL, FIRST, MIDDLE, LAST), f"no chunk at byte {position}"
        chunk = data[position + HEADER : position + HEADER + length]
        parts = chunk if kind in (FULL, FIRST) else parts + chunk
        position += HEADER + length
        if kind in (FULL, LAST):
            yield pb.Record.FromString(parts)
