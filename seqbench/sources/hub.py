"""Texts from the Hugging Face hub, through ``datasets``; asked only where the hub answers."""

from __future__ import annotations

import os

from seqbench import network
from seqbench.errors import SeqbenchError
from seqbench.sources.table import Dataset


def reachable() -> bool:
    """Whether the hub answers within a second, and the user has not put ``datasets`` offline.

    ``datasets`` itself waits 23 s for a name that does not resolve.
    """
    if _flag("HF_HUB_OFFLINE") or _flag("HF_DATASETS_OFFLINE"):
        return False
    return network.answers(os.environ.get("HF_ENDPOINT", "https://huggingface.co"))


def read_text(entry: Dataset) -> dict[str, str]:
    """The three splits' texts, each row written as the published file has it.

    Raises:
        SeqbenchError: the hub refuses, or the repository is not as the table says.
    """
    import datasets  # 1.4 s: only where it is needed.

    try:
        loaded = datasets.load_dataset(entry.hub, revision=entry.revision)
        return {
            ours: "".join(entry.line.format(row) for row in loaded[theirs][entry.column])
            for ours, theirs in entry.hub_splits.items()
        }
    # `datasets` raises errors of a dozen libraries below it.
    except Exception as error:
        raise SeqbenchError(
            f"{entry.hub} (revision {entry.revision}) could not be read from the hub: {type(error).__name__}: "
            f"{' '.join(str(error).split())[:300]}. Put {', '.join(entry.files.values())} into a folder and add "
            f"--task.data_dir FOLDER instead."
        ) from error


def _flag(name: str) -> bool:
    return os.environ.get(name, "").upper() in ("1", "TRUE", "YES", "ON")
