"""The options with a dot, such as ``--arch.num_layers``, without importing the classes that they belong to."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from seqbench.protocol import card_lookup, registry
from seqbench.protocol.class_outline import read_parameters
from seqbench.utils.errors import SeqbenchError

NOT_OPTIONS = ("context", "batch_size", "keys", "carry_state")
"""Parameters of architectures and datamodules that a run sets itself."""


def list_dotted_options(words: Sequence[str]) -> list[str]:
    """Return the options with a dot for the architecture and the task that a command line names.

    Args:
        words: words of the command line; only ``--arch``, ``--encoder`` and ``--task`` with their values matter.

    >>> "--arch.num_layers" in list_dotted_options(["run", "--arch", "gru", "--task", "copy"])
    True
    """
    options = [f"--{group}.{key}" for group, keys in _general_groups() for key in keys]
    for group in ("arch", "encoder"):
        for name in _values(words, f"--{group}"):
            options += _options(group, _architecture_class(name))
    for name in _values(words, "--task"):
        options += _options("task", _datamodule_class(name))
    return list(dict.fromkeys(options))


def find_dotted_options(key: str) -> list[str]:
    """Return the options that have this name after their dot, over all architectures and tasks.

    >>> find_dotted_options("num_layers")
    ['--arch.num_layers']
    """
    words = [
        *("--arch", ",".join(registry.list_entries(registry.ARCHITECTURES))),
        *("--task", ",".join(registry.list_entries(registry.TASKS))),
    ]
    return [option for option in list_dotted_options(words) if option.partition(".")[2] == key]


def _general_groups() -> Iterator[tuple[str, list[str]]]:
    from seqbench.protocol.cards import Optim  # These import pydantic, which takes a tenth of a second.
    from seqbench.protocol.config import PairOptions, TrainerOptions

    for group, options in (("optim", Optim), ("body", PairOptions), ("trainer", TrainerOptions)):
        yield group, [field.name for field in dataclasses.fields(options)]


def _values(words: Sequence[str], option: str) -> list[str]:
    """Return the names that a command line gives to an option, which may be separated by commas."""
    names: list[str] = []
    for place, word in enumerate(words):
        key, equals, value = word.partition("=")
        if key == option:
            text = value if equals else next(iter(words[place + 1 : place + 2]), "")
            names += [name for name in text.split(",") if name]
    return names


def _options(group: str, value: str) -> list[str]:
    return [f"--{group}.{key}" for key in read_parameters(value) if key not in NOT_OPTIONS]


def _architecture_class(name: str) -> str:
    try:
        return registry.find_entry(registry.ARCHITECTURES, name).value
    except SeqbenchError:
        return ""


def _datamodule_class(name: str) -> str:
    try:
        file = card_lookup.read_card_file(name)
        return registry.find_data_entry(file.entry.name, str(file.data.get("datamodule", ""))).value
    except SeqbenchError:
        return ""
