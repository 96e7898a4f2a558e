"""Forward passes of a body over probe batches: seeded, in one mode, without a trace in the module or the generators."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import torch
from torch import Tensor, nn

from seqbench.models.bodies import Body, OutputFeedback
from seqbench.models.contract import backbone_outputs
from seqbench.models.contract.module_snapshot import restore_afterwards
from seqbench.protocol.specs import Batch


def _same_batch(batch: Batch) -> Batch:
    return batch


@dataclass(frozen=True)
class Placement:
    """The device and the precision of the passes: those of the run.

    Args:
        device: device of the module.
        convert: converts a batch to the precision of the module, as the Trainer does.
        context: context of the passes, such as automatic mixed precision.
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    convert: Callable[[Batch], Batch] = _same_batch
    context: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext

    def autocast_dtype(self) -> torch.dtype | None:
        """Return the dtype of automatic mixed precision; None without it."""
        with self.context():
            kind = self.device.type
            return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None


class Path(Enum):
    """The ways in which a body runs its backbone; the value describes the way in a sentence."""

    EVALUATION = "in evaluation"
    EVALUATION_UNROLL = "by unroll in evaluation"
    TRAINING = "in training"
    TRAINING_UNROLL = "by unroll in training"

    @property
    def training(self) -> bool:
        """Whether the body is in training mode."""
        return self in (Path.TRAINING, Path.TRAINING_UNROLL)

    @property
    def unrolls(self) -> bool:
        """Whether the body calls ``unroll``."""
        return self in (Path.EVALUATION_UNROLL, Path.TRAINING_UNROLL)


@dataclass(frozen=True)
class Passes:
    """Forward passes of a body; each starts from the same state of the module and of all generators.

    Args:
        body: the body.
        placement: device and precision.
    """

    body: Body
    placement: Placement

    @torch.no_grad()
    def outputs(self, batch: Batch, path: Path, seed: int = 0, rounding: int | None = None) -> Tensor | None:
        """Return the outputs of all steps, ``(batch, time, d_model)``; None if the body does not have the path.

        Args:
            batch: the batch, on the CPU.
            path: the mode, and whether the backbone is unrolled.
            seed: seed of all generators.
            rounding: seed of a change of each weight by about its rounding during the pass; None for no change.

        Raises:
            SeqbenchError: the backbone returns a wrong value.
        """
        place = self.placement
        batch = place.convert(batch.to(place.device))
        with contextlib.ExitStack() as stack:
            stack.enter_context(restore_afterwards(self.body, parameters=rounding is not None))
            stack.enter_context(seeded(place.device, seed))
            if rounding is not None:
                round_weights(self.body, rounding)
            stack.enter_context(place.context())
            self.body.train(path.training)
            for check in self._checks(path):
                stack.enter_context(check)
            return self.body.unrolled_outputs(batch) if path.unrolls else self.body.step_outputs(batch)

    def _checks(self, path: Path) -> Iterator[AbstractContextManager[None]]:
        """Yield the checks of returned values: of ``unroll`` where the body calls it, otherwise of ``forward``."""
        for backbone in self.body.backbones:
            assert isinstance(backbone, nn.Module)
            is_decoding = backbone is self.body.decoding_backbone
            unrolls = path.unrolls or (isinstance(self.body, OutputFeedback) and not path.training)
            if unrolls and is_decoding:
                yield backbone_outputs.check_unroll(backbone)
            else:
                yield backbone_outputs.check_forward(backbone)


def round_weights(module: nn.Module, seed: int) -> None:
    """Change each parameter by about its rounding, in a direction that is drawn for each of its numbers.

    Outputs change as much as they do when a device adds in another order.

    Args:
        module: the module.
        seed: seed of the directions.

    >>> linear = nn.Linear(2, 2)
    >>> before = linear.weight.clone()
    >>> with torch.no_grad():
    ...     round_weights(linear, seed=0)
    >>> bool(torch.equal(linear.weight, before)), bool(torch.allclose(linear.weight, before, rtol=1e-6))
    (False, True)
    """
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        if parameter.is_floating_point() or parameter.is_complex():
            directions = torch.randn(parameter.shape, generator=generator).to(parameter)
            parameter.add_(parameter * directions, alpha=torch.finfo(parameter.dtype).eps / 2)


@contextlib.contextmanager
def seeded(device: torch.device, seed: int = 0) -> Iterator[None]:
    """Seed the generators of PyTorch, NumPy and Python until the block ends, and restore their states afterwards.

    Args:
        device: device whose generator is seeded, besides that of the CPU.
        seed: the seed.

    >>> before = torch.get_rng_state()
    >>> with seeded(torch.device("cpu")):
    ...     _ = torch.rand(1)
    >>> bool(torch.equal(before, torch.get_rng_state()))
    True
    """
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            torch.cuda.default_generators[device.index or 0].manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
