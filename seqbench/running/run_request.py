"""The request of a user: the architecture, the task, and the options that the user sets.

A request comes from Python, from a YAML file, from a record or from the command line.
``run_config.resolve_config`` turns it into a complete configuration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seqbench.protocol import run_folder
from seqbench.running.parameter_matching import parse_parameter_count, parse_tolerance
from seqbench.utils import plain_data
from seqbench.utils.errors import SeqbenchError, did_you_mean
from seqbench.utils.plain_data import short_repr

Options = Mapping[str, object]
"""Options of one group by name, as plain data."""

GROUPS = ("arch", "encoder", "task", "optim", "body", "trainer", "wandb")
"""Groups of options: backbone, encoder, datamodule, optimiser, body, Trainer, and the W&B run."""

NAMED_GROUPS = ("arch", "encoder", "task")
"""Groups whose mapping also holds ``name``, the registered name of the architecture or task."""

KEYS = (*GROUPS, "tier", "seed", "logger", "match_params", "match_tolerance", "keep")


@dataclass(frozen=True)
class RunRequest:
    """The names and options that a user sets; defaults are not filled in yet.

    Args:
        arch: registered name of the architecture, or ``package.module:Class``.
        task: registered name of the task.
        encoder: registered name of the encoder's architecture; None if it is the same as ``arch``.
        tier: name of one of the card's tiers.
        seed: seed of weights, training batches and dropout.
        logger: names of ``protocol.choices.LOGGERS``, separated by commas.
        keep: checkpoints that stay after the run: ``best``, ``last``, ``none`` or ``all``.
        match_params: wanted number of trainable parameters, for which the width is chosen; None to keep
            ``arch.d_model``.
        match_tolerance: largest accepted difference from ``match_params``, as a share of it; None for the default.
        options: options of a file or of a Python call, by group (one of ``GROUPS``).
        arguments: texts of the command line by dotted name (``arch.num_layers``); they override ``options``.
        classes: the classes that were given instead of names, by group: ``arch``, ``encoder``.
    """

    arch: str
    task: str
    encoder: str | None = None
    tier: str = "small"
    seed: int = 0
    logger: str = "wandb"
    keep: str = "all"
    match_params: int | None = None
    match_tolerance: float | None = None
    options: Mapping[str, Options] = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, type] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.match_params is not None and "d_model" in self.group("arch"):
            raise SeqbenchError("match_params finds the width that arch.d_model gives; choose one of the two.")
        if self.match_tolerance is not None and self.match_params is None:
            raise SeqbenchError("match_tolerance is for match_params; give both, or leave out match_tolerance.")

    @classmethod
    def from_mapping(cls, data: Options, arguments: Sequence[str] = ()) -> RunRequest:
        """Return the request that a mapping and the words of a command line describe.

        Args:
            data: any of ``KEYS``; ``arch``, ``task`` and ``encoder`` are names, or mappings with ``name`` and options;
                the name of an architecture may be a class.
            arguments: words such as ``--arch.num_layers 2`` or ``--task.delay=30``.

        Raises:
            SeqbenchError: a key is unknown, a value is not plain data or has the wrong type, or the architecture or the
                task is missing.

        >>> request = RunRequest.from_mapping({"arch": {"name": "gru", "num_layers": 2}, "task": "copy"})
        >>> request.arch, request.task, request.options["arch"]
        ('gru', 'copy', {'num_layers': 2})
        """
        for key in data:
            if key not in KEYS:
                raise SeqbenchError(f"unknown key '{key}' in the configuration.{did_you_mean(str(key), KEYS)}")
        data, classes = _names_of_classes(data)
        plain_data.check_plain(data, "the configuration")
        groups = {group: _group_options(data.get(group), group) for group in GROUPS}
        names = {group: groups[group].pop("name", None) for group in NAMED_GROUPS}
        if groups["encoder"] and not names["encoder"]:
            raise SeqbenchError("the options of 'encoder' have no name; give encoder.name as well.")
        count, tolerance = data.get("match_params"), data.get("match_tolerance")
        return cls(
            arch=_required_name(names["arch"], "arch"),
            task=_required_name(names["task"], "task"),
            encoder=str(names["encoder"]) if names["encoder"] else None,
            tier=str(data.get("tier") or "small"),
            seed=_whole_number(data.get("seed", 0), "seed"),
            logger=str(data.get("logger", "wandb")),
            keep=str(data.get("keep", "all")),
            match_params=None if count is None else parse_parameter_count(count),
            match_tolerance=None if tolerance is None else parse_tolerance(tolerance),
            options={group: options for group, options in groups.items() if options},
            arguments=split_arguments(arguments),
            classes=classes,
        )

    def group(self, group: str) -> Options:
        """Return the options of one group, including those of the command line as texts."""
        prefix = f"{group}."
        texts = {key.removeprefix(prefix): text for key, text in self.arguments.items() if key.startswith(prefix)}
        return {**self.options.get(group, {}), **texts}


def read_options_file(path: Path) -> dict[str, object]:
    """Return the options in a YAML file, in a record, or in a run folder, for ``RunRequest.from_mapping``.

    Raises:
        SeqbenchError: the file cannot be read, or holds no options.
    """
    if path.is_dir():
        path = path / run_folder.CONFIG
    data: object = plain_data.read_yaml(path)
    if isinstance(data, Mapping) and isinstance(data.get("config"), Mapping):
        data = data["config"].get("options")
    if not isinstance(data, Mapping):
        raise SeqbenchError(f"{path} holds no options; give a run's config.yaml, its result.json, or its folder.")
    return dict(data)


def split_arguments(words: Sequence[str]) -> dict[str, str]:
    """Return the texts of dotted options by name; if an option is given twice, the last text counts.

    Raises:
        SeqbenchError: a word is not an option, or an option has no value.

    >>> split_arguments(["--arch.num_layers", "2", "--task.delay=30"])
    {'arch.num_layers': '2', 'task.delay': '30'}
    """
    texts: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        name, equals, text = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not name or name == "help":
            shown = word.partition("=")[0].strip() or "''"
            raise SeqbenchError(f"unknown option {shown}. See `seqbench run --arch A --task T --help`.")
        if not equals:
            value = next(rest, None)
            if value is None or value.startswith("--"):
                raise SeqbenchError(f"option --{name} has no value; give --{name} VALUE.")
            text = value
        texts[name] = text
    return texts


def _names_of_classes(data: Options) -> tuple[dict[str, object], dict[str, type]]:
    """Return the configuration with the paths of classes instead of the classes, and the classes by group.

    Raises:
        SeqbenchError: an architecture is an instance of a class.
    """
    named, classes = dict(data), dict[str, type]()
    for group in ("arch", "encoder"):
        value = data.get(group)
        name = value.get("name") if isinstance(value, Mapping) else value
        if isinstance(name, type):
            classes[group] = name
            path = f"{name.__module__}:{name.__qualname__}"
            named[group] = {**value, "name": path} if isinstance(value, Mapping) else path
        elif name is not None and not isinstance(name, str) and not plain_data.is_plain(name):
            raise SeqbenchError(
                f"{group} must be a name or a class, got an object of {type(name).__name__}: a run builds its net from "
                f"the seed. Give the class, {type(name).__name__}; seqbench.build also takes an object."
            )
    return named, classes


def _group_options(value: object, group: str) -> dict[str, object]:
    if isinstance(value, str) and group in NAMED_GROUPS:
        return {"name": value}
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise SeqbenchError(f"'{group}' must be a mapping of options, got {short_repr(value)}.")
    return dict(value)


def _required_name(name: object, group: str) -> str:
    if not name:
        kind = "architecture" if group == "arch" else group
        raise SeqbenchError(f"no {kind} was given; add --{group} NAME (`seqbench list` shows the names).")
    return str(name)


def _whole_number(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise SeqbenchError(f"{name} must be a whole number, got {short_repr(value)}.")
    return value
