"""Write the figures of a benchmark as JSON, together with the machine that measured them."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path

import torch

from seqbench.running import provenance
from seqbench.utils import atomic_files, plain_data

RESULTS = Path(__file__).resolve().parent / "results"


def write_results(name: str, figures: Mapping[str, object]) -> None:
    """Write ``results/<name>.json`` and print its path."""
    machine = {
        "device": provenance.device_name(torch.device("cuda" if torch.cuda.is_available() else "cpu")),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    path = RESULTS / f"{name}.json"
    atomic_files.write_text(path, plain_data.to_json({"machine": machine, **figures}))
    print(f"wrote benchmarks/results/{path.name}")
