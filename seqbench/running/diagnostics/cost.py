"""What an architecture costs beside its parameters: arithmetic, memory between steps, the pace of decoding.

All are of one sequence of the task's ``max_length`` steps, all zeros: a cache of keys grows, so one step would not
tell. It runs on the CPU, not on PyTorch's meta device, where a loop over time takes far longer; and on a
twin of the module, so that nothing which a stranger's backbone counts or draws meanwhile changes a run.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from seqbench.models import build
from seqbench.models.module import SequenceModule
from seqbench.protocol.config import RunConfig
from seqbench.protocol.specs import (
    Batch,
    Context,
    Features,
    Input,
    SequenceClass,
    SequenceSpec,
    SequenceValue,
    StepLabels,
    StepValues,
    Tokens,
    TokenSequence,
)
from seqbench.running.diagnostics import flops
from seqbench.utils import redaction
from seqbench.utils.errors import SeqbenchError, one_line

WARM_UP, TOKENS, SECONDS = 8, 64, 0.2
"""Decoding is timed over at most so many tokens and seconds, the first few tokens left out."""


def model_cost(config: RunConfig, spec: SequenceSpec) -> dict[str, Any]:
    """``state_bytes`` and ``flops_per_token`` of a configuration, plain; it never raises.

    Where a backbone breaks, a figure is None and ``<figure>_error`` says why.
    """
    found: dict[str, Any] = {}
    for figure in (state_bytes, flops_per_token):
        name = figure.__name__
        try:
            with torch.random.fork_rng(devices=[]):
                found[name] = figure(build.build_module_from_spec(config, spec))
        # A stranger's backbone may break in any way, and even exit; the run itself will tell how.
        except (Exception, SystemExit) as error:
            kind = "" if isinstance(error, SeqbenchError) else f"{type(error).__name__}: "
            said = redaction.redact(one_line(error))[:300]
            found |= {name: None, f"{name}_error": kind + said}
    return found


def flops_per_token(module: SequenceModule) -> float:
    """Floating-point operations of a training's forward pass, head included, by token read; see ``flops``.

    Of a translation, source and target have ``max_length`` tokens each, and both are read.
    """
    module.train()
    batch = blank_batch(module.spec).to(module.device)
    tokens = module.spec.max_length * (2 if isinstance(module.spec.output, TokenSequence) else 1)
    return flops.count_flops(module, batch) / tokens


def state_bytes(module: SequenceModule) -> int | None:
    """Bytes of the state that decoding goes on from; None for a backbone without ``unroll``.

    What a decoder keeps of its source is no state.
    """
    if not module.body.can_unroll:
        return None
    _, state = _primed(module, module.spec.max_length)
    tensors = [leaf for leaf in tree_leaves(state) if isinstance(leaf, Tensor)]
    return sum(leaf.numel() * leaf.element_size() for leaf in tensors)


def decode_tokens_per_second(module: SequenceModule) -> float | None:
    """Tokens decoded one by one for a single sequence, per second, on the module's device; None without ``unroll``.

    A token is a step of the body and what the objective emits, near the end of a sequence; the median token counts.
    """
    if not module.body.can_unroll:
        return None
    memory, state = _primed(module, max(1, module.spec.max_length - TOKENS))
    token, begun = _steps(module, 1), time.perf_counter()
    taken: list[float] = []
    while len(taken) < TOKENS and (not taken or time.perf_counter() - begun < SECONDS):
        started = time.perf_counter()
        with torch.inference_mode():
            hidden, state = module.body.step(token, memory, state)
            module.objective.predict_distribution(hidden)
        if module.device.type == "cuda":
            torch.cuda.synchronize(module.device)
        taken.append(time.perf_counter() - started)
    return 1 / statistics.median(taken[WARM_UP:] or taken[-1:])


def blank_batch(spec: SequenceSpec) -> Batch:
    """One sequence of ``max_length`` steps as the spec has them, all zeros."""
    steps, output = spec.max_length, spec.output
    kind: Input = Tokens(1)
    if isinstance(output, StepLabels | StepValues | SequenceValue):
        kind = Features(output.labels if isinstance(output, StepLabels) else output.dim)
    targets = _zeros(kind, 1 if isinstance(output, SequenceClass | SequenceValue) else steps)
    lengths = torch.full((1,), steps)
    return Batch(
        inputs=torch.zeros(1, spec.input.dim) if isinstance(spec.input, Context) else _zeros(spec.input, steps),
        targets=targets,
        lengths=lengths,
        weights=torch.ones(targets.shape[:2]),
        total=float(targets.shape[1]),
        index=torch.zeros(1, dtype=torch.long),
        target_lengths=lengths if isinstance(output, TokenSequence) else None,
    )


def _zeros(kind: Input, steps: int) -> Tensor:
    """Steps of one sequence, ``(1, steps, ...)``."""
    return torch.zeros(1, steps, dtype=torch.long) if isinstance(kind, Tokens) else torch.zeros(1, steps, kind.dim)


def _steps(module: SequenceModule, steps: int) -> Tensor:
    """What a body's ``step`` reads: inputs, or where outputs are a sequence of their own, tokens of that."""
    output = module.spec.output
    zeros = _zeros(Tokens(output.vocab) if isinstance(output, TokenSequence) else module.spec.input, steps)
    return zeros.to(
        module.device, next(module.objective.parameters()).dtype if zeros.is_floating_point() else zeros.dtype
    )


@torch.inference_mode()
def _primed(module: SequenceModule, steps: int) -> tuple[Any, Any]:
    """What decoding goes on from after so many steps: memory and state; puts the module in evaluation mode."""
    module.eval()
    memory, state = module.body.begin(blank_batch(module.spec).to(module.device))
    _, state = module.body.step(_steps(module, steps), memory, state)
    return memory, state
