"""Ancestral sampling: draw the next step, feed it back, and draw again."""

from __future__ import annotations

import torch
from torch import Tensor

from seqbench.models.bodies.base import Body
from seqbench.models.objectives import Objective


@torch.no_grad()
def sample_continuation(
    body: Body,
    objective: Objective,
    prompt: Tensor,
    steps: int,
    generator: torch.Generator,
    temperature: float = 1.0,
    forbidden: tuple[int, ...] = (),
) -> Tensor:
    """Continue a prompt by sampling.

    Args:
        body: body that computes the hidden vectors.
        objective: objective that predicts the distribution of the next step, and draws from it.
        prompt: inputs ``(batch, prompt_time, ...)`` of at least one step.
        steps: number of steps to draw.
        generator: the random number generator, on the CPU, so that a seed gives the same result on any device.
        temperature: divisor of the log-probabilities or log-odds; 0 selects the most likely output.
        forbidden: classes or labels that are never drawn.

    Returns:
        The drawn steps as inputs, ``(batch, steps, ...)``, on the CPU; an empty tensor for 0 steps.

    >>> from seqbench.architectures.recurrent import GRU
    >>> from seqbench.models.bodies import SingleBackbone
    >>> from seqbench.models.objectives import build_objective
    >>> from seqbench.protocol.specs import SequenceSpec, StepClasses, Tokens
    >>> spec = SequenceSpec(Tokens(4), StepClasses(4), max_length=9)
    >>> body, objective = SingleBackbone(spec, GRU(8), 8), build_objective(spec, 8)
    >>> prompt, generator = torch.tensor([[1, 2]]), torch.Generator().manual_seed(0)
    >>> sample_continuation(body, objective, prompt, 5, generator, forbidden=(1, 2, 3)).tolist()
    [[0, 0, 0, 0, 0]]
    """
    drawn = []
    memory, state = body.begin(None)
    hidden, state = body.step(prompt, memory, state)
    for _ in range(steps):
        distribution = objective.predict_distribution(hidden).cpu()
        output = objective.sample(distribution, generator, temperature, forbidden)
        drawn.append(output)
        output = output.to(prompt.device)
        hidden, state = body.step(output, memory, body.replace_output(state, output))
    return torch.cat(drawn, dim=1) if drawn else prompt[:, :0]
