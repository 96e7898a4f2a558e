"""Measure the linear scan: ``python -m benchmarks.scan`` (on a Linux CPU, one thread, float32).

- Speed: the time of a forward and a backward pass of (16, 4096, 64), as a multiple of the time that its memory traffic
  takes at the bandwidth of ``copy_`` between tensors larger than any cache. The forward pass reads a and b and writes
  h. The backward pass reads a, h and dy and writes da and db. Copies and forms alternate, and each round gives one
  ratio. Freed memory stays in the process, because otherwise the system clears fresh pages, at a cost that is the same
  for all forms. The ratio with the default behaviour of the allocator is printed too.
- Error: the largest difference from float64 over the largest state, for 16384 steps and decays uniform in (slowest, 1).
- Growth: time and peak memory of (4, 65536, 64) over those of (4, 8192, 64), which is 8 if both are linear.

The exit status is 1 if a limit is exceeded.
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

from benchmarks._results import write_results
from seqbench.ops import linear_scan as module
from seqbench.ops.linear_scan import linear_scan

SHAPE, LENGTH, LENGTHS = (16, 4096, 64), 16384, (8192, 65536)
SLOWEST = (0.0, 0.99, 0.9999)
SPEED = {"reference": None, "in-place": 8.0, "numba": 2.5}
ERROR = 1e-5
# A linear form gives 8, and noise and caches can add to it. A quadratic form gives 64.
TIME_GROWTH, MEMORY_GROWTH = 12.0, 9.0
COPIED = 1 << 25  # Numbers of float32: 128 MiB.


def random_inputs(*shape: int, slowest: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    """Return decays and inputs that require gradients, and the gradient of the states."""
    a, b = slowest + (1 - slowest) * torch.rand(shape), torch.randn(shape)
    return a.requires_grad_(), b.requires_grad_(), torch.randn(shape)


def forward_and_backward(form: str, a: Tensor, b: Tensor, dy: Tensor) -> None:
    torch.autograd.grad(linear_scan(a, b, form=form), (a, b), dy)


def seconds(form: str, inputs: tuple[Tensor, Tensor, Tensor]) -> float:
    start = time.perf_counter()
    forward_and_backward(form, *inputs)
    return time.perf_counter() - start


def bandwidth(source: Tensor, target: Tensor) -> float:
    """Return the bytes/s that a copy reads and writes."""
    start = time.perf_counter()
    target.copy_(source)
    return 2 * source.nbytes / (time.perf_counter() - start)


def keep_freed_memory() -> bool:
    """Tell glibc to return no freed memory to the system; return whether that was possible."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        return False
    trim_threshold, mmap_max = -1, -4
    return bool(libc.mallopt(trim_threshold, 2**31 - 1) and libc.mallopt(mmap_max, 0))


def speed(forms: list[str], rounds: int) -> dict[str, Any]:
    """Measure the time of each form, and its ratio to the bandwidth limit."""
    inputs, big = random_inputs(*SHAPE), (torch.ones(COPIED), torch.ones(COPIED))
    moved = 8 * inputs[0].nbytes
    ratios: dict[str, list[float]] = {form: [] for form in forms}
    times: dict[str, list[float]] = {form: [] for form in forms}
    copies = []
    for turn in range(rounds + 1):
        for form in forms:
            rates = [bandwidth(*big)]
            duration = seconds(form, inputs)
            rates.append(bandwidth(*big))
            if turn:  # The first round warms up: compilation, memory.
                copies.append(statistics.mean(rates))
                times[form].append(duration)
                ratios[form].append(duration * copies[-1] / moved)
    return {
        "gigabytes_per_second": statistics.median(copies) / 1e9,
        "milliseconds": {form: 1e3 * statistics.median(times[form]) for form in forms},
        "over_the_limit": {form: statistics.median(ratios[form]) for form in forms},
        "spread": {form: [min(ratios[form]), max(ratios[form])] for form in forms},
    }


def errors(form: str) -> dict[str, float]:
    """Return the largest error divided by the largest state, by the interval of the decays."""
    result = {}
    for slowest in SLOWEST:
        torch.manual_seed(0)
        a, b, _ = (x.detach() for x in random_inputs(2, LENGTH, 16, slowest=slowest))
        exact = linear_scan(a.double(), b.double(), form="reference")
        result[f"({slowest}, 1)"] = float((linear_scan(a, b, form=form) - exact).abs().max() / exact.abs().max())
    return result


def time_growth(form: str, rounds: int) -> float:
    """Return the time of the longer sequence divided by that of the shorter one, as the median of paired rounds."""
    short, long = (random_inputs(4, length, 64) for length in LENGTHS)
    pairs = [(seconds(form, short), seconds(form, long)) for _ in range(rounds + 1)][1:]
    return statistics.median(longer / shorter for shorter, longer in pairs)


def process_memory(key: str) -> int:
    """Return the memory of this process in bytes: now (``VmRSS``), or at its peak (``VmHWM``)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(key))


def peak(form: str, length: int) -> int:
    """Return the peak of memory in bytes that one forward and backward pass adds to this process."""
    forward_and_backward(form, *random_inputs(4, 64, 64))
    inputs = random_inputs(4, length, 64)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # Reset the peak.
    before = process_memory("VmRSS")
    forward_and_backward(form, *inputs)
    return process_memory("VmHWM") - before


def peaks(form: str) -> list[int]:
    """Return the peaks of both lengths, each measured in its own process."""
    command = [sys.executable, "-m", "benchmarks.scan", "--peak", form]
    return [int(subprocess.check_output([*command, str(length)], text=True)) for length in LENGTHS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15, help="number of rounds (default: 15)")
    parser.add_argument("--peak", nargs=2, metavar=("FORM", "LENGTH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.peak:
        print(peak(options.peak[0], int(options.peak[1])))
        return
    forms = [form for form in SPEED if form != "numba" or module._import_form("numba")]
    rows: list[tuple[str, float, float | None]] = []  # Name, figure, limit.
    fresh = speed(forms, options.rounds)
    memory_kept = keep_freed_memory()
    steady = speed(forms, options.rounds) if memory_kept else fresh
    for form in forms:
        rows.append((f"{form}: time over the bandwidth limit", steady["over_the_limit"][form], SPEED[form]))
        rows.append((f"{form}: the same with fresh memory", fresh["over_the_limit"][form], None))
    figures: dict[str, Any] = {"errors": {form: errors(form) for form in forms}, "growth": {}}
    for form in forms:
        rows += [(f"{form}: error, decays in {name}", e, ERROR) for name, e in figures["errors"][form].items()]
        small, large = peaks(form)
        time_ratio, memory_ratio = time_growth(form, options.rounds // 2), large / small
        figures["growth"][form] = {"time": time_ratio, "memory": memory_ratio, "bytes": [small, large]}
        limits = (None, None) if form == "reference" else (TIME_GROWTH, MEMORY_GROWTH)
        rows += [
            (f"{form}: time, {LENGTHS[1]} over {LENGTHS[0]} steps", time_ratio, limits[0]),
            (f"{form}: peak memory, {LENGTHS[1]} over {LENGTHS[0]} steps", memory_ratio, limits[1]),
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
    speeds = {"speed": steady, "speed_fresh": fresh, "memory_kept": memory_kept}
    write_results("scan", {"shape": SHAPE, "rounds": options.rounds, **speeds, **figures, "missed": missed})
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
