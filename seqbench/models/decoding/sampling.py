"""Ancestral sampling: draw what comes next, feed it back, draw again."""

from __future__ import annotations

import torch
from torch import Tensor

from seqbench.models.bodies.base import Body
from seqbench.models.objectives import Objective


@torch.no_grad()
def sample(
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
        body: gives the hidden vectors.
        objective: says what follows from them, and draws of it.
        prompt: ``(batch, prompt_time, ...)`` inputs, at least one step.
        steps: how many steps to draw.
        generator: the source of randomness, on the CPU, so that a seed gives one result on any device.
        temperature: divides the log-probabilities or log-odds; 0 takes the likeliest.
        forbidden: classes that are never drawn.

    Returns:
        What was drawn, ``(batch, steps, ...)``, as inputs are.
    """
    drawn = []
    memory, state = body.begin(None)
    hidden, state = body.step(prompt, memory, state)
    for _ in range(steps):
        following = objective.draw(objective.emit(hidden).cpu(), generator, temperature, forbidden)
        drawn.append(following)
        following = following.to(prompt.device)
        hidden, state = body.step(following, memory, body.said(state, following))
    return torch.cat(drawn, dim=1) if drawn else prompt[:, :0]
