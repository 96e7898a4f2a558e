"""Initial weights of a residual stack that depend on its width and its depth.

They are those of GPT-2 (Radford et al. 2019, section 2.3) at every width. GPT-2 draws its matrices from a normal
distribution with standard deviation 0.02, and divides those before a residual connection by the root of the number of
residual connections, so that the variance of their sum does not grow with the depth. At its smallest width of 768 the
value 0.02 is 1 / sqrt(3 d_model), to 4 %; this is also the standard deviation of PyTorch's own initial weights. A fixed
0.02 would give a stack of width 64 attention scores and outputs near 0.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

INITS = ("depth-scaled", "pytorch")
"""Kinds of initial weights, the default first."""


def check_init(init: str) -> None:
    """Check the kind of initial weights.

    Raises:
        ValueError: the kind is unknown.

    Example:
        >>> check_init("zeros")
        Traceback (most recent call last):
        ValueError: init must be one of depth-scaled, pytorch, got 'zeros'
    """
    if init not in INITS:
        raise ValueError(f"init must be one of {', '.join(INITS)}, got {init!r}")


def draw_depth_scaled(d_model: int, branches: Iterable[nn.Module]) -> None:
    """Draw the weights of all linear maps in the branches of a residual stack, and set their biases to 0.

    The standard deviation is ``1 / sqrt(3 d_model)``. The last linear map of each branch, whose output is added to the
    residual stream, has this value divided by the root of the number of branches.

    Args:
        d_model: width of the stack.
        branches: all attentions and MLPs of the stack.

    Example:
        >>> branches = [nn.Sequential(nn.Linear(48, 99), nn.Linear(99, 48)) for _ in range(4)]
        >>> draw_depth_scaled(48, branches)
        >>> [f"{layer.weight.std():.2f}" for layer in branches[0]]
        ['0.08', '0.04']
    """
    linear = [[module for module in branch.modules() if isinstance(module, nn.Linear)] for branch in branches]
    std = (3 * d_model) ** -0.5
    for maps in linear:
        for number, module in enumerate(maps, start=1):
            is_last = number == len(maps)
            nn.init.normal_(module.weight, std=std * len(linear) ** -0.5 if is_last else std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
