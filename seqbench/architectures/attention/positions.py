"""Positions of the steps in a transformer: in its inputs, in its queries and keys, or in its attention scores.

==============  ===========================================  =======================================================
kind            where positions enter                        beyond the lengths seen in training
==============  ===========================================  =======================================================
``rotary``      queries and keys are rotated                 larger angles between distant steps than in training
``none``        nowhere                                      nothing is new; attention spreads over more steps
``alibi``       a penalty of scores, linear in the distance  larger penalties, so distant steps count less and less
``sinusoidal``  vectors are added to the input               the same functions, with values not seen in training
``learned``     vectors of a table are added to the input    vectors with their initial random values; an error beyond
                                                             ``max_time`` steps
==============  ===========================================  =======================================================

Positions are counted from 0 over a whole stream, not from the start of a chunk.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

KINDS = ("rotary", "none", "alibi", "sinusoidal", "learned")
"""Kinds of positions, the default first."""


def check_kind(positions: str) -> None:
    """Check the kind of positions.

    Raises:
        ValueError: the kind is unknown.

    Example:
        >>> check_kind("relative")
        Traceback (most recent call last):
        ValueError: positions must be one of rotary, none, alibi, sinusoidal, learned, got 'relative'
    """
    if positions not in KINDS:
        raise ValueError(f"positions must be one of {', '.join(KINDS)}, got {positions!r}")


class ScorePositions:
    """Positions inside an attention. This class adds none; subclasses change queries and keys, or scores.

    Attributes:
        has_bias: whether ``bias`` returns a tensor.
    """

    has_bias = False

    def rotate(self, x: Tensor, position: Tensor) -> Tensor:
        """Return queries or keys that depend on their positions.

        Args:
            x: queries or keys, ``(batch, heads, time, width)``.
            position: whole numbers, ``(batch, time)`` or ``(1, time)``.

        Returns:
            ``(batch, heads, time, width)``.
        """
        return x

    def bias(self, distance: Tensor, dtype: torch.dtype) -> Tensor | None:
        """Return what is added to the scores, ``(heads, queries, keys)``; None for nothing.

        Args:
            distance: position of each query less that of each key, whole numbers ``(queries, keys)``.
            dtype: type of the scores.
        """
        return None


class RotaryPositions(ScorePositions):
    """Rotations of queries and keys (Su et al. 2021, arXiv 2104.09864)."""

    def rotate(self, x: Tensor, position: Tensor) -> Tensor:
        """Return rotated queries or keys, ``(batch, heads, time, width)``."""
        return rotate(x, position)


class LinearBiases(ScorePositions):
    """Attention with linear biases, ALiBi (Press, Smith & Lewis 2022, arXiv 2108.12409).

    The score of a query and a key is lowered by ``slope * |distance|``. The paper defines it for causal attention;
    with attention to both sides the penalty is the same on both.

    Args:
        heads: number of heads, each with its own slope.
    """

    has_bias = True

    def __init__(self, heads: int) -> None:
        self.slopes = head_slopes(heads)

    def bias(self, distance: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the penalties of the scores, ``(heads, queries, keys)``."""
        slopes = torch.tensor(self.slopes, device=distance.device, dtype=torch.promote_types(dtype, torch.float32))
        return (-slopes[:, None, None] * distance.abs()).to(dtype)


def head_slopes(heads: int) -> list[float]:
    """Return the slope of each head in ALiBi.

    With n heads, n a power of two, they are ``2^(-8/n), 2^(-16/n), ..., 2^-8``. For another number the first slopes are
    those of the next smaller power of two, and the others are every second one of the next larger power, as in the
    authors' code.

    Example:
        >>> head_slopes(2), head_slopes(3)
        ([0.0625, 0.00390625], [0.0625, 0.00390625, 0.25])
    """
    power = 1 << (heads.bit_length() - 1)
    slopes = [2.0 ** (-8 * (i + 1) / power) for i in range(power)]
    return slopes + [2.0 ** (-8 * (2 * i + 1) / (2 * power)) for i in range(heads - power)]


def build_score_positions(positions: str, heads: int) -> ScorePositions:
    """Return what a kind of positions does inside an attention."""
    if positions == "rotary":
        return RotaryPositions()
    return LinearBiases(heads) if positions == "alibi" else ScorePositions()


class InputPositions(nn.Module):
    """Positions in the input of a stack. This class adds none; subclasses define ``vectors``."""

    def forward(self, x: Tensor, count: Tensor | None = None) -> Tensor:
        """Return the input of a stack with positions.

        Args:
            x: a chunk, ``(batch, time, d_model)``.
            count: number of steps before the chunk, ``(batch, 1)``; None for none.

        Returns:
            ``(batch, time, d_model)``.
        """
        return x


class SinusoidalPositions(InputPositions):
    """Add sines and cosines of the position (Vaswani et al. 2017, section 3.5) to the input.

    They are the vectors of ``sinusoids``. The paper multiplies its embeddings by the root of ``d_model`` first. The
    embeddings of seqbench start with standard deviation 1 and need no factor.
    """

    def forward(self, x: Tensor, count: Tensor | None = None) -> Tensor:
        """Return the input with positions, ``(batch, time, d_model)``."""
        dtype = torch.promote_types(x.dtype, torch.float32)
        return x + sinusoids(number_steps(x, count), x.shape[-1], dtype).to(x.dtype)


class LearnedPositions(InputPositions):
    """Add a learned vector for each position (Gehring et al. 2017, arXiv 1705.03122) to the input.

    The initial vectors are normal with standard deviation 1, as those of seqbench's embeddings of tokens.

    Args:
        d_model: width of the input.
        max_time: number of positions, so the longest sequence or stream.
    """

    def __init__(self, d_model: int, max_time: int) -> None:
        super().__init__()
        self.table = nn.Embedding(max_time, d_model)

    def forward(self, x: Tensor, count: Tensor | None = None) -> Tensor:
        """Return the input with positions, ``(batch, time, d_model)``.

        Raises:
            ValueError: a position is not in the table.
        """
        # On the meta device tensors have no values, and the number of earlier steps is not known.
        earlier = 0 if count is None or count.is_meta else int(count.max())
        if earlier + x.shape[1] > self.table.num_embeddings:
            raise ValueError(
                f"expected at most {self.table.num_embeddings} steps, which have learned positions, got "
                f"{earlier + x.shape[1]}; choose a larger max_time (--arch.max_time) or other positions "
                f"(--arch.positions)"
            )
        y: Tensor = x + self.table(number_steps(x, count))
        return y


def build_input_positions(positions: str, d_model: int, max_time: int) -> InputPositions:
    """Return what a kind of positions adds to the input of a stack.

    Args:
        positions: kind of positions, one of ``KINDS``.
        d_model: width of the input.
        max_time: number of learned positions.
    """
    if positions == "sinusoidal":
        return SinusoidalPositions()
    return LearnedPositions(d_model, max_time) if positions == "learned" else InputPositions()


def number_steps(x: Tensor, count: Tensor | None = None) -> Tensor:
    """Return the positions of the steps of a chunk.

    Args:
        x: the chunk, ``(batch, time, ...)``.
        count: number of steps before the chunk, ``(batch, 1)``; None for none.

    Returns:
        Whole numbers, ``(batch, time)``, or ``(1, time)`` without ``count``.

    Example:
        >>> number_steps(torch.zeros(2, 3, 8), torch.tensor([[0], [7]])).tolist()
        [[0, 1, 2], [7, 8, 9]]
    """
    steps = torch.arange(x.shape[1], device=x.device)[None]
    return steps if count is None else count + steps


def sinusoids(position: Tensor, width: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the sines and cosines of positions (Vaswani et al. 2017): the first half of the channels has the sines.

    Channel c and channel ``ceil(width / 2) + c`` have the angle ``position / 10000^(2c / width)``. The paper alternates
    sines and cosines, which is the same up to the order of channels.

    Args:
        position: whole numbers, ``(batch, time)``.
        width: number of channels.
        dtype: type of the result.

    Returns:
        ``(batch, time, width)``.

    Example:
        >>> sinusoids(torch.tensor([[0, 1]]), 2)
        tensor([[[0.0000, 1.0000],
                 [0.8415, 0.5403]]])
    """
    channels = torch.arange(-(-width // 2), device=position.device, dtype=dtype)
    angles = position[..., None] * 10_000.0 ** (-2 * channels / width)
    return torch.cat([angles.sin(), angles.cos()[..., : width // 2]], dim=-1)


def rotate(x: Tensor, position: Tensor) -> Tensor:
    """Rotate pairs of channels by angles that grow with the position, so that q . k depends on distances alone.

    Channel c and channel c + width // 2 are a pair, rotated by position / 10000^(2c / width). The paper pairs
    neighbouring channels, which is the same up to the order of channels. The last channel of an odd width is kept.
    The product of a query and a key depends on their distance alone up to the rounding of angles (in float32 about
    0.001 at step 100,000).

    Args:
        x: queries or keys, ``(batch, heads, time, width)``.
        position: whole numbers, ``(batch, time)`` or ``(1, time)``.

    Returns:
        ``(batch, heads, time, width)``.

    Example:
        >>> x = torch.tensor([1.0, 0.0]).view(1, 1, 1, 2)  # A pair of channels, rotated by one radian a step.
        >>> rotate(x, torch.tensor([[2]])).flatten()
        tensor([-0.4161,  0.9093])
    """
    half = x.shape[-1] // 2
    # Angles in half precision would be equal for neighbouring steps after some hundred steps.
    dtype = torch.promote_types(x.dtype, torch.float32)
    speeds = 10_000.0 ** -(torch.arange(half, device=x.device, dtype=dtype) / max(1, half))
    angles = position[:, None, :, None] * speeds
    cos, sin = angles.cos(), angles.sin()
    first, second, rest = torch.split(x.to(dtype), [half, half, x.shape[-1] - 2 * half], dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos, rest], dim=-1).to(x.dtype)
