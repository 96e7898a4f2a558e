"""Ancestral sampling: draw a token, feed it back, draw the next."""

from __future__ import annotations

import torch
from torch import Tensor

from seqbench.bodies import Single
from seqbench.objectives import StepClassesObjective


@torch.no_grad()
def sample(
    body: Single,
    objective: StepClassesObjective,
    prompt: Tensor,
    steps: int,
    generator: torch.Generator,
    temperature: float = 1.0,
    forbidden: tuple[int, ...] = (),
) -> Tensor:
    """Continue a prompt by sampling.

    Args:
        body: gives the hidden vectors.
        objective: gives log-probabilities of them.
        prompt: ``(batch, prompt_time)`` token ids, at least one step.
        steps: how many tokens to draw.
        generator: the source of randomness, on the CPU, so that a seed gives one text on any device.
        temperature: divides the log-probabilities; 0 takes the likeliest token.
        forbidden: token ids that are never drawn.

    Returns:
        The drawn tokens, ``(batch, steps)``.
    """
    drawn = []
    hidden, state = body.begin(prompt)
    for _ in range(steps):
        scores = objective.emit(hidden).cpu()
        scores[:, list(forbidden)] = -torch.inf
        if temperature == 0:
            token = scores.argmax(-1, keepdim=True)
        else:
            chances = torch.softmax(scores / temperature, dim=-1)
            token = torch.multinomial(chances, 1, generator=generator)
        drawn.append(token)
        hidden, state = body.step(token.to(prompt.device), state)
    return torch.cat(drawn, dim=1) if drawn else prompt.new_zeros(len(prompt), 0)
