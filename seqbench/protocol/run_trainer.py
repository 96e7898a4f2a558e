"""The Trainer of seqbench's own runs, as a class by which data and modules recognise it.

A run needs exact steps: it resumes at any step, and gives the same batches on any number of devices. Every other
Trainer belongs to a user, who expects the behaviour of Lightning: epochs that end, schedules that follow the Trainer,
and metrics in its loggers.
"""

from __future__ import annotations

import lightning.pytorch as L


class RunTrainer(L.Trainer):
    """The Trainer of a run of seqbench; only ``seqbench.running.trainer`` builds one.

    It differs from its base class in its type alone. With it, training batches are an endless stream that starts at
    the present step, the schedule has the steps of the card, and the callbacks of the run log losses and scores.
    """


def is_run(trainer: object) -> bool:
    """Return whether a Trainer is that of a run of seqbench; False for a user's own Trainer, and for None.

    >>> is_run(None), is_run(L.Trainer(logger=False, accelerator="cpu"))
    (False, False)
    """
    return isinstance(trainer, RunTrainer)
