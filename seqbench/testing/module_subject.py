"""A module with training of its own under test: how the checks build it, and train it in small runs."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import lightning.pytorch as L
import torch
from torch import Tensor, nn

from seqbench.datamodules import loading
from seqbench.models import build
from seqbench.models.context import ModuleContext
from seqbench.models.module import SequenceModule
from seqbench.protocol import registry, run_folder
from seqbench.protocol.cards import load_card
from seqbench.protocol.config import RunConfig, SingleOptions, TrainerOptions
from seqbench.protocol.record_fields import Results
from seqbench.running import attempt
from seqbench.running.callbacks.checkpoints import load_checkpoint
from seqbench.running.callbacks.stopping import Stopping
from seqbench.running.trainer import silence_lightning
from seqbench.running.training_loop import StepCallback
from seqbench.testing.architecture_subject import ArchitectureSubject
from seqbench.utils.errors import SeqbenchError

STEPS, VALIDATE_EVERY = 8, 4
"""Length of a run, and steps between its validations."""

TASKS: Mapping[str, Mapping[str, object]] = {
    "copy": {"delay": 2, "samples": 16},
    "parity-last": {"samples": 16, "probe_lengths": [], "probe_samples": 4},
    "plan": {"length": 8, "samples": 16},
}
"""Small tasks with classes at each step, one class per sequence, and values. The first one that a module accepts is
used."""


@dataclass(frozen=True)
class SmallRun:
    """A run of a module that has ended.

    Args:
        results: results of its record.
        last: all weights and buffers of its last checkpoint.
        last_step: training step of the last checkpoint.
        best: all weights and buffers of its best checkpoint.
    """

    results: Results
    last: Mapping[str, Tensor]
    last_step: int
    best: Mapping[str, Tensor]


class ModuleSubject(ArchitectureSubject):
    """A subclass of ``SequenceModule`` with its options.

    The checks of backbones use the backbone that the module builds.

    Args:
        architecture: the class.
        d_model: width of the backbone.
        options: other options of its ``__init__``.
        parameters: expected number of trainable parameters of the backbone; None where it was not declared.
        seed: seed of weights and inputs.
    """

    def __init__(
        self,
        architecture: type[SequenceModule],
        d_model: int = 16,
        options: Mapping[str, object] | None = None,
        parameters: int | None = None,
        seed: int = 0,
    ) -> None:
        self.module_class = architecture
        super().__init__(architecture, d_model, options, parameters, seed)
        self.backbone = type(self.build())
        self.inputs = ("x", "y_previous") if getattr(self.backbone, "feeds_back_output", False) else ("x",)

    def build(self, changed: Mapping[str, object] | None = None, seed: int | None = None) -> nn.Module:
        """Return the backbone of a new module, in evaluation mode.

        Args:
            changed: options that replace the subject's.
            seed: seed of its weights; None takes the subject's.
        """
        backbone = self.build_module(changed, seed).body.decoding_backbone
        assert isinstance(backbone, nn.Module)
        return backbone.eval()

    def build_module(self, changed: Mapping[str, object] | None = None, seed: int | None = None) -> SequenceModule:
        """Return a new module for the first task that it accepts.

        Args:
            changed: options that replace the subject's.
            seed: seed of its weights; None takes the subject's.

        Raises:
            SeqbenchError: the class accepts no task.
        """
        return self._build(self.config(changed, seed))

    def config(self, changed: Mapping[str, object] | None = None, seed: int | None = None) -> RunConfig:
        """Return the configuration of a small run.

        Args:
            changed: options that replace the subject's.
            seed: seed of the run; None takes the subject's.
        """
        return self._task_config(self._task, changed, seed)

    @cached_property
    def _task(self) -> str:
        """The first task that the module accepts."""
        refusals = []
        for task in TASKS:
            try:
                self._build(self._task_config(task))
            except SeqbenchError as refusal:
                refusals.append(refusal)
            else:
                return task
        raise refusals[0]

    def _task_config(
        self, task: str, changed: Mapping[str, object] | None = None, seed: int | None = None
    ) -> RunConfig:
        card = load_card(task)
        tier = card.tier("smoke")
        path = f"{self.module_class.__module__}:{self.module_class.__qualname__}"
        optim = dataclasses.replace(
            tier.optim, steps=STEPS, validate_every=VALIDATE_EVERY, batch_size=4, warmup=2, clip=1.0
        )
        return RunConfig(
            card=card,
            tier="smoke",
            arch_entry=registry.Entry(path, path, None, None, group=registry.ARCHITECTURES),
            seed=self.seed if seed is None else seed,
            arch_options={"d_model": self.d_model, **self.options, **(changed or {})},
            task_options={**card.arguments, **tier.task, **TASKS[task]},
            body=dataclasses.asdict(SingleOptions()),
            optim=optim,
            trainer=TrainerOptions(accelerator="cpu"),
            logger="none",
        )

    def _build(self, config: RunConfig) -> SequenceModule:
        data = loading.build_datamodule(config)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(config.seed)
            module = build.build_own_module(ModuleContext(config, data.spec), self.module_class)
        module.data = data
        return module

    @property
    def training_options(self) -> dict[str, object]:
        """Options of the runs: with dropout, if the class has that option, so that random numbers are drawn."""
        return {"dropout": 0.5} if self.takes_dropout else {}

    def run(self, stop_after: int | None = None, rate: float = 1.0) -> SmallRun:
        """Train a new module in a run of seqbench; with ``stop_after`` it is stopped after this step and resumed.

        Args:
            stop_after: step after which a signal stops the run.
            rate: factor of the learning rate of the card.
        """
        config = self.config(self.training_options)
        config = dataclasses.replace(config, optim=dataclasses.replace(config.optim, lr=rate * config.optim.lr))
        # A run seeds PyTorch's generator before each step; the caller's state is restored.
        keep_state = torch.random.fork_rng(devices=range(torch.cuda.device_count()))
        with keep_state, tempfile.TemporaryDirectory(prefix="seqbench-check-") as name, silence_lightning():
            folder = Path(name)
            if stop_after is not None:
                first = attempt.Attempt(config, folder, self._build(config))
                callbacks: list[L.Callback] = vars(first.trainer)["callbacks"]  # Lightning declares no type for it.
                callbacks.insert(0, _StopAfter(first.stopping, stop_after))
                first.run()
            last = attempt.Attempt(config, folder, self._build(config))
            results = last.run().record.results
            if not (folder / run_folder.BEST).is_file():
                return SmallRun(results, {}, 0, {})
            saved, best = (load_checkpoint(folder / name) for name in (run_folder.LAST, run_folder.BEST))
            return SmallRun(results, saved["state_dict"], saved["global_step"], best["state_dict"])

    @cached_property
    def first_run(self) -> SmallRun:
        """An uninterrupted run, which several checks use."""
        return self.run()

    def validate(self, weights: Mapping[str, Tensor]) -> Mapping[str, float | None]:
        """Return the validation scores of a new module with these weights and buffers.

        Args:
            weights: a state_dict of the module.
        """
        module = self._build(self.config(self.training_options))
        module.load_state_dict(weights)
        with silence_lightning():
            trainer = L.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False)
            trainer.validate(module, verbose=False)
        return module.evaluated["validation"]


class _StopAfter(StepCallback):
    """Behave as if a signal had arrived in a step."""

    def __init__(self, stopping: Stopping, step: int) -> None:
        self.stopping, self.step = stopping, step

    def on_step_end(self, trainer: L.Trainer) -> None:
        if trainer.global_step == self.step:
            self.stopping.signal = 15
