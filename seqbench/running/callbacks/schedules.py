"""Check the learning-rate schedules of a module: a run has steps, but no epochs."""

from __future__ import annotations

import lightning.pytorch as L

from seqbench.utils.errors import SeqbenchError


class RunSchedules(L.Callback):
    """Refuse a schedule that Lightning would step at the end of an epoch, because it would never be stepped.

    With manual optimisation the module steps its schedules itself, so that all of them are accepted.
    """

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Check the schedules before the first step.

        Raises:
            SeqbenchError: the interval of a schedule is an epoch.
        """
        if not pl_module.automatic_optimization:
            return
        for config in trainer.lr_scheduler_configs:
            if config.interval == "epoch":
                name = type(config.scheduler).__name__
                raise SeqbenchError(
                    f"the schedule {name} of {type(pl_module).__name__} is stepped once per epoch, the default of "
                    f"Lightning, but a run has steps and no epochs; return "
                    f'{{"scheduler": ..., "interval": "step"}} from configure_optimizers.'
                )
