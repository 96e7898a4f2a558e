"""The complete configuration of one run: plain data, with a digest that names the run's folder."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from pydantic.dataclasses import dataclass

from seqbench.protocol.cards import Card, Optim, Tier
from seqbench.protocol.choices import BRIDGES, KEPT, model_name
from seqbench.protocol.class_outline import read_default_encoder
from seqbench.protocol.digested_data import digested_fields, plain_value, without_neutral
from seqbench.protocol.logging_options import RunLabels, WandbOptions, parse_loggers
from seqbench.protocol.record_fields import SizeMatch, Tuning
from seqbench.protocol.registry import Entry
from seqbench.protocol.search.recorded_search import find_fault
from seqbench.utils.errors import SeqbenchError, did_you_mean
from seqbench.utils.plain_data import check_plain, json_digest
from seqbench.utils.strict_model import STRICT, YamlFloat

FILE_SOURCES = ("auto", "folder", "hub")
"""Sources that read the same files of a task's data."""


PRECISION_ALIASES = {"64": "64-true", "32": "32-true", "16": "16-mixed", "bf16": "bf16-mixed"}
"""Lightning's short names of precisions, with their full names."""


@dataclass(frozen=True, config=STRICT)
class TrainerOptions:
    """Options of Lightning's Trainer that a user may set; all but precision concern devices and speed alone.

    Args:
        accelerator: cpu, gpu, or auto.
        devices: number of devices, or their indices.
        num_nodes: number of machines.
        strategy: Lightning's strategy, which distributes the work among devices.
        precision: precision of the arithmetic, such as 32-true or bf16-mixed; part of the run's digest. An alias of
            Lightning, such as 32 or bf16, is replaced by the full name.
        threads: CPU threads of one process; 0 keeps PyTorch's default.

    Raises:
        SeqbenchError: ``threads`` is negative.
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
        # One spelling for each meaning: the precision is part of the digest, and devices are counted.
        object.__setattr__(self, "precision", PRECISION_ALIASES.get(self.precision, self.precision))
        if isinstance(self.devices, str) and re.fullmatch(r"-1|\d+", self.devices.strip()):
            object.__setattr__(self, "devices", int(self.devices))

    @property
    def several(self) -> bool:
        """True if a run may have more than one process."""
        return self.devices not in (1, "1") or self.num_nodes > 1

    @property
    def processes(self) -> int:
        """Number of processes on each machine if ``devices`` is a number; otherwise 1."""
        return max(1, self.devices) if isinstance(self.devices, int) else 1


@dataclass(frozen=True, config=STRICT)
class SingleOptions:
    """Options of the body around one backbone.

    Args:
        d_embed: width of the embedding, projected to d_model if the two differ; null means d_model.
        dropout: dropout probability of the embedded inputs.
        embedding_std: standard deviation of the initial token embeddings; a small value suits many rare tokens.
        tie: whether the head has the weights of the token embedding, where inputs and outputs have one vocabulary.

    Raises:
        SeqbenchError: a value is out of range.
    """

    d_embed: int | None = None
    dropout: YamlFloat = 0.0
    embedding_std: YamlFloat = 1.0
    tie: bool = False

    def __post_init__(self) -> None:
        if self.d_embed is not None and self.d_embed < 1:
            raise SeqbenchError(f"body.d_embed must be at least 1, got {self.d_embed}.")
        if not 0 <= self.dropout < 1:
            raise SeqbenchError(f"body.dropout must be in [0, 1), got {self.dropout}.")
        if self.embedding_std <= 0:
            raise SeqbenchError(f"body.embedding_std must be a positive number, got {self.embedding_std}.")


@dataclass(frozen=True, config=STRICT)
class PairOptions(SingleOptions):
    """Options of the body that joins an encoder and a decoder.

    Args:
        d_embed: width of the embeddings, projected to d_model if the two differ; null means d_model.
        dropout: dropout probability of the embedded tokens.
        embedding_std: standard deviation of the initial token embeddings.
        tie: whether the head has the weights of the token embedding; not with an encoder.
        bridge: vector (the encoder's last output, added to every decoder input), additive or multihead (attention
            over all encoder outputs, after the decoder), cross-attention (in every layer of a decoder that offers it),
            or decoder-only (no encoder: source, separator, target in one stream). A decoder that offers
            cross-attention has it by default.
        heads: number of heads of multihead attention.

    Raises:
        SeqbenchError: a value is out of range, or the bridge is unknown.
    """

    bridge: str = "additive"
    heads: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bridge not in BRIDGES:
            raise SeqbenchError(f"body.bridge '{self.bridge}' is unknown.{did_you_mean(self.bridge, BRIDGES)}")
        if self.heads < 1:
            raise SeqbenchError(f"body.heads must be at least 1, got {self.heads}.")


@dataclass(frozen=True, config=STRICT)
class RunConfig:
    """The complete configuration of one run.

    Args:
        card: the task's card.
        tier: name of the card's tier.
        arch_entry: registry entry of the architecture, looked up once for the whole run.
        seed: seed of initialisation, training batches and dropout.
        arch_options: arguments of the backbone.
        task_options: arguments of the datamodule.
        body: options of the body around the backbone.
        optim: the optimisation.
        trainer: options of Lightning's Trainer.
        logger: names of ``protocol.choices.LOGGERS``, separated by commas.
        checksums: SHA-256 of each data file.
        published: whether these are the files of the published data set; True for generated data.
        task_standard: arguments of the datamodule without changes by the user.
        encoder_entry: registry entry of the encoder's architecture; None if there is no encoder, or if the encoder
            consists of two nets of the decoder's architecture, one for each direction.
        encoder_options: arguments of the encoder's backbone.
        keep: checkpoints that stay in the run folder, one of ``choices.KEPT``. Not part of the options or the digest.
        match_params: number of parameters for which ``d_model`` was chosen; None if it was not. Not part of the digest.
        size_match: what was asked for and chosen for ``match_params``; not part of the digest.
        tuning: selection of the learning rate (see ``sweep.planning.tuning``); not part of the digest.
        class_files: for each architecture that is given by the path of its class, the SHA-256 of each file that defines
            the class, as it was imported.
        wandb: options of the W&B run; not part of the digest.
        labels: place of the run in a sweep, for the names that loggers show; not part of the digest.

    Raises:
        SeqbenchError: a logger or ``keep`` is unknown, options of W&B are given without its logger, the seed is out of
            range, or an option is not plain data.
    """

    card: Card
    tier: str
    arch_entry: Entry
    seed: int
    # The types of these arguments are known only at run time, because their classes may belong to plug-ins.
    arch_options: Mapping[str, Any]
    task_options: Mapping[str, Any]
    body: Mapping[str, Any]
    optim: Optim
    trainer: TrainerOptions = field(default_factory=TrainerOptions)
    logger: str = "wandb"
    checksums: Mapping[str, str] = field(default_factory=dict)
    published: bool = True
    task_standard: Mapping[str, object] = field(default_factory=dict)
    encoder_entry: Entry | None = None
    encoder_options: Mapping[str, object] = field(default_factory=dict)
    keep: str = "all"
    match_params: int | None = None
    size_match: SizeMatch | None = None
    tuning: Tuning | None = None
    class_files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    wandb: WandbOptions = field(default_factory=WandbOptions)
    labels: RunLabels = field(default_factory=RunLabels)

    def __post_init__(self) -> None:
        loggers, given = self.loggers, ", ".join(f"wandb.{key}" for key in self.wandb.given())
        if given and "wandb" not in loggers:
            raise SeqbenchError(
                f"the logger is {self.logger}, so {given} would have no effect; leave the option out, or choose the "
                f"logger wandb."
            )
        if self.keep not in KEPT:
            raise SeqbenchError(f"keep must be one of {', '.join(KEPT)}, got '{self.keep}'.")
        check_plain(self.options(), "options")  # Other data have no digest.
        if not 0 <= self.seed < 2**32:
            raise SeqbenchError(f"seed must be from 0 to {2**32 - 1}, got {self.seed}.")

    @property
    def chosen(self) -> Tier:
        """The card's tier for this run."""
        return self.card.tier(self.tier)

    @property
    def arch(self) -> str:
        """Name of the architecture."""
        return self.arch_entry.name

    @property
    def encoder(self) -> str | None:
        """Name of the encoder's architecture; None if none is given."""
        return self.encoder_entry.name if self.encoder_entry else None

    @property
    def loggers(self) -> tuple[str, ...]:
        """Names of the loggers."""
        return parse_loggers(self.logger)

    @property
    def name(self) -> str:
        """Name of the run: architecture, task and seed, such as ``gru-copy-s0``."""
        return f"{self.model}-{self.card.name}-s{self.seed}"

    @property
    def encoder_is_default(self) -> bool:
        """True if the encoder is the one that the architecture declares, so that the name of a run leaves it out."""
        return self.encoder is not None and self.encoder == read_default_encoder(self.arch_entry)

    @property
    def model(self) -> str:
        """Name of the architecture; with that of its encoder unless it is the default one, or with ``decoder-only``."""
        return model_name(self.arch, None if self.encoder_is_default else self.encoder, self.body)

    def options(self) -> dict[str, Any]:
        """Return the complete configuration as nested plain data, as ``--config`` reads it."""
        return {
            "arch": {"name": self.arch, **self.arch_options},
            **({"encoder": {"name": self.encoder, **self.encoder_options}} if self.encoder else {}),
            "task": {"name": self.card.name, **self.task_options},
            "tier": self.tier,
            "seed": self.seed,
            "optim": _lists_from_tuples(dataclasses.asdict(self.optim)),
            "body": dict(self.body),
            "trainer": dataclasses.asdict(self.trainer),
            "logger": self.logger,
        }

    def options_to_repeat(self) -> dict[str, Any]:
        """Return ``options()`` and the given options of W&B, for ``config.yaml``; the record has no options of W&B."""
        given = self.wandb.given()
        return {**self.options(), **({"wandb": given} if given else {})}

    def digest(self) -> str:
        """Return the SHA-256 (hex) of everything that determines the results.

        It covers the checksums of the data, and the source of a class that is given by its path, so that edited code is
        another run. A registered architecture stands in it with its name and its distribution. It does not cover
        devices, logger or paths, nor options of the optimisation and of the body with their neutral values.
        """
        data = self.options()
        data["optim"] = digested_fields(self.optim)
        data["body"] = without_neutral("PairOptions", self.body)
        for group, entry in (("arch", self.arch_entry), ("encoder", self.encoder_entry)):
            if entry is not None:
                data[group] = {**data[group], **entry.digested()}
        for key in ("logger", "trainer"):
            del data[key]
        data["task"].pop("data_dir", None)
        if data["task"].get("source") in FILE_SOURCES:
            data["task"]["source"] = "auto"
        data["precision"] = self.trainer.precision
        data["card"] = self.card_digest()
        data["data"] = sorted((name.rpartition("/")[0], value) for name, value in self.checksums.items())
        if self.class_files:
            data["class_files"] = self.class_files
        return json_digest(plain_value(data))

    def card_digest(self) -> str:
        """Return the digest of the card's tier, with the card's recipes for the architectures of this run."""
        entries = [entry for entry in (self.arch_entry, self.encoder_entry) if entry is not None]
        return self.card.digest(self.tier, [entry.name for entry in entries])

    def folder(self, runs: Path) -> Path:
        """Return the run's folder, ``runs/<task>/<arch>/<tier>-s<seed>-<digest>``."""
        # Any name may be registered; it must not point to a folder outside of `runs`.
        arch = re.sub(r"[^A-Za-z0-9._+-]", ".", self.model).lstrip(".") or "unnamed"
        return runs / self.card.name / arch / f"{self.tier}-s{self.seed}-{self.digest()[:8]}"

    def modified(self) -> list[str]:
        """Return the dotted names of options that differ from the card, which keep a run off the leaderboards."""
        tier = self.chosen
        changed = [
            f"task.{key}"
            for key, value in sorted(self.task_options.items())
            if key != "data_dir" and _lists_from_tuples(value) != _lists_from_tuples(self.task_standard.get(key))
            if key != "source" or value not in FILE_SOURCES
        ]
        standard = dataclasses.asdict(tier.optim_for(self.arch))
        for key, value in dataclasses.asdict(self.optim).items():
            if value != standard[key] and not (key == "lr" and self._may_have_rate(value)):
                changed.append(f"optim.{key}")
        return changed + ([] if self.published else ["data"])

    def _may_have_rate(self, rate: float) -> bool:
        """Return whether a learning rate is in the card's grid, or a search that began with the grid selected it."""
        grid, tuning = self.chosen.learning_rates, self.tuning
        if rate in grid or tuning is None or tuning.search is None:
            return rate in grid
        begins_with_grid = sorted(tuning.search.grid) == sorted(grid)
        return begins_with_grid and tuning.lr == rate and not find_fault(tuning, self.card.metric.direction)


def _lists_from_tuples(value: object) -> object:
    """Return data with tuples replaced by lists at every level, as JSON and YAML store them.

    >>> _lists_from_tuples({"betas": (0.9, 0.999)})
    {'betas': [0.9, 0.999]}
    """
    if isinstance(value, Mapping):
        return {key: _lists_from_tuples(item) for key, item in value.items()}
    return [_lists_from_tuples(item) for item in value] if isinstance(value, list | tuple) else value
