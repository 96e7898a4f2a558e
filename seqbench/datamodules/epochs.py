"""Training batches in epochs that end, for a user's own Trainer and for loops without a Trainer.

Batches are numbered from 0, and an epoch continues where the epoch before it ended. Whole epochs are therefore whole
passes over the data, and epochs that ``limit_train_batches`` cuts short reach all data in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import lightning.pytorch as L
from lightning.pytorch.trainer.states import TrainerFn, TrainerStatus

from seqbench.protocol.batches import Shard, Stream
from seqbench.protocol.specs import Batch

DEFAULT_STEPS = 1000
"""Batches of an epoch of generated data, if no card says how many training steps lie between two validations."""


class EpochLoader:
    """The training batches of one epoch at each iteration.

    Its position follows from the Trainer or from the datamodule, so it has no state of its own.

    Args:
        stream: function that returns the batches.
        start: function that returns the number of the first batch; it is called when the first batch is requested.
        steps: number of batches in one epoch.
        shard: rows of this rank.

    >>> import seqbench
    >>> data = seqbench.data({"name": "copy", "delay": 3}, tier="smoke")
    >>> len(data.train_dataloader())
    200
    """

    def __init__(self, stream: Stream, start: Callable[[], int], steps: int, shard: Shard) -> None:
        self.stream, self.start, self.steps, self.shard = stream, start, steps, shard

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Batch]:
        first = self.start()
        for step in range(first, first + self.steps):
            yield self.shard.training_batch(self.stream("train", step))

    # With these two methods, Lightning does not warn that a fit cannot be resumed within an epoch.

    def state_dict(self) -> dict[str, object]:
        """Return nothing: the progress of the Trainer, which its checkpoints hold, determines the position."""
        return {}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Ignore the state, because it is empty."""


def is_fitting(trainer: L.Trainer | None) -> bool:
    """Return whether a Trainer trains at present; afterwards its datamodule may be used in a loop without it.

    >>> is_fitting(None), is_fitting(L.Trainer(logger=False, accelerator="cpu"))
    (False, False)
    """
    return (
        trainer is not None and trainer.state.fn is TrainerFn.FITTING and trainer.state.status is TrainerStatus.RUNNING
    )


def epoch_length(trainer: L.Trainer | None, steps: int) -> int:
    """Return the number of batches in an epoch: at most as many as the Trainer will train on.

    Lightning does not validate at the end of a training that stops within an epoch, and callbacks that monitor a score
    then fail.

    Args:
        trainer: a user's own Trainer, or None.
        steps: number of batches in an epoch without a limit.
    """
    if trainer is None or not is_fitting(trainer) or trainer.max_steps < 1:
        return steps
    most = trainer.max_steps * trainer.accumulate_grad_batches
    # Lightning refuses an epoch that is shorter than the interval between two validations.
    interval = trainer.val_check_interval
    return min(steps, max(most, interval) if isinstance(interval, int) else most)


def next_batch(trainer: L.Trainer) -> int:
    """Return the number of the training batch that a user's own Trainer takes next, when it starts an epoch."""
    # With overfit_batches, every epoch has the same batches.
    # Lightning declares no type for this attribute.
    return 0 if getattr(trainer, "overfit_batches", 0) else trainer.fit_loop.total_batch_idx + 1
