"""The cost of an architecture besides its parameters: operations, memory between steps, and speed of decoding.

Each figure is measured on one sequence of ``max_length`` steps, all zeros. A single step would not show the size of a
cache of keys, which grows with the steps. Modules run on the CPU, because loops over time are far slower on PyTorch's
meta device.
"""

from __future__ import annotations

import statistics
import time
from typing import TypedDict

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from seqbench.models import build
from seqbench.models.bodies.base import Memory
from seqbench.models.contract.module_snapshot import restore_afterwards
from seqbench.models.module import SequenceModule
from seqbench.protocol.backbones import State
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

WARM_UP_TOKENS, TIMED_TOKENS, TIMED_SECONDS = 8, 64, 0.2
"""Tokens before the timing starts, and the largest numbers of tokens and of seconds (s) that are timed."""


class ModelCost(TypedDict, total=False):
    """The cost of a configuration; an unknown figure is None, and ``<figure>_error`` states the reason."""

    state_bytes: int | None
    state_bytes_error: str
    flops_per_token: float | None
    flops_per_token_error: str


def config_cost(config: RunConfig, spec: SequenceSpec) -> ModelCost:
    """Build the module of a configuration and return its ``state_bytes`` and ``flops_per_token``.

    If the backbone fails, the figures are None; this function raises no error.

    Args:
        config: configuration of the run.
        spec: input and output of the task.
    """
    # A plug-in's backbone may raise any error and even exit.
    try:
        module = build.build_module_from_spec(config, spec)
    except (Exception, SystemExit) as error:
        reason = _reason(error)
        return {
            "state_bytes": None,
            "state_bytes_error": reason,
            "flops_per_token": None,
            "flops_per_token_error": reason,
        }
    return module_cost(module)


def module_cost(module: SequenceModule) -> ModelCost:
    """Return ``state_bytes`` and ``flops_per_token`` of a module on the CPU; the module is left as it was.

    If the backbone fails, the figure is None; this function raises no error.
    """
    cost: ModelCost = {}
    with torch.random.fork_rng(devices=[]), restore_afterwards(module):
        # A plug-in's backbone may raise any error and even exit; the run itself will report it.
        try:
            cost["state_bytes"] = state_bytes(module)
        except (Exception, SystemExit) as error:
            cost["state_bytes"], cost["state_bytes_error"] = None, _reason(error)
        try:
            cost["flops_per_token"] = flops_per_token(module)
        except (Exception, SystemExit) as error:
            cost["flops_per_token"], cost["flops_per_token_error"] = None, _reason(error)
    return cost


def _reason(error: BaseException) -> str:
    kind = "" if isinstance(error, SeqbenchError) else f"{type(error).__name__}: "
    return kind + redaction.redact(one_line(error))[:300]


def flops_per_token(module: SequenceModule) -> float:
    """Return the floating-point operations of a forward pass in training, including the head, per input token.

    For a translation the pass reads ``max_length`` tokens of the source and the same number of tokens of the target.
    """
    module.train()
    batch = blank_batch(module.spec).to(module.device)
    tokens = module.spec.max_length * (2 if isinstance(module.spec.output, TokenSequence) else 1)
    return flops.count_flops(module, batch) / tokens


def state_bytes(module: SequenceModule) -> int | None:
    """Return the size of the state between two decoded tokens (bytes); None for a backbone without ``unroll``.

    The memory of the source, which a decoder reads at each step, is not part of the state.
    """
    if not module.body.can_unroll:
        return None
    _, state = _decode_zeros(module, module.spec.max_length)
    tensors = [leaf for leaf in tree_leaves(state) if isinstance(leaf, Tensor)]
    return sum(leaf.numel() * leaf.element_size() for leaf in tensors)


def decode_tokens_per_second(module: SequenceModule) -> float | None:
    """Return the speed of decoding one sequence token by token, on the module's device (1/s); None without ``unroll``.

    The time of a token is that of one step of the body and of one prediction of the objective, near the end of a
    sequence. The speed is computed from the median time.
    """
    if not module.body.can_unroll:
        return None
    memory, state = _decode_zeros(module, max(1, module.spec.max_length - TIMED_TOKENS))
    token, start = _zero_steps(module, 1), time.perf_counter()
    durations: list[float] = []
    while len(durations) < TIMED_TOKENS and (not durations or time.perf_counter() - start < TIMED_SECONDS):
        token_start = time.perf_counter()
        with torch.inference_mode():
            hidden, state = module.body.step(token, memory, state)
            module.objective.predict_distribution(hidden)
        if module.device.type == "cuda":
            torch.cuda.synchronize(module.device)
        durations.append(time.perf_counter() - token_start)
    return 1 / statistics.median(durations[WARM_UP_TOKENS:] or durations[-1:])


def blank_batch(spec: SequenceSpec) -> Batch:
    """Return one sequence of ``max_length`` steps as the spec describes them, all zeros."""
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
    """Return the steps of one sequence, ``(1, steps)`` or ``(1, steps, dim)``."""
    return torch.zeros(1, steps, dtype=torch.long) if isinstance(kind, Tokens) else torch.zeros(1, steps, kind.dim)


def _zero_steps(module: SequenceModule, steps: int) -> Tensor:
    """Return zeros as arguments of a body's ``step``: inputs, or tokens of the target where outputs are sequences."""
    output = module.spec.output
    zeros = _zeros(Tokens(output.vocab) if isinstance(output, TokenSequence) else module.spec.input, steps)
    weight = module.objective.head.weight
    assert isinstance(weight, Tensor)
    return zeros.to(module.device, weight.dtype if zeros.is_floating_point() else zeros.dtype)


@torch.inference_mode()
def _decode_zeros(module: SequenceModule, steps: int) -> tuple[Memory, State]:
    """Decode some steps of zeros in evaluation mode; return the memory and the state after them."""
    module.eval()
    memory, state = module.body.begin(blank_batch(module.spec).to(module.device))
    _, state = module.body.step(_zero_steps(module, steps), memory, state)
    return memory, state
