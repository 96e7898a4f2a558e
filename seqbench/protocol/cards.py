"""Task cards: the frozen protocol of a task, read from YAML and checked key by key.

A card says which data, which metric, and for each tier how long, how big and how optimised a run is. Its
digest covers what changes a number (name, version, metric, the chosen tier) and leaves its prose out.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqbench.protocol import registry
from seqbench.utils.dataclass_parsing import parse_fields, require_mapping
from seqbench.utils.errors import SeqbenchError, did_you_mean, one_line
from seqbench.utils.plain_data import json_digest, read_yaml, short_repr, to_json

TIERS = ("smoke", "small", "medium", "paper")
OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
SCHEDULES = ("constant", "cosine")
MOST_STEPS = 10**12
"""More steps or sequences than this are taken for a slip of the pen."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
"""A card's name is that of its file and of a folder of runs, so it must not lead anywhere else."""
_BUILT_IN = "seqbench"
"""The package whose cards lie in a folder of their own, in the wheel and beside it in the checkout."""


@dataclass(frozen=True)
class Optim:
    """How a run is optimised: the tier's budget, which every architecture gets alike.

    Args:
        steps: optimiser steps of the whole run.
        batch_size: sequences in one global batch (rows, for a stream).
        validate_every: optimiser steps between validations; divides ``steps``.
        lr: learning rate at its highest.
        optimizer: one of adam, adamw, rmsprop, sgd.
        weight_decay: decoupled for adamw, L2 otherwise.
        betas: of adam and adamw.
        momentum: of sgd and rmsprop.
        schedule: ``constant``, or ``cosine`` down to 1 % of ``lr`` at the last step.
        warmup: steps of linear rise from 0 to ``lr``.
        clip: largest norm of the whole gradient; 0 leaves it alone.
    """

    steps: int
    batch_size: int
    validate_every: int
    lr: float
    optimizer: str = "adam"
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    momentum: float = 0.0
    schedule: str = "constant"
    warmup: int = 0
    clip: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "betas", tuple(self.betas))
        for name in ("steps", "batch_size", "validate_every"):
            if getattr(self, name) < 1:
                raise SeqbenchError(f"optim.{name} must be at least 1, got {getattr(self, name)}.")
            if getattr(self, name) > MOST_STEPS:
                raise SeqbenchError(f"optim.{name} must be at most {MOST_STEPS:.0e}, got {getattr(self, name):.0e}.")
        for name in ("weight_decay", "momentum", "warmup", "clip"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise SeqbenchError(f"optim.{name} must be a number from 0 on, got {getattr(self, name)}.")
        if not 0 < self.lr < float("inf"):
            raise SeqbenchError(f"optim.lr must be a positive number, got {self.lr}.")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
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


@dataclass(frozen=True)
class Metric:
    """The primary metric of a task: its name and whether ``max`` or ``min`` is better."""

    name: str
    direction: str

    def __post_init__(self) -> None:
        if self.direction not in ("max", "min"):
            raise SeqbenchError(f"metric.direction must be 'max' or 'min', got {short_repr(self.direction)}.")

    def better(self, a: float, b: float) -> bool:
        """Whether ``a`` is strictly better than ``b``."""
        return a > b if self.direction == "max" else a < b


@dataclass(frozen=True)
class Reference:
    """One published figure: whose, of which metric, under which setting, and where it stands.

    ``tiers`` names those whose task is the published one; empty for all.
    """

    architecture: str
    metric: str
    value: float
    setting: str
    source: str
    tiers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tier:
    """One size of a task: datamodule arguments, architecture options, optimisation and seeds.

    ``learning_rates`` is the grid that each architecture may be tuned over. ``arch`` and ``optim`` hold for
    all architectures; ``architectures`` and ``optims`` add, by name, the settings of a published recipe.
    ``deviations`` says where the tier departs from what it reproduces.
    """

    optim: Optim
    arch: Mapping[str, Any]
    task: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    architectures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    optims: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    learning_rates: tuple[float, ...] = ()
    seeds: int = 3
    deviations: tuple[str, ...] = ()


@dataclass(frozen=True)
class Card:
    """A task's protocol. ``digest(tier)`` names it in every record; see the module's docstring."""

    name: str
    version: int
    summary: str
    example: str
    datamodule: str
    metric: Metric
    citation: str
    licence: str
    tiers: Mapping[str, Tier]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    references: tuple[Reference, ...] = ()

    def tier(self, name: str) -> Tier:
        """The tier of that name.

        Raises:
            SeqbenchError: the card has no such tier.
        """
        if name not in self.tiers:
            raise SeqbenchError(f"task '{self.name}' has no tier '{name}'.{did_you_mean(name, self.tiers)}")
        return self.tiers[name]

    def digest(self, tier: str) -> str:
        """SHA-256 (hex) of name, version, metric, data, arguments and one tier; prose changes nothing."""
        chosen = dataclasses.asdict(self.tier(tier))
        del chosen["deviations"]
        return json_digest(
            {
                "name": self.name,
                "version": self.version,
                "metric": dataclasses.asdict(self.metric),
                "datamodule": self.datamodule,
                "arguments": dict(self.arguments),
                "tier": chosen,
            }
        )


def load_card(name: str) -> Card:
    """Read a task's card by its name; a name may stand for another (``char-lm`` for its default).

    Raises:
        SeqbenchError: no such task, or its card cannot be used.
    """
    entry = registry.find_entry(registry.TASKS, name)
    data = _read(_path(entry))
    if set(data) == {"alias"}:
        entry = registry.find_entry(registry.TASKS, str(data["alias"]))
        data = _read(_path(entry))
    card = parse_card(data, f"{entry.name}.yaml{entry.owner}")
    if card.name != entry.name:
        raise SeqbenchError(
            f"{entry.name}.yaml{entry.owner} cannot be used: its name is '{card.name}', but it is registered as "
            f"'{entry.name}'; give it one name."
        )
    return card


def card_summary(name: str) -> str:
    """One line on a task for a list: its card's summary, or what it stands for."""
    data = _read(_path(registry.find_entry(registry.TASKS, name)))
    return f"stands for {data['alias']}" if "alias" in data else one_line(data.get("summary", ""))


def parse_card(data: Any, where: str) -> Card:
    """Check a card's plain data and make the Card.

    Raises:
        SeqbenchError: a key is unknown or missing, a value has the wrong type, or the version is no
            positive whole number; the sentence names ``where`` and the key.
    """
    try:
        to_json(data)  # What JSON cannot hold (a date, a set, NaN) has no place in a digest.
        fields = parse_fields(Card, data, "card")
        if not _NAME.fullmatch(fields["name"]):
            raise SeqbenchError(
                f"name must be of letters, digits, dots, dashes and underscores, a letter or digit first, "
                f"got {short_repr(fields['name'])}."
            )
        if fields["version"] < 1:
            raise SeqbenchError(f"version must be a whole number from 1, got {short_repr(fields['version'])}.")
        fields["metric"] = Metric(**parse_fields(Metric, fields["metric"], "metric"))
        tiers = require_mapping(fields["tiers"], "tiers")
        for name in tiers:
            if name not in TIERS:
                raise SeqbenchError(f"tiers: '{str(name)[:60]}' is no tier.{did_you_mean(str(name)[:60], TIERS)}")
        fields["tiers"] = {name: _tier(tier, f"tiers.{name}") for name, tier in tiers.items()}
        fields["references"] = tuple(
            Reference(**parse_fields(Reference, item, "references")) for item in fields.get("references", ())
        )
        return Card(**fields)
    except SeqbenchError as error:
        raise SeqbenchError(f"{where} cannot be used: {error}") from error


def _tier(data: Any, where: str) -> Tier:
    fields = parse_fields(Tier, data, where)
    fields["optim"] = Optim(**parse_fields(Optim, fields["optim"], f"{where}.optim"))
    for kind in ("architectures", "optims"):
        for name, settings in fields.get(kind, {}).items():
            require_mapping(settings, f"{where}.{kind}.{name}")
    for name, settings in fields.get("optims", {}).items():
        known = {**dataclasses.asdict(fields["optim"]), "betas": list(fields["optim"].betas)}
        Optim(**parse_fields(Optim, {**known, **settings}, f"{where}.optims.{name}"))
    rates = fields.get("learning_rates")
    if rates and fields["optim"].lr not in rates:
        raise SeqbenchError(f"{where}.optim.lr {fields['optim'].lr} is not in its learning_rates.")
    return Tier(**fields)


def _path(entry: registry.Entry) -> Path:
    """Where an entry's card lies: in the package that it names, which is found and not imported."""
    package = entry.value.partition(":")[0]
    top, *below = package.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    # A dotted name is followed by its folders, since to find it is to import what stands above it.
    places = [Path(folder, *below) for folder in (spec.submodule_search_locations or ())] if spec else []
    if package == _BUILT_IN:
        places = [place for folder in places for place in (folder / "_data" / "tasks", folder.parent / "tasks")]
    for place in places:
        if (place / f"{entry.name}.yaml").is_file():
            return place / f"{entry.name}.yaml"
    raise SeqbenchError(
        f"task '{entry.name}'{entry.owner} has no card: looked for {entry.name}.yaml in "
        f"{', '.join(map(str, places)) or f'{package}, which is no package that is installed'}."
    )


def _read(path: Path) -> dict[str, Any]:
    data = read_yaml(path)
    return dict(require_mapping(data, str(path)))


def _nearest_divisor(steps: int, wanted: int) -> int:
    small = [d for d in range(1, math.isqrt(steps) + 1) if steps % d == 0]
    return min((*small, *(steps // d for d in small)), key=lambda d: abs(d - wanted))
