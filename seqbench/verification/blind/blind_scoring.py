"""Score a net that is another process: this process has the targets, the other one the net.

The net answers a blind batch with hidden vectors. The head of the task (``models.objectives``), its metrics and the
scores of decoded sequences are computed here by the code of a run, so that the scores equal those of a run bit for bit
on the same machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from seqbench.datamodules.base import SequenceDataModule
from seqbench.models import length_scores
from seqbench.models.bodies.embedding import Embedding
from seqbench.models.contract.passes import Placement
from seqbench.models.objectives import Objective, RatioMetrics, ScoredBatch, build_objective
from seqbench.models.sample_scores import SampleScores, join_samples, score_samples
from seqbench.models.tied_head import tie_head
from seqbench.protocol.config import RunConfig
from seqbench.protocol.specs import Batch, TokenSequence
from seqbench.protocol.splits import SCORED_SPLITS
from seqbench.running import trainer
from seqbench.utils.errors import SeqbenchError, one_line
from seqbench.verification.blind.blind_batches import BlindBatch, hide_targets
from seqbench.verification.blind.score_differences import cut_targets, numerators

HEAD = "objective."
"""First part of the names of the head's weights in a checkpoint."""


class BlindNet(Protocol):
    """A net that reads blind batches; ``net_process.NetProcess`` is one."""

    def hidden_vectors(self, batch: BlindBatch, *, keep_state: bool = True) -> Tensor:
        """Return one hidden vector for each target, ``(batch, out_time, d_model)``, on the CPU.

        Args:
            batch: the inputs.
            keep_state: whether the next chunk of a stream continues from the state after this one.
        """

    def decode(self, batch: BlindBatch) -> list[list[int]]:
        """Return the tokens that the net generates for each source, without the end token."""


Observe = Callable[[str, int, Batch, Tensor], None]
"""A function that is called with each split, number of the batch, batch and hidden vectors."""


@dataclass
class BlindScores:
    """The scores of a net by split, as ``running.scoring`` reads them.

    Args:
        data: the data of the task.
        evaluated: metrics of each split; None for one that is undefined.
        decoded: decoded tokens of each sample of each split.
        samples: scores and predictions of each sample of each test split.
    """

    data: SequenceDataModule
    evaluated: dict[str, dict[str, float | None]] = field(default_factory=dict)
    decoded: dict[str, dict[int, list[int]]] = field(default_factory=dict)
    samples: dict[str, SampleScores] = field(default_factory=dict)


class Head:
    """The head and the metrics of a task, with the weights of a checkpoint, on the device of the scores.

    Args:
        config: configuration of the run, which states width, device and precision.
        data: data of the task.
        weights: all weights of the checkpoint by name.
        own_head: whether the architecture brings the head, so that the net answers with its outputs.

    Raises:
        SeqbenchError: the weights of the head are not those of the task.
    """

    def __init__(
        self, config: RunConfig, data: SequenceDataModule, weights: Mapping[str, Tensor], own_head: bool = False
    ) -> None:
        self.spec = data.spec
        d_model = int(config.arch_options["d_model"])
        self.objective: Objective = build_objective(data.spec, d_model)
        with trainer.silence_lightning():
            engine = trainer.build_trainer(config, Path(), [], None)
        self.precision, self.device = engine.precision_plugin, engine.strategy.root_device
        self.autocast = Placement(self.device, context=self.precision.forward_context).autocast_dtype()
        if own_head:
            self.objective.head, weights = nn.Identity(), {}
        elif config.body.get("tie"):
            # Hidden vectors are those of the body, so that the head needs the table of the embedding alone.
            tie_head(Embedding(data.spec.input, d_model, config.body.get("d_embed")), self.objective)
        self.precision.convert_module(self.objective)
        own = {name.removeprefix(HEAD): value for name, value in weights.items() if name.startswith(HEAD)}
        try:
            self.objective.load_state_dict(own)
        except RuntimeError as error:
            raise SeqbenchError(
                f"the head in the checkpoint is not that of the task: {one_line(error, 300)}"
            ) from error
        self.objective.to(self.device).eval()

    def new_metrics(self) -> RatioMetrics:
        """Return new metrics for one split."""
        return self.objective.build_metrics().to(self.device)

    def update(self, metrics: RatioMetrics, hidden: Tensor, batch: Batch) -> ScoredBatch:
        """Add a batch to the metrics of its split, and return the scores of its targets.

        Args:
            metrics: the metrics.
            hidden: ``(batch, out_time, d_model)``, from the net.
            batch: the batch with its targets.
        """
        with torch.inference_mode(), self.precision.test_step_context():
            placed: Batch = self.precision.convert_input(batch)
            return self.objective.update_metrics(metrics, hidden.to(self.device), placed.to(self.device))

    def numerators(self, hidden: Tensor, batch: Batch) -> dict[str, float]:
        """Return the numerator of each metric over the first targets of a batch with one row.

        Args:
            hidden: ``(time, d_model)``, from the net; only the targets of these steps are scored.
            batch: the row with its targets.
        """
        with torch.inference_mode(), self.precision.test_step_context():
            placed: Batch = self.precision.convert_input(cut_targets(batch, len(hidden)))
            scored = self.objective.score_batch(hidden[None].to(self.device), placed.to(self.device))
            return numerators(scored.sums())

    def outputs(self, hidden: Tensor) -> Tensor:
        """Return the outputs of the head, ``(batch, out_time, width)``, on the CPU.

        Args:
            hidden: ``(batch, out_time, d_model)``, from the net.
        """
        with torch.inference_mode(), self.precision.test_step_context():
            head: Tensor = self.objective.head(hidden.to(self.device))
            return head.cpu()

    def predict(self, hidden: Tensor) -> Tensor:
        """Return the outputs that a net feeds back, as ``Objective.predict``, on the CPU."""
        with torch.inference_mode(), self.precision.test_step_context():
            return self.objective.predict(hidden.to(self.device)).cpu()


@dataclass
class BlindScorer:
    """Scores of a net on the splits of a task.

    Args:
        net: the net.
        head: head of the task, with the weights of the checkpoint.
        data: data of the task.
        feeds_back_output: whether the net reads its own previous outputs.
    """

    net: BlindNet
    head: Head
    data: SequenceDataModule
    feeds_back_output: bool = False

    def score(self, splits: Sequence[str], observe: Observe | None = None) -> BlindScores:
        """Return the scores of some splits.

        All splits are decoded before the decoder reads a target under teacher forcing: a net could keep such targets
        and give them as its own translation.

        Args:
            splits: evaluation splits: ``validation``, ``test``, and the splits of the probes.
            observe: function that is called with each batch and its hidden vectors.

        Raises:
            SeqbenchError: the net failed.
        """
        scores = BlindScores(self.data)
        if isinstance(self.data.spec.output, TokenSequence):
            for split in splits:
                scores.decoded[split] = self._decode(split)
        for split in splits:
            decoded = scores.decoded.get(split)
            scores.evaluated[split], samples = self._score_targets(split, decoded, observe)
            # As in a run, only the samples of test splits are kept.
            scores.samples |= {split: samples} if samples and split not in self.data.splits("validation") else {}
            if split in scores.decoded:
                scores.evaluated[split] |= self.data.score_decoded(split, scores.decoded[split])
        for stage in SCORED_SPLITS:
            over_lengths = length_scores.scores_over_lengths(self.data, stage, scores.evaluated)
            if over_lengths:
                scores.evaluated[stage] |= over_lengths
        return scores

    def _decode(self, split: str) -> dict[int, list[int]]:
        """Return the decoded tokens of each sample of a split."""
        decoded: dict[int, list[int]] = {}
        for step in range(self.data.steps(split)):
            batch = self.data.stream(split, step)
            tokens = self.net.decode(hide_targets(batch, self.data.spec).without_targets())
            decoded.update(zip(batch.index.tolist(), tokens, strict=True))
        return decoded

    def _score_targets(
        self, split: str, decoded: Mapping[int, list[int]] | None, observe: Observe | None
    ) -> tuple[dict[str, float | None], SampleScores | None]:
        """Return the metrics of a split whose targets are compared one by one, and the scores of its samples."""
        metrics, samples = self.head.new_metrics(), []
        for step in range(self.data.steps(split)):
            batch = self.data.stream(split, step)
            hidden = self.net.hidden_vectors(hide_targets(batch, self.data.spec, self.feeds_back_output))
            scored = self.head.update(metrics, hidden, batch)
            tokens = None if decoded is None else [decoded[index] for index in batch.index.tolist()]
            samples.append(score_samples(batch, scored, step if self.data.streaming else None, tokens))
            if observe is not None:
                observe(split, step, batch, hidden)
        return metrics.values(), join_samples(samples)
