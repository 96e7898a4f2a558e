"""Echo state networks with a readout in closed form: no gradient, no optimiser.

A backbone could not train like this, because seqbench trains a backbone by gradient descent. So this architecture is a
module that brings its own training.
"""

from __future__ import annotations

from typing import cast

import seqbench
import torch
from seqbench.protocol.specs import Batch
from torch import Tensor, nn


class LeakyUnits(nn.Module):
    """The reservoir, h_t = (1 - a) h_{t-1} + a tanh(W x_t + U h_{t-1} + b), with W, U and b random and constant.

    The model is from Jaeger 2001, "The echo state approach to analysing and training recurrent neural networks". There
    is one deviation: the leaks a of the units are spaced evenly on a logarithmic scale from 1 to ``slowest``.

    Args:
        d_model: width of the input, and number of units.
        radius: spectral radius of U in expectation.
        slowest: smallest leak, per step.
    """

    causal = True

    inputs: Tensor
    recurrent: Tensor
    bias: Tensor
    leak: Tensor

    def __init__(self, d_model: int, radius: float, slowest: float) -> None:
        super().__init__()
        self.register_buffer("inputs", torch.randn(d_model, d_model) / d_model**0.5)
        self.register_buffer("recurrent", torch.randn(d_model, d_model) * (radius / d_model**0.5))
        self.register_buffer("bias", torch.rand(d_model) - 0.5)
        self.register_buffer("leak", slowest ** torch.linspace(0, 1, d_model))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the states of the units, ``(batch, time, d_model)``.

        Args:
            x: inputs ``(batch, time, d_model)``.
            lengths: number of valid steps of each sequence; a causal model does not need it.
        """
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the states of the units in one chunk, ``(batch, time, d_model)``, and the last one.

        Args:
            x: inputs ``(batch, time, d_model)``.
            state: state after the previous chunk, ``(batch, d_model)``; None at the start.
        """
        h = x.new_zeros(len(x), len(self.leak)) if state is None else state
        states = []
        for drive in (x @ self.inputs + self.bias).unbind(1):
            h = torch.lerp(h, torch.tanh(drive + h @ self.recurrent), self.leak)
            states.append(h)
        return torch.stack(states, dim=1), h


class Reservoir(seqbench.SequenceModule):
    """A reservoir whose readout solves a ridge regression of the targets, one-hot, on the states of all steps so far.

    The sums over all batches, X'X and X'Y, are buffers, so that checkpoints hold them and a resumed run continues
    exactly. The readout has a solution after every batch; the loss of a batch is computed before the batch is used.

    Args:
        context: the configuration and the task, from seqbench.
        d_model: number of units.
        radius: spectral radius of the recurrent weights in expectation.
        slowest: smallest leak of a unit, per step.
        ridge: weight of the squared readout in the regression.
        sharpness: factor of the outputs, which are read as log-probabilities; the likeliest class stays the same.

    Raises:
        ValueError: an argument is out of range, or the task has no classes.
    """

    squares: Tensor
    products: Tensor

    def __init__(
        self,
        context: seqbench.ModuleContext,
        d_model: int,
        radius: float = 0.95,
        slowest: float = 0.05,
        ridge: float = 1e-3,
        sharpness: float = 10.0,
    ) -> None:
        if d_model < 1 or radius < 0 or not 0 < slowest <= 1 or ridge <= 0 or sharpness <= 0:
            raise ValueError("d_model, ridge and sharpness must be above 0, radius at least 0, and slowest in (0, 1]")
        super().__init__(context, LeakyUnits(d_model, radius, slowest))
        if "Class" not in type(context.spec.output).__name__:
            raise ValueError("the regression needs classes as targets; choose a task that predicts classes")
        self.ridge, self.sharpness = ridge, sharpness
        self.automatic_optimization = False
        self.body.requires_grad_(False)
        classes = cast(nn.Linear, self.objective.head).out_features
        self.register_buffer("squares", torch.zeros(d_model + 1, d_model + 1, dtype=torch.float64))
        self.register_buffer("products", torch.zeros(d_model + 1, classes, dtype=torch.float64))

    def configure_optimizers(self) -> None:
        """Return no optimiser."""

    @torch.no_grad()
    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Add a batch to the regression, solve it, and return the loss of the batch before that."""
        head = cast(nn.Linear, self.objective.head)
        hidden = self.hidden_states(batch)
        loss = self.batch_loss(hidden, batch)
        x = torch.cat([hidden, torch.ones_like(hidden[..., :1])], dim=-1).flatten(0, 1).double()
        y = nn.functional.one_hot(batch.targets.flatten().long(), head.out_features).double()
        weights = batch.weights.flatten()[:, None]
        self.squares += self._sum_over_processes(x.T @ (weights * x))
        self.products += self._sum_over_processes(x.T @ (weights * y))
        penalty = self.ridge * torch.eye(len(self.squares), dtype=torch.float64, device=self.device)
        solution = self.sharpness * torch.linalg.solve(self.squares + penalty, self.products)
        head.weight.copy_(solution[:-1].T)
        head.bias.copy_(solution[-1])
        return loss

    def _sum_over_processes(self, x: Tensor) -> Tensor:
        """Return the sum over all processes, each of which has its own rows of the batch."""
        return cast(Tensor, self.trainer.strategy.reduce(x, reduce_op="sum"))
