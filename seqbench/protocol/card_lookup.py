"""The files of the cards of tasks, and one line on each task for a list; this module does not import pydantic."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seqbench.protocol import registry
from seqbench.utils.errors import SeqbenchError, one_line
from seqbench.utils.plain_data import read_yaml, require_mapping

_BUILT_IN = "seqbench"
"""The package whose cards are not beside its modules: they have a folder in the wheel and in the checkout."""


@dataclass(frozen=True)
class CardFile:
    """The plain data of a task's card, before it is validated.

    Args:
        entry: the task's entry in the registry.
        data: contents of the YAML file.
    """

    entry: registry.Entry
    data: Mapping[str, object]

    @property
    def origin(self) -> str:
        """The name of the file and its distribution, for error messages."""
        return f"{self.entry.name}.yaml{self.entry.owner}"


def read_card_file(name: str) -> CardFile:
    """Read the card file of a task; the file of a short name such as ``char-lm`` only holds the name of another task.

    Raises:
        SeqbenchError: the task is unknown, or its card cannot be read.
    """
    file = _read_card(name)
    return _read_card(str(file.data["alias"])) if set(file.data) == {"alias"} else file


def card_summary(name: str) -> str:
    """Return one line on a task for a list: the summary of its card, or the full name for a short name.

    Raises:
        SeqbenchError: the task is unknown, or its card cannot be read.
    """
    data = _read_card(name).data
    return f"stands for {data['alias']}" if "alias" in data else one_line(data.get("summary", ""))


def _read_card(name: str) -> CardFile:
    entry = registry.find_entry(registry.TASKS, name)
    path = _card_path(entry)
    return CardFile(entry, require_mapping(read_yaml(path), str(path)))


def _card_path(entry: registry.Entry) -> Path:
    """Return the path of an entry's card, in the package that the entry names; the package is not imported.

    Raises:
        SeqbenchError: there is no such file.
    """
    package = entry.value.partition(":")[0]
    top, *below = package.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    # `find_spec` of a dotted name would import its parent packages, so their folders are searched instead.
    folders = [Path(folder, *below) for folder in (spec.submodule_search_locations or ())] if spec else []
    if package == _BUILT_IN:
        folders = [place for folder in folders for place in (folder / "_data" / "tasks", folder.parent / "tasks")]
    for folder in folders:
        if (folder / f"{entry.name}.yaml").is_file():
            return folder / f"{entry.name}.yaml"
    raise SeqbenchError(
        f"task '{entry.name}'{entry.owner} has no card: looked for {entry.name}.yaml in "
        f"{', '.join(map(str, folders)) or f'{package}, which is no package that is installed'}."
    )
