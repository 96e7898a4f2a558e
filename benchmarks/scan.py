"""The linear scan against the memory it must move: ``python -m benchmarks.scan`` (a Linux CPU, one thread, float32).

- speed: forward + backward of (16, 4096, 64) as a multiple of the memory-bandwidth limit: forward reads a, b and writes
  h, backward reads a, h, dy and writes da, db, at the bandwidth of ``copy_`` between tensors too big for any cache.
  Copies and forms take turns, and each round gives one ratio. Freed memory stays in the process meanwhile: the system
  clears the pages of fresh memory, which no form can help; the same with the allocator's own ways stands beside it.
- error: the largest difference from float64 over the largest state, 16384 steps, decays uniform in (slowest, 1);
- growth: time and peak memory of (4, 65536, 64) over those of (4, 8192, 64): 8 if both are linear.

It ends with status 1 if a limit is missed.
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks._results import keep
from seqbench.ops import linear_scan as module
from seqbench.ops.linear_scan import linear_scan

SHAPE, LENGTH, LENGTHS = (16, 4096, 64), 16384, (8192, 65536)
SLOWEST = (0.0, 0.99, 0.9999)
SPEED = {"reference": None, "in-place": 8.0, "numba": 2.5}
ERROR = 1e-5
# Linear is 8; noise and caches may add to it, a quadratic form would give 64.
TIME_GROWTH, MEMORY_GROWTH = 12.0, 9.0
COPIED = 1 << 25  # Numbers, 128 MiB.


def draw(*shape: int, slowest: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    """Decays and inputs that want gradients, and the gradient of the states."""
    a, b = slowest + (1 - slowest) * torch.rand(shape), torch.randn(shape)
    return a.requires_grad_(), b.requires_grad_(), torch.randn(shape)


def there_and_back(form: str, a: Tensor, b: Tensor, dy: Tensor) -> None:
    torch.autograd.grad(linear_scan(a, b, form=form), (a, b), dy)


def seconds(form: str, inputs: tuple[Tensor, Tensor, Tensor]) -> float:
    start = time.perf_counter()
    there_and_back(form, *inputs)
    return time.perf_counter() - start


def bandwidth(source: Tensor, target: Tensor) -> float:
    """Bytes/s that a copy moves, reads and writes together."""
    start = time.perf_counter()
    target.copy_(source)
    return 2 * source.nbytes / (time.perf_counter() - start)


def keep_freed_memory() -> bool:
    """Whether glibc was there to be told to return nothing to the system."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        return False
    trim_threshold, mmap_max = -1, -4
    return bool(libc.mallopt(trim_threshold, 2**31 - 1) and libc.mallopt(mmap_max, 0))


def speed(forms: list[str], rounds: int) -> dict[str, Any]:
    """Multiples of the limit, and times, of each form."""
    inputs, big = draw(*SHAPE), (torch.ones(COPIED), torch.ones(COPIED))
    moved = 8 * inputs[0].nbytes
    ratios: dict[str, list[float]] = {form: [] for form in forms}
    times: dict[str, list[float]] = {form: [] for form in forms}
    copies = []
    for turn in range(rounds + 1):
        for form in forms:
            rates = [bandwidth(*big)]
            took = seconds(form, inputs)
            rates.append(bandwidth(*big))
            if turn:  # The first round warms up: compilation, memory.
                copies.append(statistics.mean(rates))
                times[form].append(took)
                ratios[form].append(took * copies[-1] / moved)
    return {
        "gigabytes_per_second": statistics.median(copies) / 1e9,
        "milliseconds": {form: 1e3 * statistics.median(times[form]) for form in forms},
        "over_the_limit": {form: statistics.median(ratios[form]) for form in forms},
        "spread": {form: [min(ratios[form]), max(ratios[form])] for form in forms},
    }


def errors(form: str) -> dict[str, float]:
    """The largest error over the largest state, by the slowest decay's distance from 1."""
    found = {}
    for slowest in SLOWEST:
        torch.manual_seed(0)
        a, b, _ = (x.detach() for x in draw(2, LENGTH, 16, slowest=slowest))
        exact = linear_scan(a.double(), b.double(), form="reference")
        found[f"({slowest}, 1)"] = float((linear_scan(a, b, form=form) - exact).abs().max() / exact.abs().max())
    return found


def time_growth(form: str, rounds: int) -> float:
    """Time of the longer over that of the shorter, median of paired rounds."""
    short, long = (draw(4, length, 64) for length in LENGTHS)
    pairs = [(seconds(form, short), seconds(form, long)) for _ in range(rounds + 1)][1:]
    return statistics.median(more / less for less, more in pairs)


def resident(key: str) -> int:
    """Bytes this process holds (``VmRSS``) or has held at most (``VmHWM``, not inherited as ``ru_maxrss`` is)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(key))


def peak(form: str, length: int) -> int:
    """Bytes by which one forward and backward raise what this process holds, at their worst."""
    there_and_back(form, *draw(4, 64, 64))
    inputs = draw(4, length, 64)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # The peak starts anew.
    before = resident("VmRSS")
    there_and_back(form, *inputs)
    return resident("VmHWM") - before


def peaks(form: str) -> list[int]:
    """The same for both lengths, each in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.scan", "--peak", form]
    return [int(subprocess.check_output([*command, str(length)], text=True)) for length in LENGTHS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--peak", nargs=2, metavar=("FORM", "LENGTH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.peak:
        print(peak(options.peak[0], int(options.peak[1])))
        return
    forms = [form for form in SPEED if form != "numba" or module._import_form("numba")]
    rows: list[tuple[str, float, float | None]] = []  # What, figure, limit.
    fresh = speed(forms, options.rounds)
    kept = keep_freed_memory()
    steady = speed(forms, options.rounds) if kept else fresh
    for form in forms:
        rows.append((f"{form}: time over the bandwidth limit", steady["over_the_limit"][form], SPEED[form]))
        rows.append((f"{form}: the same, memory fresh", fresh["over_the_limit"][form], None))
    figures: dict[str, Any] = {"errors": {}, "growth": {}}
    for form in forms:
        figures["errors"][form] = errors(form)
        rows += [(f"{form}: error, decays in {name}", e, ERROR) for name, e in figures["errors"][form].items()]
        less, more = peaks(form)
        growth = {"time": time_growth(form, options.rounds // 2), "memory": more / less, "bytes": [less, more]}
        figures["growth"][form] = growth
        limits = (None, None) if form == "reference" else (TIME_GROWTH, MEMORY_GROWTH)
        rows += [
            (f"{form}: time, {LENGTHS[1]} over {LENGTHS[0]} steps", growth["time"], limits[0]),
            (f"{form}: peak memory, likewise", growth["memory"], limits[1]),
        ]
    print(f"copy_ moves {steady['gigabytes_per_second']:.1f} GB/s; {torch.get_num_threads()} thread")
    print(f"{'':52}{'figure':>10}{'limit':>10}")
    missed = []
    for name, figure, limit in rows:
        line = f"{name:52}{figure:10.3g}{'-' if limit is None else format(limit, '.3g'):>10}"
        if limit is not None and not figure <= limit:
            missed.append(name)
            line += "  MISSED"
        print(line)
    speeds = {"speed": steady, "speed_fresh": fresh, "memory_kept": kept}
    keep("scan", {"shape": SHAPE, "rounds": options.rounds, **speeds, **figures, "missed": missed})
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
