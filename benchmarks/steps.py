"""Compare training steps/s of seqbench and of a hand-written PyTorch loop: ``python -m benchmarks.steps``.

Both have the same model (embedding, GRU, linear head; hidden size 128), batch (32 sequences of 64 steps of the copy
task, drawn anew at each step), optimiser (Adam, clipped at 1) and number of threads. They alternate in one process, and
each pair gives one ratio. The claim is a median of at least 0.9.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import seqbench
from benchmarks._results import write_results

HIDDEN, LENGTH, BATCH, ALPHABET, PAYLOAD = 128, 64, 32, 8, 10
CLAIM = 0.9


class Model(nn.Module):
    """The model in plain PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(ALPHABET + 2, HIDDEN)
        self.gru = nn.GRU(HIDDEN, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, ALPHABET + 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.gru(self.embedding(x))[0])


def draw_batch() -> tuple[Tensor, Tensor]:
    """Draw a batch of the copy task."""
    symbols = torch.randint(1, ALPHABET + 1, (BATCH, PAYLOAD))
    inputs = torch.zeros(BATCH, LENGTH, dtype=torch.long)
    inputs[:, :PAYLOAD] = symbols
    inputs[:, -PAYLOAD - 1 :] = ALPHABET + 1
    targets = torch.zeros(BATCH, LENGTH, dtype=torch.long)
    targets[:, -PAYLOAD:] = symbols
    return inputs, targets


def plain_speed(steps: int) -> float:
    """Return the steps/s of the hand-written loop."""
    model = Model()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, fused=True)
    losses = []
    start = time.perf_counter()
    for _ in range(steps):
        inputs, targets = draw_batch()
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.detach())
    torch.stack(losses).mean().item()
    return steps / (time.perf_counter() - start)


def seqbench_speed(steps: int) -> float:
    """Return the steps/s in the record of a whole run, with callbacks, curve and progress."""
    with tempfile.TemporaryDirectory() as folder:
        run = seqbench.run(
            {"name": "gru", "d_model": HIDDEN},
            {"name": "copy", "delay": LENGTH - 2 * PAYLOAD, "samples": 1},
            optim={"steps": steps, "batch_size": BATCH, "validate_every": steps},
            logger="none",
            runs=Path(folder),
        )
    speed = run.record.measured.steps_per_second
    assert speed is not None
    return float(speed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=24, help="number of pairs (default: 24)")
    parser.add_argument("--steps", type=int, default=150, help="steps of each loop in each pair (default: 150)")
    options = parser.parse_args()
    logging.getLogger("seqbench").setLevel(logging.INFO)  # Progress is part of what is timed.
    plain_speed(20), seqbench_speed(20)  # Warm-up: imports, allocator, thread pool.
    ratios, ours, theirs = [], [], []
    for pair in range(options.pairs):
        if pair % 2:
            ours.append(seqbench_speed(options.steps))
            theirs.append(plain_speed(options.steps))
        else:
            theirs.append(plain_speed(options.steps))
            ours.append(seqbench_speed(options.steps))
        ratios.append(ours[-1] / theirs[-1])
        print(f"pair {pair + 1:2}: seqbench {ours[-1]:6.1f}, by hand {theirs[-1]:6.1f} steps/s, ratio {ratios[-1]:.3f}")
    median = statistics.median(ratios)
    print(f"median ratio {median:.3f} of {len(ratios)} pairs ({min(ratios):.3f} to {max(ratios):.3f}); claimed {CLAIM}")
    write_results(
        "steps",
        {
            "claim": CLAIM,
            "pairs": len(ratios),
            "steps": options.steps,
            "threads": torch.get_num_threads(),
            "ratio": {"median": median, "min": min(ratios), "max": max(ratios)},
            "steps_per_second": {"seqbench": statistics.median(ours), "by_hand": statistics.median(theirs)},
        },
    )


if __name__ == "__main__":
    main()
