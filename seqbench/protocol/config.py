"""The resolved configuration of one run: plain data, and what it is called on disk."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqbench.protocol.cards import Card, Optim, Tier
from seqbench.utils.errors import SeqbenchError, did_you_mean
from seqbench.utils.plain_data import json_digest, to_json

LOGGERS = ("wandb", "csv", "none")
FILES = ("auto", "folder", "hub")
"""Sources that give the same files, wherever they lie."""

DECODER_ONLY = "decoder-only"
BRIDGES = ("vector", "additive", "multihead", DECODER_ONLY)


@dataclass(frozen=True)
class TrainerOptions:
    """What of Lightning's Trainer is the user's choice: where and how fast a run runs, never what it computes.

    Args:
        accelerator: cpu, gpu, or auto.
        devices: how many devices, or which.
        num_nodes: how many machines.
        strategy: how devices share the work.
        precision: of the arithmetic; other than 32-true it is part of the run's digest.
        threads: CPU threads of one process; 0 leaves PyTorch's choice.
    """

    accelerator: str = "auto"
    devices: int | str = 1
    num_nodes: int = 1
    strategy: str = "auto"
    precision: str = "32-true"
    threads: int = 0

    def __post_init__(self) -> None:
        if self.threads < 0:
            raise SeqbenchError(f"trainer.threads must not be negative, got {self.threads}.")

    @property
    def several(self) -> bool:
        """Whether more than one process may share a run."""
        return self.devices not in (1, "1") or self.num_nodes > 1

    @property
    def processes(self) -> int:
        """Processes on each machine, as far as a number says so; else 1."""
        return max(1, self.devices) if isinstance(self.devices, int) else 1


@dataclass(frozen=True)
class SingleOptions:
    """What surrounds one backbone.

    Args:
        d_embed: width of the embedding, projected to d_model where they differ; null means d_model.
        dropout: probability on the embedded inputs.
        embedding_std: standard deviation that the embeddings of tokens are drawn with; small where tokens are many
            and seldom.
    """

    d_embed: int | None = None
    dropout: float = 0.0
    embedding_std: float = 1.0

    def __post_init__(self) -> None:
        if self.d_embed is not None and self.d_embed < 1:
            raise SeqbenchError(f"body.d_embed must be at least 1, got {self.d_embed}.")
        if not 0 <= self.dropout < 1:
            raise SeqbenchError(f"body.dropout must be in [0, 1), got {self.dropout}.")
        if not 0 < self.embedding_std < float("inf"):
            raise SeqbenchError(f"body.embedding_std must be a positive number, got {self.embedding_std}.")


@dataclass(frozen=True)
class PairOptions(SingleOptions):
    """What joins an encoder and a decoder.

    Args:
        d_embed: width of the embeddings, projected to d_model where they differ; null means d_model.
        dropout: probability on the embedded tokens.
        embedding_std: standard deviation that the embeddings are drawn with.
        bridge: vector (the encoder's end, added to every decoder input), additive or multihead (attention
            over all encoder outputs), or decoder-only (no encoder: source, separator, target in one stream).
        heads: of multihead attention.
    """

    bridge: str = "additive"
    heads: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bridge not in BRIDGES:
            raise SeqbenchError(f"body.bridge '{self.bridge}' is unknown.{did_you_mean(str(self.bridge), BRIDGES)}")
        if self.heads < 1:
            raise SeqbenchError(f"body.heads must be at least 1, got {self.heads}.")


@dataclass(frozen=True)
class RunConfig:
    """All that one run is made of, resolved: no default is left open.

    Args:
        card: the task's card.
        tier: name of the card's tier.
        arch: name of the architecture.
        seed: keys initialisation, training batches and dropout.
        arch_options: the backbone's arguments.
        task_options: the datamodule's arguments.
        task_standard: the same as they are where the user changes nothing.
        body: options of the body around the backbone.
        optim: the optimisation.
        trainer: where it runs.
        logger: ``wandb``, ``csv`` or ``none``.
        checksums: SHA-256 of the data's files.
        published: whether those are the published data set's (true for generated tasks).
        encoder: name of the encoder's architecture; None where there is none, or it is as ``arch``.
        encoder_options: its backbone's arguments.
        match_params: the number of parameters that ``d_model`` was found for, if it was; no part of the digest.
        tuning: how the learning rate was chosen (see ``sweep.planning.tuning``), if it was; no part of the digest.
    """

    card: Card
    tier: str
    arch: str
    seed: int
    arch_options: Mapping[str, Any]
    task_options: Mapping[str, Any]
    body: Mapping[str, Any]
    optim: Optim
    trainer: TrainerOptions = field(default_factory=TrainerOptions)
    logger: str = "wandb"
    checksums: Mapping[str, str] = field(default_factory=dict)
    published: bool = True
    task_standard: Mapping[str, Any] = field(default_factory=dict)
    encoder: str | None = None
    encoder_options: Mapping[str, Any] = field(default_factory=dict)
    match_params: int | None = None
    tuning: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.logger not in LOGGERS:
            raise SeqbenchError(f"unknown logger '{self.logger}'.{did_you_mean(self.logger, LOGGERS)}")
        to_json(self.options())  # What is no plain data (an infinity, an object) has no digest.
        if not 0 <= self.seed < 2**32:
            raise SeqbenchError(f"seed must be from 0 to {2**32 - 1}, got {self.seed}.")

    @property
    def chosen(self) -> Tier:
        """The card's tier."""
        return self.card.tier(self.tier)

    @property
    def name(self) -> str:
        """``arch-task-sSEED``."""
        return f"{self.model}-{self.card.name}-s{self.seed}"

    @property
    def model(self) -> str:
        """The architecture's name, with its encoder's where that is another."""
        return self.arch if self.encoder is None else f"{self.arch}+{self.encoder}"

    def options(self) -> dict[str, Any]:
        """The configuration as ``--config`` reads it: nested, plain, complete."""
        return {
            "arch": {"name": self.arch, **self.arch_options},
            **({"encoder": {"name": self.encoder, **self.encoder_options}} if self.encoder else {}),
            "task": {"name": self.card.name, **self.task_options},
            "tier": self.tier,
            "seed": self.seed,
            "optim": _plain(dataclasses.asdict(self.optim)),
            "body": dict(self.body),
            "trainer": dataclasses.asdict(self.trainer),
            "logger": self.logger,
        }

    def digest(self) -> str:
        """SHA-256 (hex) of what decides the results: no devices, no logger, no paths, but the data's checksums."""
        data = self.options()
        for key in ("logger", "trainer"):
            del data[key]
        data["task"].pop("data_dir", None)
        # Where files were found does not matter, only which they are.
        if data["task"].get("source") in FILES:
            data["task"]["source"] = "auto"
        data["precision"] = self.trainer.precision
        data["card"] = self.card.digest(self.tier)
        data["data"] = sorted((name.rpartition("/")[0], value) for name, value in self.checksums.items())
        return json_digest(_plain(data))

    def folder(self, runs: Path) -> Path:
        """``runs/<task>/<arch>/<tier>-s<seed>-<digest>``."""
        # A stranger may have registered any name; it must not lead out of the folder.
        arch = re.sub(r"[^A-Za-z0-9._+-]", ".", self.model).lstrip(".") or "unnamed"
        return runs / self.card.name / arch / f"{self.tier}-s{self.seed}-{self.digest()[:8]}"

    def modified(self) -> list[str]:
        """Dotted names of what departs from the card, which keeps a run off the boards; empty for none."""
        tier = self.chosen
        changed = [
            f"task.{key}"
            for key, value in sorted(self.task_options.items())
            if key != "data_dir" and _plain(value) != _plain(self.task_standard.get(key))
            if key != "source" or value not in FILES
        ]
        standard = dataclasses.replace(tier.optim, **tier.optims.get(self.arch, {}))
        for key in (f.name for f in dataclasses.fields(Optim)):
            value = getattr(self.optim, key)
            if value != getattr(standard, key) and not (key == "lr" and value in tier.learning_rates):
                changed.append(f"optim.{key}")
        return changed + ([] if self.published else ["data"])


def _plain(value: Any) -> Any:
    """Tuples as lists, all the way down: what JSON and YAML would give back."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
