"""Provenance of a result: versions, commit, device and size, as the ``config`` section of a record holds them."""

from __future__ import annotations

import contextlib
import platform
import resource
import subprocess
from importlib import metadata
from pathlib import Path

import torch
import yaml

from seqbench.models.module import SequenceModule
from seqbench.models.own_training import overridden_methods
from seqbench.models.weights import batch_digest, count_parameters, weights_digest
from seqbench.protocol import registry
from seqbench.protocol.config import RunConfig
from seqbench.protocol.identity import package_sources
from seqbench.running.diagnostics import cost, processor
from seqbench.utils.plain_data import json_digest

PROCESS_STATUS, CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")

PACKAGES = (
    "seqbench",
    "torch",
    "lightning",
    "torchmetrics",
    "numpy",
    "scipy",
    "numba",
    "llvmlite",
    "triton",
    "pydantic",
    "mido",
    "music21",
    "datasets",
    "tokenizers",
    "sacrebleu",
    "transformers",
    "flash-linear-attention",
    "xlstm",
    "x-transformers",
    "wandb",
)
"""Distributions whose versions are recorded."""


def describe_run(config: RunConfig, module: SequenceModule) -> dict[str, object]:
    """Return the description of a run, as fields of ``protocol.record_fields.RunDescription``.

    Args:
        config: configuration of the run.
        module: module of the run, before training.
    """
    return {
        **describe_config(config),
        **({"own_training": overridden_methods(type(module))} if type(module) is not SequenceModule else {}),
        "spec": module.spec.to_dict(),
        "parameters": count_parameters(module),
        "initial_weights": weights_digest(module),
        **({"first_batch": batch_digest(module.data.stream("train", 0))} if module.data else {}),
        **cost.module_cost(module),
        "data_facts": dict(module.data.describe_data()) if module.data else {},
    }


def describe_config(config: RunConfig) -> dict[str, object]:
    """Return the part of the description that needs no module; a process that died early records only this part."""
    card, task = config.card, registry.find_entry(registry.TASKS, config.card.name)
    return {
        "architecture": _describe_architecture(config.arch_entry),
        **({"encoder": _describe_encoder(config)} if config.encoder_entry else {}),
        "card": {
            "name": card.name,
            "version": card.version,
            "tier": config.tier,
            "digest": config.card_digest(),
            "distribution": task.distribution,
            "distribution_version": task.version,
            "metric": card.metric.name,
            "direction": card.metric.direction,
            **({"selection": card.metric.selection} if card.metric.selection else {}),
        },
        "modified": config.modified(),
        "options": config.options(),
        "seed": config.seed,
        "digest": config.digest(),
        "match_params": config.match_params,
        **({"size_match": config.size_match.to_dict()} if config.size_match else {}),
        "tuning": config.tuning.to_dict() if config.tuning else None,
        "data": dict(config.checksums),
        "packages": package_versions(),
        "git_commit": git_commit(),
        "sources": _describe_sources(config, task),
    }


def _describe_sources(config: RunConfig, task: registry.Entry) -> dict[str, dict[str, object]]:
    """Return digests of seqbench, of the distributions of the run, and of each class that is given by its path."""
    data = registry.find_data_entry(config.card.name, config.card.datamodule)
    entries = [entry for entry in (config.arch_entry, config.encoder_entry, task, data) if entry and entry.distribution]
    sources: dict[str, dict[str, object]] = {}
    for name in dict.fromkeys([package_sources.SEQBENCH, *(str(entry.distribution) for entry in entries)]):
        packages = sorted({entry.value.partition(":")[0] for entry in entries if entry.distribution == name})
        digest = package_sources.distribution_digest(name, tuple(packages))
        sources |= {name: {"digest": digest}} if digest else {}
    for name, files in config.class_files.items():
        sources[name] = {"digest": json_digest(files), "files": dict(files)}
    return sources


def _describe_architecture(entry: registry.Entry) -> dict[str, str | None]:
    return {"name": entry.name, "class": entry.value, "distribution": entry.distribution, "version": entry.version}


def _describe_encoder(config: RunConfig) -> dict[str, object]:
    assert config.encoder_entry is not None
    return {
        **_describe_architecture(config.encoder_entry),
        **({"is_default": True} if config.encoder_is_default else {}),
    }


def package_versions() -> dict[str, str | None]:
    """Return the versions of Python and of ``PACKAGES``; None for a package that is not installed.

    The version of torch includes its build (``2.8.0+cu128``), because results depend on the kernels of the build. It is
    read from torch itself: in the metadata, the CUDA build on PyPI has the same version as the source.
    """
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for name in PACKAGES:
        versions[name] = str(torch.__version__) if name == "torch" else _version(name)
    return versions


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def reset_peak_memory(device: torch.device) -> None:
    """Set the peak of memory to the present use, so that the peak does not include earlier use.

    Args:
        device: device of the run.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with contextlib.suppress(OSError):  # Only Linux can reset the peak of a process.
        CLEAR_REFS.write_text("5")


def peak_memory_bytes(device: torch.device) -> int:
    """Return the peak memory since the last reset (bytes).

    On a CUDA device it is the allocated memory of the device, otherwise the resident memory of this process.

    Args:
        device: device of the run.
    """
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    with contextlib.suppress(OSError):
        for line in PROCESS_STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024


def device_name(device: torch.device) -> str:
    """Return the name of an accelerator, or the name of the processor and the number of CPU threads in use."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{processor.processor_name()}, {threads} thread{'s' if threads > 1 else ''}"


def to_yaml(data: object) -> str:
    r"""Return plain data as YAML, with keys in the order of the mapping.

    >>> to_yaml({"tier": "small", "seed": 0})
    'tier: small\nseed: 0\n'
    """
    return str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True))


def git_commit() -> str | None:
    """Return the commit of the checkout, ``+changes`` appended if files differ from it; None for an installed wheel."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        commit = _run_git(root, "rev-parse", "HEAD")
        return commit + ("+changes" if _run_git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _run_git(root: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *words], capture_output=True, text=True, check=True, timeout=5
    ).stdout.strip()
