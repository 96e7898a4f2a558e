"""Where a number comes from: versions, commit, device, size; the ``config`` section of a record."""

from __future__ import annotations

import contextlib
import platform
import resource
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
import yaml

from seqbench.models.module import SequenceModule
from seqbench.models.weights import count_parameters
from seqbench.protocol import registry
from seqbench.protocol.config import RunConfig
from seqbench.running.diagnostics import cost

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")

PACKAGES = (
    "seqbench",
    "torch",
    "lightning",
    "torchmetrics",
    "numpy",
    "scipy",
    "datasets",
    "tokenizers",
    "sacrebleu",
    "wandb",
)


def describe_run(config: RunConfig, module: SequenceModule) -> dict[str, Any]:
    """All that says what was run."""
    return {
        **describe_config(config),
        "spec": module.spec.to_dict(),
        "parameters": count_parameters(module),
        **cost.model_cost(config, module.spec),
        "data_facts": dict(module.data.describe_data()) if module.data else {},
    }


def describe_config(config: RunConfig) -> dict[str, Any]:
    """What is known of a run before its module is made: all that a record has whose process died too early."""
    card, task = config.card, registry.find_entry(registry.TASKS, config.card.name)
    return {
        "architecture": _architecture(config.arch),
        **({"encoder": _architecture(config.encoder)} if config.encoder else {}),
        "card": {
            "name": card.name,
            "version": card.version,
            "tier": config.tier,
            "digest": card.digest(config.tier),
            "distribution": task.distribution,
            "distribution_version": task.version,
            "metric": card.metric.name,
            "direction": card.metric.direction,
        },
        "modified": config.modified(),
        "options": config.options(),
        "seed": config.seed,
        "digest": config.digest(),
        "match_params": config.match_params,
        "tuning": config.tuning.to_dict() if config.tuning else None,
        "data": dict(config.checksums),
        "packages": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "git_commit": _commit(),
    }


def _architecture(name: str) -> dict[str, Any]:
    entry = registry.find_entry(registry.ARCHITECTURES, name)
    return {"name": entry.name, "class": entry.value, "distribution": entry.distribution, "version": entry.version}


def forget_peak_memory(device: torch.device) -> None:
    """Begin anew: what a process held before a run is none of the run's."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with contextlib.suppress(OSError):  # Linux alone can forget.
        _CLEAR.write_text("5")


def peak_memory(device: torch.device) -> int:
    """Most bytes held since they were forgotten: allocated on a CUDA device, else resident in this process."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    with contextlib.suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024


def device_name(device: torch.device) -> str:
    """The accelerator's name, or the processor's and its cores."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{_processor()}, {threads} thread{'s' if threads > 1 else ''}"


def to_yaml(data: Any) -> str:
    """Plain data as YAML, in the order given."""
    return str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True))


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of the checkout that runs, with ``+changes`` where it differs; None for an installed wheel."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return commit + ("+changes" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *words], capture_output=True, text=True, check=True, timeout=5
    ).stdout.strip()
