"""Probe the module before training and before the test, so that no run of a backbone that looks ahead has a score."""

from __future__ import annotations

import lightning.pytorch as L

from seqbench.models.contract import module_probe
from seqbench.models.contract.causality import LooksAheadError
from seqbench.models.module import SequenceModule
from seqbench.protocol.record_fields import Causality


class CausalityProbe(L.Callback):
    """Probe the module at the start of training, and again with the weights that are tested.

    A leak may be zero until it is trained, such as that of a gate whose initial value is 0.

    Attributes:
        result: result of the last probe; None before the first one.
    """

    def __init__(self) -> None:
        self.result: Causality | None = None

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Probe the module with its initial weights.

        Raises:
            SeqbenchError: an output depends on later inputs or on padding, or the backbone returns a wrong value.
        """
        self._probe(trainer, pl_module, trained=False)

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Probe the module with the weights that are tested.

        Raises:
            SeqbenchError: an output depends on later inputs or on padding.
        """
        self._probe(trainer, pl_module, trained=True)

    def _probe(self, trainer: L.Trainer, module: L.LightningModule, trained: bool) -> None:
        assert isinstance(module, SequenceModule)
        try:
            self.result = module_probe.probe_module(module, trainer, trained)
        except LooksAheadError as error:
            self.result = error.result
            raise
        module.causality = self.result
