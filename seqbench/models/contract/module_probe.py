"""Probe the module of a Trainer, on the device and in the precision of the run."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy

from seqbench.models.contract.causality import Probe
from seqbench.models.contract.module_snapshot import restore_afterwards
from seqbench.models.contract.passes import Placement
from seqbench.protocol.backbones import is_causal
from seqbench.protocol.record_fields import Causality
from seqbench.protocol.specs import Batch

if TYPE_CHECKING:
    import lightning.pytorch as L

    from seqbench.datamodules.base import SequenceDataModule
    from seqbench.models.module import SequenceModule

PADDED_BATCHES = 4
"""Largest number of batches of a split among which one with padding is searched."""

logger = logging.getLogger(__name__)


def probe_module(module: SequenceModule, trainer: L.Trainer | None = None, trained: bool = False) -> Causality | None:
    """Probe a module on the first training batch of its task and log what the probe remarks; the module is unchanged.

    Args:
        module: the module.
        trainer: the Trainer that has set it up; None for a module on the CPU.
        trained: whether the module has its trained weights.

    Returns:
        The result for the record; None for a module without data, and under a strategy that divides the weights.

    Raises:
        LooksAheadError: an output of a causal backbone depends on later inputs.
        SeqbenchError: an output depends on padding, or the backbone returns a wrong value.
    """
    placement = Placement() if trainer is None else trainer_placement(trainer)
    if module.data is None or placement is None:
        return None
    padded = find_padded_batch(module.data) if not all(map(is_causal, module.body.backbones)) else None
    with restore_afterwards(module):
        batch = module.data.stream("train", 0)
        result = Probe(module.body, module.spec, batch, placement, trained, padded).run()
    if result.note and not trained:
        logger.info(result.note)
    return result


def find_padded_batch(data: SequenceDataModule) -> Batch | None:
    """Return one of the first batches of training and validation whose sequences differ in length; None without one."""
    numbers = [("train", step) for step in range(PADDED_BATCHES)]
    numbers += [("validation", step) for step in range(min(PADDED_BATCHES, data.steps("validation")))]
    batches = (data.stream(split, step) for split, step in numbers)
    return next((batch for batch in batches if (batch.lengths < batch.inputs.shape[1]).any()), None)


def trainer_placement(trainer: L.Trainer) -> Placement | None:
    """Return the device and the precision of a Trainer; None if its strategy divides the weights among processes."""
    strategy = trainer.strategy
    if not isinstance(strategy, SingleDeviceStrategy | DDPStrategy):
        return None
    precision = strategy.precision_plugin
    return Placement(strategy.root_device, precision.convert_input, precision.forward_context)
