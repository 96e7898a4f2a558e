"""Download of data sets from the Hugging Face hub with the ``datasets`` library.

Rows are written in the format of the published files, compared with their checksums, and stored as files.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from seqbench.datamodules.sources import data_files
from seqbench.datamodules.sources.published_datasets import HubRepository, PublishedDataset
from seqbench.utils import atomic_files, network
from seqbench.utils.errors import NotAtHand, SeqbenchError, one_line


def hub_is_reachable() -> bool:
    """Return whether the hub answers within a second, and no environment variable sets ``datasets`` offline.

    The library itself waits 23 s if the name of the hub cannot be resolved.
    """
    if _is_set("HF_HUB_OFFLINE") or _is_set("HF_DATASETS_OFFLINE"):
        return False
    return network.is_reachable(os.environ.get("HF_ENDPOINT", "https://huggingface.co"))


def fetch_dataset(name: str, entry: PublishedDataset) -> Path:
    """Download the files of a data set if they do not exist yet, and return the data folder that contains them.

    Args:
        name: name of the data set.
        entry: files of the data set, and its repository on the hub.

    Raises:
        NotAtHand: the hub does not have the data set or denies access, or the folder is not writable.
        SeqbenchError: the files differ from the published ones.
    """
    root = data_files.fetched_folder()
    if all(data_files.existing_file(root / path) for path in entry.files.values()):
        return root
    if entry.hub is None:
        raise NotAtHand(f"'{name}' is not on a hub; copy {', '.join(entry.files.values())} into a data folder.")
    parts = _download_parts(entry, entry.hub)
    for part, data in parts.items():
        checksum = hashlib.sha256(data).hexdigest()
        if checksum != entry.sha256[part]:
            raise SeqbenchError(
                f"{Path(entry.files[part]).name} of '{name}' from the hub ({entry.hub.id}) is not the published file: "
                f"expected the SHA-256 {entry.sha256[part][:16]}…, got {checksum[:16]}…; copy the published files into "
                f"a folder and add --task.data_dir FOLDER."
            )
    try:
        for part, data in parts.items():
            atomic_files.write_bytes(root / entry.files[part].removesuffix(".gz"), data)
    except SeqbenchError as error:
        raise NotAtHand(f"{error} Set SEQBENCH_CACHE to a folder that is writable.") from error
    return root


def _download_parts(entry: PublishedDataset, hub: HubRepository) -> dict[str, bytes]:
    """Return the bytes of the published files by part, built from the rows of the hub."""
    import datasets  # Imported here, because the import takes 1.4 s.

    try:
        dataset = datasets.load_dataset(hub.id, revision=hub.revision)
        rows = {split: dataset[hub_split] for split, hub_split in hub.splits.items()}
        parts = {
            f"{split}/{suffix}" if suffix else split: "".join(template.format(**row) for row in split_rows).encode()
            for split, split_rows in rows.items()
            for suffix, template in hub.row_templates.items()
        }
    # The library raises exceptions of many other libraries, and the rows come from the hub.
    except Exception as error:
        raise NotAtHand(
            f"{hub.id} (revision {hub.revision}) could not be read from the hub: {type(error).__name__}: "
            f"{one_line(error, 300)}. Copy {', '.join(entry.files.values())} into a folder and add "
            f"--task.data_dir FOLDER."
        ) from error
    if "all" in entry.files:
        parts = {"all": b"".join(parts[split] for split in hub.splits)}
    # The last line of some published files has no line end.
    return {
        part: data[:-1] if hashlib.sha256(data[:-1]).hexdigest() == entry.sha256[part] else data
        for part, data in parts.items()
    }


def _is_set(name: str) -> bool:
    return os.environ.get(name, "").upper() in ("1", "TRUE", "YES", "ON")
