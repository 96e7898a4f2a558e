"""Probe the module of a Trainer, on the device and in the precision of the run."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy

from seqbench.models.contract.causality import Probe
from seqbench.models.contract.module_snapshot import restore_afterwards
from seqbench.models.contract.passes import Placement
from seqbench.protocol.record_fields import Causality

if TYPE_CHECKING:
    import lightning.pytorch as L

    from seqbench.models.module import SequenceModule

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
    with restore_afterwards(module):
        result = Probe(module.body, module.spec, module.data.stream("train", 0), placement, trained).run()
    if result.note and not trained:
        logger.info(result.note)
    return result


def trainer_placement(trainer: L.Trainer) -> Placement | None:
    """Return the device and the precision of a Trainer; None if its strategy divides the weights among processes."""
    strategy = trainer.strategy
    if not isinstance(strategy, SingleDeviceStrategy | DDPStrategy):
        return None
    precision = strategy.precision_plugin
    return Placement(strategy.root_device, precision.convert_input, precision.forward_context)
