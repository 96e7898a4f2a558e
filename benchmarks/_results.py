"""Where a benchmark's figures go: JSON with the machine that gave them."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import torch

from seqbench import disk, plain, provenance

FOLDER = Path(__file__).resolve().parent / "results"


def keep(name: str, figures: dict[str, Any]) -> None:
    """Write ``results/<name>.json`` and say where."""
    machine = {
        "device": provenance.device_name(torch.device("cuda" if torch.cuda.is_available() else "cpu")),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    path = FOLDER / f"{name}.json"
    disk.write_text(path, plain.to_json({"machine": machine, **figures}))
    print(f"written to benchmarks/results/{path.name}")
