from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.utils.confinement.confine import Isolation, confined_environment
from seqbench.utils.confinement.landlock import landlock_version
from tests.utils.confinement.confined import run_confined


@pytest.mark.parametrize(
    ("isolation", "words", "by_kernel"),
    [
        (Isolation(7, True), "confined by the kernel (Landlock 7, system call filter): no network", True),
        (Isolation(1, True), "confined by the kernel (Landlock 1, system call filter)", True),
        (Isolation(3, False), "confined in part by the kernel (Landlock 3: no file of the user), and by", False),
        (Isolation(0, True), "confined in part by the kernel (system call filter: no network), and by", False),
        (Isolation(0, False), "confined by Python's audit hook only", False),
    ],
)
def test_the_words_name_what_is_in_force(isolation: Isolation, words: str, by_kernel: bool) -> None:
    assert isolation.describe().startswith(words)
    assert isolation.by_kernel is by_kernel


def test_the_environment_holds_no_secret_and_no_folder_of_data() -> None:
    given = {
        **{"PATH": "/bin", "OMP_NUM_THREADS": "2", "LC_ALL": "C", "MKL_CBWR": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
        **{"SEQBENCH_DATA": "/data", "WANDB_API_KEY": "k", "HF_TOKEN": "k", "AWS_SECRET_ACCESS_KEY": "k"},
        **{"HOME": "/home/user", "PYTHONPATH": "/x", "SEQBENCH_CACHE": "/cache", "LD_PRELOAD": "/x.so"},
    }
    kept = confined_environment("/tmp/net", given)
    assert kept["PATH"] == "/bin"
    assert {"OMP_NUM_THREADS", "LC_ALL", "MKL_CBWR", "ATEN_CPU_CAPABILITY"} < set(kept)
    assert kept["HOME"] == kept["TMPDIR"] == "/tmp/net"
    assert kept["SEQBENCH_CACHE"].startswith("/tmp/net/")
    assert kept["NUMBA_CACHE_DIR"].startswith("/tmp/net/")
    assert not {
        "SEQBENCH_DATA",
        "WANDB_API_KEY",
        "HF_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "PYTHONPATH",
        "LD_PRELOAD",
    } & set(kept)
    assert "/data" not in kept.values()


def confine(folder: Path, memory: int = 0) -> str:
    return (
        "from seqbench.utils.confinement.confine import Plan, confine; "
        f"print(confine(Plan([sys.prefix], [], {str(folder)!r}, [], {memory})).by_kernel)"
    )


def test_the_size_of_memory_and_of_files_is_limited(tmp_path: Path) -> None:
    printed = run_confined(
        "import resource",
        confine(tmp_path, 200_000_000),
        "outcome(bytearray, 400_000_000)",
        f"file = open({str(tmp_path / 'large')!r}, 'wb')",
        "outcome(file.truncate, 3 << 30)",
        "print(resource.getrlimit(resource.RLIMIT_CORE)[0])",
    )
    assert printed.split()[1:] == ["MemoryError", "OSError", "0"]


@pytest.mark.skipif(landlock_version() < 1, reason="this kernel has no Landlock")
def test_the_kernel_and_the_hook_confine_together(tmp_path: Path) -> None:
    printed = run_confined(
        confine(tmp_path),
        "outcome(os.listdir, '/')",
        "outcome(open, '/etc/shadow')",
        "outcome(by_call, LIBC.open, b'/etc/shadow', os.O_RDONLY)",
        "outcome(open, os.devnull, 'w')",
        "outcome(open, '/proc/self/status')",
        "outcome(open, '/proc/cpuinfo')",
    )
    assert printed.split() == ["True", *["PermissionError"] * 3, *["done"] * 3]
