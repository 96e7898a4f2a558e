"""Data sets from the Hugging Face hub, through ``datasets``; asked only where the hub answers.

Rows are written as the published files have them, checked, and kept; from then on they are files like others.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from seqbench.datamodules.sources import data_files
from seqbench.datamodules.sources.published_datasets import HubRepository, PublishedDataset
from seqbench.utils import network
from seqbench.utils.errors import NotAtHand, SeqbenchError, one_line


def hub_is_reachable() -> bool:
    """Whether the hub answers within a second, and the user has not put ``datasets`` offline.

    ``datasets`` itself waits 23 s for a name that does not resolve.
    """
    if _flag("HF_HUB_OFFLINE") or _flag("HF_DATASETS_OFFLINE"):
        return False
    return network.url_answers(os.environ.get("HF_ENDPOINT", "https://huggingface.co"))


def fetch_dataset(name: str, entry: PublishedDataset) -> Path:
    """Get a data set's files from the hub, whole or not at all; return the data folder that holds them.

    Raises:
        SeqbenchError: the hub has it not or refuses, its rows are not the published ones, or the disk refuses.
    """
    root = data_files.fetched_folder()
    if all(data_files.existing_file(root / path) for path in entry.files.values()):
        return root
    if entry.hub is None:
        raise NotAtHand(f"no hub has '{name}'; put {', '.join(entry.files.values())} into a data folder.")
    parts = _parts(entry, entry.hub)
    for part, data in parts.items():
        found = hashlib.sha256(data).hexdigest()
        if found != entry.sha256[part]:
            raise SeqbenchError(
                f"{Path(entry.files[part]).name} of '{name}' from the hub ({entry.hub.id}) is not the published file "
                f"(its SHA-256 differs: {found[:16]}…, expected {entry.sha256[part][:16]}…); put the published "
                f"files into a folder and add --task.data_dir FOLDER instead."
            )
    try:
        _keep(root, {entry.files[part].removesuffix(".gz"): data for part, data in parts.items()})
    except OSError as error:
        raise NotAtHand(f"{root} cannot be written: {error.strerror or error}; set SEQBENCH_CACHE.") from error
    return root


def _parts(entry: PublishedDataset, hub: HubRepository) -> dict[str, bytes]:
    """The published files' bytes, by part, out of the hub's rows."""
    import datasets  # 1.4 s: only where it is needed.

    try:
        loaded = datasets.load_dataset(hub.id, revision=hub.revision)
        rows = {ours: loaded[theirs] for ours, theirs in hub.splits.items()}
        found = {
            f"{split}/{suffix}" if suffix else split: "".join(line.format(**row) for row in split_rows).encode()
            for split, split_rows in rows.items()
            for suffix, line in hub.lines.items()
        }
    # `datasets` raises errors of a dozen libraries below it.
    except Exception as error:
        raise NotAtHand(
            f"{hub.id} (revision {hub.revision}) could not be read from the hub: {type(error).__name__}: "
            f"{one_line(error, 300)}. Put {', '.join(entry.files.values())} into a folder and add "
            f"--task.data_dir FOLDER instead."
        ) from error
    if "all" in entry.files:
        found = {"all": b"".join(found[split] for split in hub.splits)}
    # Some published files end without a line end.
    return {
        part: data[:-1] if hashlib.sha256(data[:-1]).hexdigest() == entry.sha256[part] else data
        for part, data in found.items()
    }


def _keep(root: Path, contents: dict[str, bytes]) -> None:
    """Write files under the data folder, each renamed into place when it is whole."""
    root.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=root, prefix=".fetch-"))
    try:
        for number, (name, data) in enumerate(contents.items()):
            whole = work / str(number)
            with whole.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            whole.replace(root / name)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _flag(name: str) -> bool:
    return os.environ.get(name, "").upper() in ("1", "TRUE", "YES", "ON")
