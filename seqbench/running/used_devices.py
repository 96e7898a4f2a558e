"""What Lightning made of the Trainer's options: the devices, the strategy and the precision that a run really uses."""

from __future__ import annotations

import lightning.pytorch as L

from seqbench.protocol.config import TrainerOptions
from seqbench.utils.errors import SeqbenchError

_ACCELERATORS = {"CPUAccelerator": "cpu", "CUDAAccelerator": "gpu", "MPSAccelerator": "mps"}


def used_trainer(trainer: L.Trainer) -> dict[str, object]:
    """Return what a Trainer uses, as fields of ``protocol.record_fields.UsedTrainer``.

    Args:
        trainer: a Trainer that was built.
    """
    accelerator = type(trainer.accelerator).__name__
    return {
        "accelerator": _ACCELERATORS.get(accelerator, accelerator),
        "devices": trainer.num_devices,
        "num_nodes": trainer.num_nodes,
        "strategy": type(trainer.strategy).__name__,
        "precision": str(trainer.precision),
    }


def check_precision(options: TrainerOptions, trainer: L.Trainer) -> None:
    """Check that the Trainer computes with the precision of the options, which is part of the digest of the run.

    Args:
        options: options of the user.
        trainer: the Trainer that was built for them.

    Raises:
        SeqbenchError: Lightning has replaced the precision, as it replaces ``16-mixed`` on a CPU.
    """
    used = used_trainer(trainer)
    if used["precision"] != options.precision:
        raise SeqbenchError(
            f"trainer.precision is {options.precision}, but on {used['accelerator']} Lightning computes with "
            f"{used['precision']}; give --trainer.precision {used['precision']}, or another --trainer.accelerator."
        )


def describe_replaced(options: TrainerOptions, trainer: L.Trainer) -> str:
    """Return which given options Lightning has resolved to other values, in words; empty if it has resolved none.

    Args:
        options: options of the user.
        trainer: the Trainer that was built for them.
    """
    standard, used = TrainerOptions(), used_trainer(trainer)
    asked = {"accelerator": options.accelerator, "devices": options.devices}
    # Without a strategy of the user, one process needs no word on it.
    if options.strategy != standard.strategy or trainer.world_size > 1:
        asked["strategy"] = options.strategy
    given = {name: value for name, value in asked.items() if name == "strategy" or value != getattr(standard, name)}
    return ", ".join(f"{name} {value}: {used[name]}" for name, value in given.items() if value != used[name])
