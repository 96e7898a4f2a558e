"""The training loop of a run, which counts batches.

Lightning counts steps of optimisers. A module with two optimisers would then end after half of the batches, and one
that solves its weights in closed form would never end. In a run, a step is a training batch: the position of the
training loader, ``max_steps``, checkpoints, the curve and messages all follow ``trainer.global_step``, which this loop
defines.
"""

from __future__ import annotations

from abc import abstractmethod

import lightning.pytorch as L
from lightning.pytorch.loops.fetchers import _DataFetcher
from lightning.pytorch.loops.training_epoch_loop import _TrainingEpochLoop

from seqbench.protocol.batches import trained_batches


class StepCallback(L.Callback):
    """A callback that is called once more after each step, when all hooks of the batch have run."""

    @abstractmethod
    def on_step_end(self, trainer: L.Trainer) -> None:
        """Act after the ``on_train_batch_end`` of all callbacks and of the module, and before a validation.

        A checkpoint that is saved here holds what these hooks have changed, such as averaged weights.
        """


class StepLoop(_TrainingEpochLoop):
    """Lightning's training loop with the number of training batches as ``global_step``."""

    @property
    def global_step(self) -> int:
        """The number of batches that the module was trained on, however often its optimisers have stepped."""
        return trained_batches(self.trainer)

    def on_advance_end(self, data_fetcher: _DataFetcher) -> None:
        """Call the ``on_step_end`` of the callbacks, and then validate if a validation is due."""
        # This count names the step in the loggers, and Lightning raises it after the validation. A run that is resumed
        # after this step continues behind that point.
        self._batches_that_stepped += 1
        try:
            for callback in self.trainer.callbacks:
                if isinstance(callback, StepCallback):
                    callback.on_step_end(self.trainer)
        finally:
            self._batches_that_stepped -= 1
        super().on_advance_end(data_fetcher)


def count_batches(trainer: L.Trainer) -> None:
    """Let a Trainer count training batches as its steps."""
    loop = trainer.fit_loop.epoch_loop
    trainer.fit_loop.epoch_loop = StepLoop(trainer, loop.min_steps, loop.max_steps)
