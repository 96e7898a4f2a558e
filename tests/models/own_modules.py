"""Modules that bring their own training, for the tests of all that runs them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import lightning.pytorch as L
import torch
from torch import Tensor, nn

import seqbench
from seqbench.architectures.recurrent import GRU
from seqbench.protocol.specs import Batch


class Plain(seqbench.SequenceModule):
    """Trains as seqbench does, with an option and a part of its own."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int, share: float = 0.5) -> None:
        super().__init__(context, GRU(d_model))
        self.share = share
        self.extra = nn.Linear(context.d_model, context.d_model)


class WithEncoder(seqbench.SequenceModule):
    """Builds its own encoder."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int) -> None:
        super().__init__(context, GRU(d_model), GRU(d_model, num_layers=2) if context.needs_encoder else None)


class Incomplete(seqbench.SequenceModule):
    """Does not call ``super().__init__``."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int) -> None:
        nn.Module.__init__(self)


class Refusing(seqbench.SequenceModule):
    """Refuses its width."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int) -> None:
        raise ValueError(f"d_model must be 7, got {d_model}")


class LooksAhead(seqbench.SequenceModule):
    """Builds a backbone that looks ahead."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int) -> None:
        backbone = GRU(d_model)
        backbone.causal = False
        super().__init__(context, backbone)


class NoContext(seqbench.SequenceModule):
    """Takes no context."""

    def __init__(self, d_model: int) -> None:
        raise AssertionError


class Auxiliary(seqbench.SequenceModule):
    """Adds a loss of its own: the outputs of the backbone predict the inputs again."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int, share: float = 0.1, dropout: float = 0.0) -> None:
        super().__init__(context, GRU(d_model, dropout=dropout))
        self.share = share
        self.reconstruct = nn.Linear(d_model, d_model)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        hidden = self.hidden_states(batch)
        self.auxiliary = (self.reconstruct(hidden) - hidden.detach()).square().mean()
        return self.batch_loss(hidden, batch) + self.share * self.auxiliary


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum for matrices, as small as possible (Jordan et al. 2024)."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float = 0.02, momentum: float = 0.9) -> None:
        super().__init__(list(parameters), {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # Lightning's manual steps give no closure.
        if closure is not None:
            with torch.enable_grad():
                closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
                buffer.mul_(group["momentum"]).add_(p.grad)
                u, _, v = torch.linalg.svd(buffer, full_matrices=False)
                p.sub_(group["lr"] * u @ v)


class TwoOptimizers(seqbench.SequenceModule):
    """Manual optimisation: Muon for the matrices of the backbone, the card's optimiser for all other parameters."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int, dropout: float = 0.0) -> None:
        super().__init__(context, GRU(d_model, dropout=dropout))
        self.automatic_optimization = False

    def configure_optimizers(self) -> Any:
        matrices = [p for p in self.body.decoding_backbone.parameters() if p.ndim == 2]
        chosen = {id(p) for p in matrices}
        rest = self.card_optimizer(p for p in self.parameters() if id(p) not in chosen)
        return [{"optimizer": Muon(matrices, self.optim.lr)}, rest]

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        loss = self.batch_loss(self.hidden_states(batch), batch)
        optimizers = cast(list[Any], self.optimizers())
        for optimizer in optimizers:
            optimizer.zero_grad()
        self.manual_backward(loss)
        for optimizer in optimizers:
            self.clip(optimizer)
            optimizer.step()
        cast(Any, self.lr_schedulers()).step()
        return loss


class Adversarial(seqbench.SequenceModule):
    """A GAN: a critic tells hidden vectors from noise, and the backbone is trained to look like noise as well."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int, dropout: float = 0.0) -> None:
        super().__init__(context, GRU(d_model, dropout=dropout))
        self.automatic_optimization = False
        self.critic: nn.Module = nn.Sequential(
            nn.Linear(d_model, d_model), nn.Tanh(), nn.Dropout(dropout), nn.Linear(d_model, 1)
        )

    def configure_optimizers(self) -> Any:
        critic = set(self.critic.parameters())
        generator = torch.optim.AdamW([p for p in self.parameters() if p not in critic], self.optim.lr)
        return generator, torch.optim.Adam(self.critic.parameters(), self.optim.lr)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        generator, critic = cast(list[Any], self.optimizers())
        hidden = self.hidden_states(batch)
        noise = torch.randn_like(hidden)
        self.toggle_optimizer(critic)
        critic.zero_grad()
        self.manual_backward(self.critic(hidden.detach()).mean() - self.critic(noise).mean())
        critic.step()
        self.untoggle_optimizer(critic)
        self.toggle_optimizer(generator)
        loss = self.batch_loss(hidden, batch)
        generator.zero_grad()
        self.manual_backward(loss - 0.01 * self.critic(hidden).mean())
        generator.step()
        self.untoggle_optimizer(generator)
        return loss.detach()


class ClosedForm(seqbench.SequenceModule):
    """No optimiser: a frozen backbone, whose readout is the solution of a regression on all batches so far."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int, ridge: float = 1e-3) -> None:
        super().__init__(context, GRU(d_model))
        self.automatic_optimization = False
        self.ridge = ridge
        self.body.requires_grad_(False)
        head = cast(nn.Linear, self.objective.head)
        self.register_buffer("inputs_squared", torch.zeros(d_model + 1, d_model + 1))
        self.register_buffer("inputs_targets", torch.zeros(d_model + 1, head.out_features))

    def configure_optimizers(self) -> None:
        return None

    @torch.no_grad()
    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        hidden = self.hidden_states(batch)
        loss = self.batch_loss(hidden, batch)
        head = cast(nn.Linear, self.objective.head)
        x = torch.cat([hidden, torch.ones_like(hidden[..., :1])], dim=-1).flatten(0, 1)
        weights = batch.weights.flatten()[:, None]
        targets = nn.functional.one_hot(batch.targets.flatten().long(), head.out_features).float()
        squares, products = cast(Tensor, self.inputs_squared), cast(Tensor, self.inputs_targets)
        squares += self._sum_over_ranks(x.T @ (weights * x))
        products += self._sum_over_ranks(x.T @ (weights * targets))
        solution = torch.linalg.solve(squares + self.ridge * torch.eye(len(squares)), products)
        head.weight.copy_(solution[:-1].T)
        head.bias.copy_(solution[-1])
        return loss

    def _sum_over_ranks(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.trainer.strategy.reduce(x, reduce_op="sum"))


class StepCounter(L.Callback):
    """A callback of the module, with a state that checkpoints keep."""

    def __init__(self) -> None:
        self.batches = 0

    def on_train_batch_end(self, *_: object) -> None:
        self.batches += 1

    def state_dict(self) -> dict[str, Any]:
        return {"batches": self.batches}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.batches = state_dict["batches"]


class OwnScheduleAndCallbacks(seqbench.SequenceModule):
    """An own optimiser and schedule, callbacks, ``setup``, averaged weights, and hooks that do not call ``super()``."""

    def __init__(self, context: seqbench.ModuleContext, d_model: int, dropout: float = 0.5) -> None:
        super().__init__(context, GRU(d_model, dropout=dropout))
        self.counter = StepCounter()
        self.register_buffer("average", torch.zeros(d_model))
        self.stages: list[str] = []

    def setup(self, stage: str) -> None:
        self.stages.append(stage)

    def configure_callbacks(self) -> list[L.Callback]:
        return [self.counter]

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), self.optim.lr, momentum=0.9)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 5, 0.5)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        self.drawn = torch.rand(2)

    def on_train_batch_end(self, outputs: object, batch: Batch, batch_idx: int) -> None:
        bias = next(p for p in self.body.decoding_backbone.parameters() if p.ndim == 1)
        average = cast(Tensor, self.average)
        average.lerp_(bias.detach()[: len(average)], 0.1)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["own"] = torch.ones(1)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        assert checkpoint["own"].all()
