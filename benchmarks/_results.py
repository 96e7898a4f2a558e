"""Where a benchmark's figures go: JSON with the machine that gave them."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import torch

from seqbench.running import provenance
from seqbench.utils import atomic_files, plain_data

FOLDER = Path(__file__).resolve().parent / "results"


def keep(name: str, figures: dict[str, Any]) -> None:
    """Write ``results/<name>.json`` and say where."""
    machine = {
        "device": provenance.device_name(torch.device("cuda" if torch.cuda.is_available() else "cpu")),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    path = FOLDER / f"{name}.json"
    atomic_files.write_text(path, plain_data.to_json({"machine": machine, **figures}))
    print(f"written to benchmarks/results/{path.name}")
