"""SequenceModule: a body and an objective as one LightningModule, trained and scored by one path."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from typing import Any

import lightning.pytorch as L
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map, tree_map_only

from seqbench.datamodules.base import SequenceDataModule
from seqbench.models.bodies import Body
from seqbench.models.decoding.search import decode
from seqbench.models.objectives import Objective, Ratios
from seqbench.protocol.batches import EvaluationLoader, Shard, check_scored
from seqbench.protocol.cards import Optim
from seqbench.protocol.specs import Batch, SequenceSpec, TokenSequence


class SequenceModule(L.LightningModule):
    """One architecture on one task.

    It works in anyone's own Trainer: ``Trainer(max_steps=500).fit(module)`` trains on the task it was built
    for. A subclass may override training and optimisers, never evaluation, so that scores stay comparable.

    Args:
        spec: what the task asks.
        body: batch to hidden vectors.
        objective: hidden vectors to loss and metrics.
        optim: how it is optimised; ``clip`` is the Trainer's ``gradient_clip_val``.
        seed: keys the random numbers of each training step (dropout).
        data: the task's data; None for a module that was only loaded to be used.

    Attributes:
        evaluated: per split, the metrics of the last evaluation.
        decoded: per split, what was written for each sample, where outputs are sequences of their own.
    """

    def __init__(
        self,
        spec: SequenceSpec,
        body: Body,
        objective: Objective,
        optim: Optim,
        seed: int,
        data: SequenceDataModule | None = None,
    ) -> None:
        super().__init__()
        self.spec, self.objective = spec, objective
        self.body: Any = body
        self.optim, self.seed = optim, seed
        self.data = data
        self.evaluated: dict[str, dict[str, float]] = {}
        self.decoded: dict[str, dict[int, list[int]]] = {}
        self._scores: list[Ratios] = []
        self._marks: list[Tensor] = []
        self._stage = ""
        self._carried: Any = None
        self._evaluation_carried: Any = None

    def forward(self, batch: Batch) -> Tensor:
        """Log-probabilities (or what else the objective emits) of a batch of whole sequences."""
        return self.objective.emit(self.body(batch))

    # Training.

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Key the step's random numbers by (seed, step, rank), so that a resumed run draws the same."""
        key = ((self.seed * 1_000_003 + self.trainer.global_step) * 10_007 + self.trainer.global_rank) & 0xFFFFFFFF
        torch.default_generator.manual_seed(key)
        if self.device.type == "cuda":
            torch.cuda.default_generators[self.device.index or 0].manual_seed(key)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss: weighted mean over the global batch, so that the mean over ranks is exact."""
        hidden, self._carried = self._hidden(batch, self._carried)
        return self.objective.loss_sum(hidden, batch) * (self.trainer.world_size / batch.total)

    def _hidden(self, batch: Batch, carried: Any) -> tuple[Tensor, Any]:
        """Hidden vectors of a batch, and the state that its stream goes on with (None for no stream)."""
        if batch.first is None:
            return self.body(batch), None
        # A checkpoint gives its state back before the module has moved to its device.
        carried = None if batch.first else tree_map_only(Tensor, lambda leaf: leaf.to(batch.inputs.device), carried)
        hidden, state = self.body.unroll(batch, carried)
        # Copies: a view of the chunk would keep all of it, and a checkpoint would save it.
        return hidden, tree_map_only(Tensor, lambda leaf: leaf.detach().clone(), state)

    def configure_optimizers(self) -> Any:
        """The card's optimiser and schedule; the backbone may choose its own parameter groups."""
        # Lightning does not clip under a fused optimiser in mixed precision, and complex numbers have none.
        mixed = self._trainer is not None and str(self.trainer.precision).endswith("-mixed")
        fused = not mixed and not any(p.is_complex() for p in self.parameters())
        optimizer = _optimizer(self._parameter_groups(), self.optim, fused)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _schedule(self.optim))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _parameter_groups(self) -> list[dict[str, Any]]:
        choosers: list[Any] = [part for part in self.body.modules() if hasattr(part, "parameter_groups")]
        own = [group for backbone in choosers for group in backbone.parameter_groups()]
        taken = {id(p) for group in own for p in group["params"]}
        return [{"params": [p for p in self.parameters() if id(p) not in taken]}, *own]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the carried state of truncated back-propagation, of all ranks' rows: no function of the step counter."""
        state = self._carried
        if state is not None and self.trainer.world_size > 1:
            own = self._shard().rows(self._data().batch_size)
            # A rank that has no rows carries another's; on the CPU, because each rank has a device of its own.
            kept = tree_map_only(Tensor, Tensor.cpu, state) if own.stop > own.start else None
            parts = [part for part in self._of_all_ranks(kept) if part is not None]
            state = tree_map(lambda *leaves: torch.cat(leaves) if isinstance(leaves[0], Tensor) else leaves[0], *parts)
        checkpoint["seqbench_carried"] = state

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up the carried state: of this rank's rows."""
        state = checkpoint.get("seqbench_carried")
        if state is not None and self._trainer is not None:
            shard = self._shard()
            state = tree_map_only(Tensor, lambda leaf: leaf[shard.trained(len(leaf))], state)
        self._carried = state

    # Evaluation: one path for validation and test.

    def on_validation_start(self) -> None:
        """Fresh scores for each validation split."""
        self._start("validation")

    def on_test_start(self) -> None:
        """Fresh scores for each test split."""
        self._start("test")

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Add a batch to its split's scores."""
        self._evaluate(batch, batch_idx, dataloader_idx)

    def test_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Add a batch to its split's scores."""
        self._evaluate(batch, batch_idx, dataloader_idx)

    def on_validation_epoch_end(self) -> None:
        """Compute and log ``validation/<metric>``."""
        self._finish("validation")

    def on_test_epoch_end(self) -> None:
        """Compute and log ``test/<metric>``."""
        self._finish("test")

    def _start(self, stage: str) -> None:
        splits = self._data().splits(stage)
        self._scores = [self.objective.scores().to(self.device) for _ in splits]
        self._marks = [torch.zeros(2, dtype=torch.int64, device=self.device) for _ in splits]
        self.decoded.update({split: {} for split in splits})
        self._evaluation_carried = None
        self._stage = stage

    def _evaluate(self, batch: Batch, step: int, split: int) -> None:
        if len(batch) == 0:  # More ranks than samples: this one has none.
            return
        hidden, self._evaluation_carried = self._hidden(batch, self._evaluation_carried)
        self.objective.update(self._scores[split], hidden, batch)
        loader = self._loaders()[split]
        if isinstance(loader, EvaluationLoader):
            self._marks[split] += loader.marks(step, batch.index)
        if isinstance(self.spec.output, TokenSequence):
            written = decode(self.body, self.objective, batch, self.spec.output)
            name = self._data().splits(self._stage)[split]
            self.decoded[name].update(zip(batch.index.tolist(), written, strict=True))

    def _finish(self, stage: str) -> None:
        self._check_scored()
        for split, scores in zip(self._data().splits(stage), self._scores, strict=True):
            # ``compute`` has gathered all ranks' sums: the value is the same everywhere.
            values = {name: float(value) for name, value in scores.compute().items()}
            if isinstance(self.spec.output, TokenSequence):
                parts = self._of_all_ranks(self.decoded[split])
                self.decoded[split] = {index: tokens for part in parts for index, tokens in part.items()}
                values |= self._data().score_decoded(split, self.decoded[split])
            self.evaluated[split] = values
            # For callbacks. Loggers get validation from the curve: Lightning would date it one step early.
            named = {f"{split}/{name}": value for name, value in values.items()}
            self.log_dict(named, logger=stage != "validation", add_dataloader_idx=False)

    def _check_scored(self) -> None:
        """Each sample once over all ranks; not where someone's own Trainer takes a part of a split, or other data."""
        parts = zip(self._loaders(), self._steps(), self._marks, strict=False)
        whole = [(x, marks) for x, steps, marks in parts if isinstance(x, EvaluationLoader) and steps >= len(x)]
        check_scored(whole, self.trainer.world_size, self.trainer.strategy.reduce)

    def _loaders(self) -> list[Any]:
        """What the Trainer evaluates now, by split."""
        found = self.trainer.val_dataloaders if self._stage == "validation" else self.trainer.test_dataloaders
        return found if isinstance(found, list) else [found]

    def _steps(self) -> list[int | float]:
        """How many batches of each the Trainer takes."""
        if self.trainer.sanity_checking:
            return self.trainer.num_sanity_val_batches
        return self.trainer.num_val_batches if self._stage == "validation" else self.trainer.num_test_batches

    def _of_all_ranks(self, own: Any) -> list[Any]:
        if self.trainer.world_size == 1:
            return [own]
        parts: list[Any] = [None] * self.trainer.world_size
        torch.distributed.all_gather_object(parts, own)
        return parts

    def _shard(self) -> Shard:
        return Shard(self.trainer.global_rank, self.trainer.world_size)

    # Data, for a Trainer that is given the module alone.

    def train_dataloader(self) -> Any:
        """The task's training batches."""
        return self._data().train_dataloader()

    def val_dataloader(self) -> Any:
        """The task's validation splits."""
        return self._data().val_dataloader()

    def test_dataloader(self) -> Any:
        """The task's test splits."""
        return self._data().test_dataloader()

    def _data(self) -> SequenceDataModule:
        if self.data is None:
            raise RuntimeError("this module was loaded without its task's data; seqbench.build gives one with it")
        if self._trainer is not None:
            self.data.trainer = self.trainer
        return self.data


def _optimizer(groups: list[dict[str, Any]], optim: Optim, fused: bool) -> torch.optim.Optimizer:
    common: Mapping[str, Any] = {"lr": optim.lr, "weight_decay": optim.weight_decay}
    match optim.optimizer:
        case "adam":
            return torch.optim.Adam(groups, betas=optim.betas, fused=fused, **common)
        case "adamw":
            return torch.optim.AdamW(groups, betas=optim.betas, fused=fused, **common)
        case "rmsprop":
            return torch.optim.RMSprop(groups, momentum=optim.momentum, **common)
        case "sgd":
            return torch.optim.SGD(groups, momentum=optim.momentum, fused=fused, **common)
        case _:
            raise ValueError(f"unknown optimizer {optim.optimizer}")


def _schedule(optim: Optim) -> Callable[[int], float]:
    """The learning rate at a step, as a share of ``optim.lr``."""

    def share(step: int) -> float:
        if step < optim.warmup:
            return (step + 1) / optim.warmup
        if optim.schedule == "constant":
            return 1.0
        done = (step - optim.warmup) / max(1, optim.steps - optim.warmup)
        return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    return share


def weights_digest(module: nn.Module) -> str:
    """SHA-256 (hex) of all weights and buffers: by name, type, shape and every bit."""
    found = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def trainable_parameters(module: nn.Module) -> int:
    """How many numbers training may change."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
