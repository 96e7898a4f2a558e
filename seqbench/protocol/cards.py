"""Task cards: the fixed protocol of a task, read from YAML and validated key by key.

A card states the data, the metric and, for each tier, the size of the model and the optimisation. Its digest covers all
fields that change results (name, version, metric, data, the chosen tier), but not its descriptions. A new optional key
changes no digest while it has its neutral value (see ``digested_data``).
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Collection
from dataclasses import field
from typing import Annotated, Literal

from pydantic import GetPydanticSchema
from pydantic.dataclasses import dataclass
from pydantic_core import core_schema

from seqbench.protocol import registry
from seqbench.protocol.card_lookup import read_card_file
from seqbench.protocol.choices import OPTIMIZERS, SCHEDULES, TIERS
from seqbench.protocol.digested_data import digested_fields, plain_value, without_neutral
from seqbench.protocol.search.search_rule import check_rungs
from seqbench.utils.errors import SeqbenchError, did_you_mean
from seqbench.utils.plain_data import json_digest, short_repr
from seqbench.utils.strict_model import STRICT, PlainMapping, YamlFloat, validate

MOST_STEPS = 10**12
"""Largest accepted number of steps or sequences; a larger number is taken for a mistake."""
TierName = Annotated[str, GetPydanticSchema(lambda source, handler: core_schema.literal_schema(list(TIERS)))]
"""One of ``TIERS``."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
"""A card's name is the name of its file and of a folder of runs, so it must not point to another folder."""


@dataclass(frozen=True, config=STRICT)
class Optim:
    """Optimisation of a run; every architecture has the same budget.

    Args:
        steps: training steps of the whole run.
        batch_size: sequences in one global batch (rows, for a stream).
        validate_every: training steps between validations; divides ``steps``.
        lr: highest learning rate.
        optimizer: one of adam, adamw, rmsprop, sgd.
        weight_decay: decoupled for adamw, L2 otherwise.
        betas: betas of adam and adamw.
        momentum: momentum of sgd and rmsprop.
        schedule: ``constant``; ``cosine`` down to 1 % of ``lr`` at the last step; or ``plateau``, which divides it by
            10 at each validation whose score is worse than the three before it.
        warmup: steps of linear rise from 0 to ``lr``; at most ``steps``. If ``steps`` alone is given, the warm-up keeps
            the card's share of the steps.
        clip: largest norm of the whole gradient; 0 does not clip.
        hold: first validations of ``plateau``, none of which divides the rate.

    Raises:
        SeqbenchError: a value is out of range.
    """

    steps: int
    batch_size: int
    validate_every: int
    lr: YamlFloat
    optimizer: str = "adam"
    weight_decay: YamlFloat = 0.0
    betas: tuple[YamlFloat, YamlFloat] = (0.9, 0.999)
    momentum: YamlFloat = 0.0
    schedule: str = "constant"
    warmup: int = 0
    clip: YamlFloat = 0.0
    hold: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "validate_every"):
            if getattr(self, name) < 1:
                raise SeqbenchError(f"optim.{name} must be at least 1, got {getattr(self, name)}.")
            if getattr(self, name) > MOST_STEPS:
                raise SeqbenchError(f"optim.{name} must be at most {MOST_STEPS:.0e}, got {getattr(self, name):.0e}.")
        for name in ("weight_decay", "momentum", "warmup", "clip", "hold"):
            if getattr(self, name) < 0:
                raise SeqbenchError(f"optim.{name} must be a number from 0 on, got {getattr(self, name)}.")
        if self.lr <= 0:
            raise SeqbenchError(f"optim.lr must be a positive number, got {self.lr}.")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise SeqbenchError(f"optim.betas must be two numbers in [0, 1), got {list(self.betas)}.")
        for name, known in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
            if getattr(self, name) not in known:
                value = str(getattr(self, name))[:60]
                raise SeqbenchError(f"optim.{name} '{value}' is unknown.{did_you_mean(value, known)}")
        if self.steps % self.validate_every:
            raise SeqbenchError(
                f"optim.validate_every ({self.validate_every}) must divide optim.steps ({self.steps}), so that "
                f"the last step is validated; try {_nearest_divisor(self.steps, self.validate_every)}."
            )
        if self.warmup > self.steps:
            raise SeqbenchError(
                f"optim.warmup ({self.warmup}) must be at most optim.steps ({self.steps}), so that the learning rate "
                f"reaches optim.lr; give a smaller optim.warmup, or leave it out."
            )

    def warmup_of(self, steps: int) -> int:
        """Return the warm-up of a training with another number of steps: the same share of them.

        >>> Optim(steps=2000, batch_size=8, validate_every=200, lr=1e-3, warmup=200).warmup_of(100)
        10
        """
        return round(self.warmup * steps / self.steps)


@dataclass(frozen=True, config=STRICT)
class Metric:
    """The primary metric of a task.

    Args:
        name: name of the metric.
        direction: ``max`` if higher scores are better, ``min`` if lower scores are better.
        selection: validation metric by which weights and learning rates are chosen, of the same direction; empty for
            the metric itself.
    """

    name: str
    direction: Literal["max", "min"]
    selection: str = ""

    @property
    def selected_by(self) -> str:
        """Name of the validation metric by which weights and learning rates are chosen."""
        return self.selection or self.name

    def of_split(self, split: str) -> str:
        """Return the name of the metric by which runs are compared on a split."""
        return self.selected_by if split == "validation" else self.name

    def better(self, a: float, b: float) -> bool:
        """Return whether ``a`` is strictly better than ``b``.

        >>> Metric("loss", "min").better(0.5, 0.7)
        True
        """
        return a > b if self.direction == "max" else a < b


@dataclass(frozen=True, config=STRICT)
class Reference:
    """One published score.

    Args:
        architecture: name of the architecture in seqbench.
        metric: name of the metric in seqbench.
        value: the published score.
        setting: the setting under which it was published.
        source: the publication.
        tiers: tiers whose task is the published one; empty for all tiers.
    """

    architecture: str
    metric: str
    value: YamlFloat
    setting: str
    source: str
    tiers: tuple[str, ...] = ()


@dataclass(frozen=True, config=STRICT)
class Tier:
    """One size of a task.

    Args:
        optim: the optimisation, for all architectures.
        arch: options of the backbone, for all architectures that have them.
        task: arguments of the datamodule.
        body: options of the body.
        architectures: further options of the backbone by name of the architecture, such as those of a published recipe.
        optims: changes of ``optim`` by name of the architecture.
        learning_rates: the grid over which every architecture may be tuned.
        rungs: stages of the search of the rate, each as [share of the steps, number of rates that enter it]; empty for
            ``search_rule.DEFAULT_RUNGS``.
        tuned: values of further options (``arch.dropout``) that are tuned at the best rate, by dotted name, for every
            architecture that has the option.
        seeds: number of seeds.
        deviations: differences between the tier and the publication that it reproduces.
    """

    optim: Optim
    arch: PlainMapping
    task: PlainMapping = field(default_factory=dict)
    body: PlainMapping = field(default_factory=dict)
    architectures: dict[str, PlainMapping] = field(default_factory=dict)
    optims: dict[str, PlainMapping] = field(default_factory=dict)
    learning_rates: tuple[YamlFloat, ...] = ()
    rungs: tuple[tuple[YamlFloat, int], ...] = ()
    tuned: dict[str, tuple[YamlFloat, ...]] = field(default_factory=dict)
    seeds: int = 3
    deviations: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.rungs:
            check_rungs(self.rungs, "rungs")
        for name, values in self.tuned.items():
            if not re.fullmatch(r"(arch|body)\.\w+", name) or not values:
                raise SeqbenchError(f"tuned takes values by options such as arch.dropout, got {name}: {list(values)}.")
            if not self.learning_rates:
                raise SeqbenchError(f"tuned.{name} has no effect without learning_rates; state a grid of rates.")

    def optim_for(self, architecture: str) -> Optim:
        """Return the optimisation of an architecture: that of the tier, with the changes for this architecture.

        Raises:
            SeqbenchError: a change has an unknown key, or a value cannot be used.
        """
        changes = self.optims.get(architecture, {})
        return validate(Optim, {**dataclasses.asdict(self.optim), **changes}, f"optims.{architecture}")

    def digested(self, architectures: Collection[str] = ()) -> dict[str, object]:
        """Return the part of the tier that digests hold; changes of the optimisation are those that have an effect.

        Args:
            architectures: the architectures whose own recipes count; a recipe for another one changes no digest.
        """
        own = digested_fields(self.optim)
        others = {name: digested_fields(self.optim_for(name)) for name in self.optims if name in architectures}
        changed = {name: optim for name, optim in others.items() if optim != own}
        recipes = {name: plain_value(dict(self.architectures.get(name, {}))) for name in architectures}
        parts = {
            "body": without_neutral("PairOptions", self.body),
            "optim": own,
            "optims": changed,
            "architectures": {name: options for name, options in recipes.items() if options},
        }
        return without_neutral("Tier", {**digested_fields(self), **parts})


@dataclass(frozen=True, config=STRICT)
class Card:
    """A task's protocol.

    Args:
        name: name of the task, of its file and of its folder of runs.
        version: version of the protocol, from 1.
        summary: summary of the task in one sentence.
        example: a drawn example.
        datamodule: name of a registered kind of data, such as ``copying``; or import path of the datamodule of a
            plug-in, ``package.module:Class``.
        metric: the primary metric.
        citation: publication of the task.
        licence: licence of the data.
        tiers: tiers by name; the names are in ``TIERS``.
        arguments: arguments of the datamodule, for all tiers.
        references: published scores.
        description: what the task shows, and how it is scored, in a few sentences.
        ranges: lowest and highest possible value of metrics of the task's own, by name; null for no limit.
        secondary: further test metrics that boards show beside the primary one, if a board names no others.
        limits: what a score on this task does not say, in one sentence.

    Raises:
        SeqbenchError: the name, the version, a range or a tier cannot be used.
    """

    name: str
    version: int
    summary: str
    example: str
    datamodule: str
    metric: Metric
    citation: str
    licence: str
    tiers: dict[TierName, Tier]
    arguments: PlainMapping = field(default_factory=dict)
    references: tuple[Reference, ...] = ()
    description: str = ""
    ranges: dict[str, tuple[YamlFloat | None, YamlFloat | None]] = field(default_factory=dict)
    secondary: tuple[str, ...] = ()
    limits: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise SeqbenchError(
                f"name must be of letters, digits, dots, dashes and underscores, a letter or digit first, "
                f"got {short_repr(self.name)}."
            )
        if self.version < 1:
            raise SeqbenchError(f"version must be a whole number from 1, got {short_repr(self.version)}.")
        for metric, (lowest, highest) in self.ranges.items():
            if lowest is not None and highest is not None and lowest > highest:
                raise SeqbenchError(f"ranges.{metric} must be [lowest, highest], got [{lowest:g}, {highest:g}].")
        for name, tier in self.tiers.items():
            for architecture in tier.optims:
                tier.optim_for(architecture)
            if tier.learning_rates and tier.optim.lr not in tier.learning_rates:
                raise SeqbenchError(f"tiers.{name}.optim.lr {tier.optim.lr} is not in its learning_rates.")

    def tier(self, name: str) -> Tier:
        """Return a tier by its name.

        Raises:
            SeqbenchError: the card has no such tier.
        """
        for own, tier in self.tiers.items():
            if own == name:
                return tier
        known = [tier for tier in TIERS if tier in self.tiers]
        raise SeqbenchError(f"task '{self.name}' has no tier '{name}'.{did_you_mean(name, known)}")

    def digest(self, tier: str, architectures: Collection[str] = ()) -> str:
        """Return the SHA-256 (hex) of name, version, metric, data, arguments and one tier, without descriptions.

        A record holds the digest for the architectures of its run, so that a recipe for another architecture changes no
        record. A registered kind of data stands in it with its name and its distribution, and not with the path of its
        class. Arguments for all tiers count as those of the tier.

        Args:
            tier: name of the tier.
            architectures: the architectures whose own recipes count.

        Raises:
            SeqbenchError: the card has no such tier, or its kind of data is unknown.
        """
        chosen = self.tier(tier)
        fields = digested_fields(self)
        fields = {name: value for name, value in fields.items() if name not in ("tiers", "arguments")}
        kind = None if ":" in self.datamodule else registry.find_data_entry(self.name, self.datamodule).digested()
        return json_digest(
            {
                **fields,
                "metric": digested_fields(self.metric),
                "datamodule": kind or self.datamodule,
                "tier": {**chosen.digested(architectures), "task": plain_value({**self.arguments, **chosen.task})},
            }
        )


def load_card(name: str) -> Card:
    """Read a task's card by its name; a short name may stand for another task (``char-lm``).

    >>> load_card("copy").metric.name
    'accuracy'

    Raises:
        SeqbenchError: the task is unknown, or its card cannot be used.
    """
    file = read_card_file(name)
    card = parse_card(file.data, file.origin)
    if card.name != file.entry.name:
        raise SeqbenchError(
            f"{file.origin} cannot be used: its name is '{card.name}', but it is registered as "
            f"'{file.entry.name}'; give it one name."
        )
    return card


def parse_card(data: object, origin: str) -> Card:
    """Build a card from its plain data.

    Raises:
        SeqbenchError: a key is unknown or missing, a value has the wrong type, or the version is not a positive whole
            number; the message names ``origin`` and the key.
    """
    try:
        return validate(Card, data)
    except SeqbenchError as error:
        raise SeqbenchError(f"{origin} cannot be used: {error}") from error


def _nearest_divisor(number: int, wanted: int) -> int:
    """Return the divisor of a number that is nearest to the wanted one.

    >>> _nearest_divisor(120, 45)
    40
    """
    small = [d for d in range(1, math.isqrt(number) + 1) if number % d == 0]
    return min((*small, *(number // d for d in small)), key=lambda d: abs(d - wanted))
