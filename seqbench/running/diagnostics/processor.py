"""The processor and the numerical libraries of this process, on which the rounding of results depends."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import torch

CPU_INFO, DRIVER = Path("/proc/cpuinfo"), Path("/proc/driver/nvidia/version")

VARIABLES = (
    "ATEN_CPU_CAPABILITY",
    "CUBLAS_WORKSPACE_CONFIG",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_DYNAMIC",
    "MKL_ENABLE_INSTRUCTIONS",
    "MKL_NUM_THREADS",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_NUM_THREADS",
    "ONEDNN_MAX_CPU_ISA",
)
"""Variables of the environment that select kernels or the number of threads of the libraries."""


def describe_processor(device: torch.device) -> dict[str, object]:
    """Return the processor and the libraries, as fields of ``protocol.record_fields.Processor``.

    Args:
        device: device of the run.
    """
    info = _cpu_info()
    return {
        "name": processor_name(),
        "vendor": info.get("vendor_id"),
        "family": info.get("cpu family"),
        "model": info.get("model"),
        "stepping": info.get("stepping"),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count() or 1,
        "mkl": library_version("Math Kernel Library"),
        "onednn": library_version("MKL-DNN"),
        "settings": _settings(device),
        "graphics": _describe_graphics(device) if device.type == "cuda" else None,
    }


def processor_name() -> str:
    """Return the name of the processor."""
    return _cpu_info().get("model name") or platform.processor() or platform.machine()


def library_version(name: str, text: str | None = None) -> str | None:
    """Return the version of a library with which PyTorch was built; None without it.

    Args:
        name: name in PyTorch's description of its build.
        text: the description; None for that of this PyTorch.

    >>> library_version("MKL-DNN", "  - Intel(R) MKL-DNN v3.7.1 (Git Hash 8d263e6)")
    '3.7.1'
    """
    line = re.search(rf"{re.escape(name)} (?:Version |v)([\w.]+)", torch.__config__.show() if text is None else text)
    return line.group(1) if line else None


@cache
def _cpu_info() -> Mapping[str, str]:
    """Return the description of the first processor by key; empty where the system has none."""
    try:
        first = CPU_INFO.read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _settings(device: torch.device) -> dict[str, str]:
    """Return the variables that are set, and the switches of PyTorch that differ from its defaults."""
    settings = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    switches = {
        "torch.backends.mkldnn.enabled": (torch.backends.mkldnn.enabled, True),
        "torch.use_deterministic_algorithms": (torch.are_deterministic_algorithms_enabled(), False),
        "torch.get_float32_matmul_precision": (torch.get_float32_matmul_precision(), "highest"),
    }
    if device.type == "cuda":
        switches["torch.backends.cudnn.enabled"] = (torch.backends.cudnn.enabled, True)
        switches["torch.backends.cudnn.benchmark"] = (torch.backends.cudnn.benchmark, False)
        switches["torch.backends.cudnn.allow_tf32"] = (torch.backends.cudnn.allow_tf32, True)
    return settings | {name: str(value) for name, (value, default) in switches.items() if value != default}


def _describe_graphics(device: torch.device) -> dict[str, object]:
    """Return the CUDA device, as fields of ``protocol.record_fields.Graphics``."""
    cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]  # PyTorch declares no types.
    return {
        "name": torch.cuda.get_device_name(device),
        "capability": ".".join(map(str, torch.cuda.get_device_capability(device))),
        "cuda": torch.version.cuda,
        "cudnn": None if cudnn is None else str(cudnn),
        "driver": _driver_version(),
    }


def _driver_version() -> str | None:
    try:
        text = DRIVER.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.search(r"Kernel Module\D*([\d.]+)", text)
    return found.group(1) if found else None
