"""Confine this process, by all means that the system offers, and say in words which ones are in force."""

from __future__ import annotations

import contextlib
import os
import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqbench.utils.confinement import audit_hook, call_filter, landlock
from seqbench.utils.confinement.landlock import DEVICE, READ, FileAccess

SYSTEM_FILES = (
    *(
        "/usr",
        "/lib",
        "/lib64",
        "/nix/store",
        "/etc/ld.so.cache",
        "/etc/localtime",
        "/etc/passwd",
        "/etc/nsswitch.conf",
    ),
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/filesystems", "/proc/sys/vm"),
    *(
        "/proc/sys/kernel/osrelease",
        "/sys/devices/system",
        "/sys/fs/cgroup",
        "/dev/urandom",
        "/dev/random",
        "/dev/zero",
    ),
)
"""Files and folders that interpreters and libraries read."""

GPU_FILES = ("/proc/driver", "/proc/devices", "/proc/modules", "/sys/class", "/sys/bus", "/sys/module", "/etc/OpenCL")
GPU_NAMES = ("nvidia", "kfd", "dri", "shm")
"""Beginnings of the names of devices that a GPU's driver opens."""

LARGEST_FILE = 2 << 30
"""Bytes of the largest file that a confined process may write."""


@dataclass(frozen=True)
class Plan:
    """What a process is left with when it is confined.

    Args:
        readable: files and folders that may be read, besides those of the system.
        listable: folders whose names may be listed; their files are not readable for that.
        writable: the one folder in which files may be written.
        hidden: files and folders that must not be read; they are a part of no readable folder.
        memory: data that the process may allocate (bytes); 0 for no limit.
        uses_gpu: whether the process needs the devices of GPUs, and compilers for their kernels.
    """

    readable: Sequence[str]
    listable: Sequence[str]
    writable: str
    hidden: Sequence[str]
    memory: int = 0
    uses_gpu: bool = False


@dataclass(frozen=True)
class Isolation:
    """The confinement that is in force.

    Args:
        landlock: version of Landlock's interface; 0 without Landlock.
        call_filter: whether the filter of system calls is in force.
    """

    landlock: int
    call_filter: bool

    @property
    def by_kernel(self) -> bool:
        """True if the kernel keeps the process from files of the user, from the network and from other processes."""
        return self.landlock >= 1 and self.call_filter

    def describe(self) -> str:
        """Return the confinement in words.

        >>> Isolation(7, True).describe()
        'confined by the kernel (Landlock 7, system call filter): no network, no file of the user, no other process'
        >>> Isolation(0, False).describe()
        "confined by Python's audit hook only, which compiled code can pass"
        """
        if self.by_kernel:
            return (
                f"confined by the kernel (Landlock {self.landlock}, system call filter): no network, no file of the "
                f"user, no other process"
            )
        parts = [f"Landlock {self.landlock}: no file of the user"] * (self.landlock > 0)
        parts += ["system call filter: no network"] * self.call_filter
        if parts:
            return f"confined in part by the kernel ({'; '.join(parts)}), and by Python's audit hook"
        return "confined by Python's audit hook only, which compiled code can pass"


def confine(plan: Plan) -> Isolation:
    """Confine this process for the rest of its life; call it before any thread is started.

    Args:
        plan: what the process is left with.
    """
    _limit_resources(plan)
    rules = list(_file_rules(plan))
    version = landlock.restrict_process(rules)
    filtered = call_filter.filter_calls(allow_processes=plan.uses_gpu)
    audit_hook.add_barrier(plan.writable, plan.hidden, allow_programs=plan.uses_gpu)
    return Isolation(version, filtered)


def confined_environment(folder: str, given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a confined process: no secret and no path of data, and each cache in its folder.

    Args:
        folder: the folder in which the process may write.
        given: the environment of this process.
    """
    kept = {name: value for name, value in given.items() if name in KEPT_VARIABLES or name.startswith(KEPT_PREFIXES)}
    caches = {name: str(Path(folder, name.lower())) for name in CACHE_VARIABLES}
    return {**kept, **caches, **OFFLINE, "HOME": folder, "TMPDIR": folder}


KEPT_VARIABLES = frozenset(
    {"PATH", "LANG", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "ATEN_CPU_CAPABILITY", "SYSTEMROOT", "VIRTUAL_ENV"}
)
KEPT_PREFIXES = ("LC_", "OMP_", "MKL_", "KMP_", "OPENBLAS_", "GOMP_", "DNNL_", "ONEDNN_", "CUDA_", "CUBLAS_", "NVIDIA_")
"""Variables that libraries of arithmetic read; results may depend on them."""

CACHE_VARIABLES = (
    *("NUMBA_CACHE_DIR", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "SEQBENCH_CACHE", "HF_HOME", "MPLCONFIGDIR"),
)
OFFLINE: Mapping[str, str] = {
    **{"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "WANDB_MODE": "disabled"},
    "TORCH_DEVICE_BACKEND_AUTOLOAD": "0",
}
"""Settings that keep libraries from using the network and from loading other plug-ins."""


def _limit_resources(plan: Plan) -> None:
    """Limit memory, files and core dumps; the number of processes is limited by the filter of calls."""
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: LARGEST_FILE}
    if plan.memory:
        # On macOS the limit has no effect.
        limits[resource.RLIMIT_DATA] = plan.memory
    for kind, most in limits.items():
        with contextlib.suppress(OSError, ValueError):  # A lower limit is set already.
            hard = resource.getrlimit(kind)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (most, most))


def _file_rules(plan: Plan) -> list[tuple[str, FileAccess]]:
    """Return the accesses to files that are left."""
    execute = FileAccess.EXECUTE if plan.uses_gpu else FileAccess(0)
    rules = [(path, READ | execute) for path in (*SYSTEM_FILES, *plan.readable)]
    rules += [(path, FileAccess.READ_DIR) for path in plan.listable]
    rules += [(plan.writable, landlock.WRITE | execute), (os.devnull, READ | FileAccess.WRITE_FILE)]
    if plan.uses_gpu and sys.platform == "linux":
        rules += [(path, READ) for path in GPU_FILES]
        devices = [path for path in Path("/dev").iterdir() if path.name.startswith(GPU_NAMES)]
        rules += [(str(path), DEVICE | landlock.WRITE) for path in devices]
    return rules
