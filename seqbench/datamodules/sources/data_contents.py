"""Contents of located data: bytes and checksums of each part, compared with the published checksums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from seqbench.datamodules.sources import data_files, hub_download, published_datasets
from seqbench.datamodules.sources.data_location import PACKAGES, DataLocation, published_files
from seqbench.utils.errors import NotAtHand, SeqbenchError

_SYNTHETIC_VERSION = "1"


def file_checksums(location: DataLocation) -> dict[str, str]:
    """Return the SHA-256 (hex) of each file by ``part/name``, or the version of a source without files.

    For a data set on the hub these are the published checksums, because other data raise an error.

    Raises:
        SeqbenchError: a file cannot be read.
    """
    if location.source == "hub":
        entry = location.entry
        return {f"{part}/{Path(name).name}": entry.sha256[part] for part, name in entry.files.items()}
    if location.source == "package":
        package = PACKAGES[location.entry.format]
        return {f"all/{package}": version(package)}
    if location.source == "synthetic":
        return {"all/synthetic": _SYNTHETIC_VERSION}
    return {
        f"{part}/{path.name}": data_files.file_checksum(path)
        for part, paths in location.files.items()
        for path in paths
    }


def is_published(dataset: str, checksums: Mapping[str, str]) -> bool:
    """Return whether checksums by ``part/name`` equal those of the published data set; file names are ignored.

    >>> published = published_datasets.find_dataset("jsb").sha256["all"]
    >>> is_published("jsb", {"all/my_copy.mat": published}), is_published("jsb", {"all/JSB_Chorales.mat": "0" * 64})
    (True, False)
    """
    entry = published_datasets.find_dataset(dataset)
    by_part = sorted((name.rpartition("/")[0], checksum) for name, checksum in checksums.items())
    return by_part == sorted(entry.sha256.items())


def verified_checksums(location: DataLocation) -> dict[str, str]:
    """Return ``file_checksums``, after comparing files in a data folder with the published ones.

    A folder that the user names may contain any data.

    Raises:
        NotAtHand: a file in a data folder is not the published one.
        SeqbenchError: a file cannot be read.
    """
    checksums = file_checksums(location)
    if not (location.must_be_published and location.source == "folder"):
        return checksums
    published = location.entry.sha256
    wrong = [name for name, checksum in checksums.items() if published.get(_part(name)) != checksum]
    if wrong:
        names = ", ".join(name.rpartition("/")[2] for name in wrong)
        folder = next(iter(location.files.values()))[0].parent
        raise NotAtHand(
            f"{names} of '{location.dataset}' in {folder} is not the published file: expected the SHA-256 "
            f"{published.get(_part(wrong[0]), 'none')[:16]}…, got {checksums[wrong[0]][:16]}…; download it again, or "
            f"name the folder with --task.data_dir to run on your own data."
        )
    return checksums


def read_contents(location: DataLocation, expected_format: str) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the unpacked bytes of each part, and the checksums; data on the hub is downloaded first.

    Args:
        location: location of the data.
        expected_format: format that the task reads.

    Raises:
        NotAtHand: the data cannot be downloaded, or a file in a data folder is not the published one.
        SeqbenchError: the data set has another format, or a file cannot be read.
    """
    entry = location.entry
    if entry.format != expected_format:
        names = ", ".join(
            name for name, other in published_datasets.DATASETS.items() if other.format == expected_format
        )
        raise SeqbenchError(
            f"the data set '{location.dataset}' contains {entry.format}, but this task reads {expected_format}; give "
            f"--task.dataset one of {names}."
        )
    if location.source == "hub":
        root = hub_download.fetch_dataset(location.dataset, entry)
        location = replace(location, source="folder", files=published_files(root, entry, location.languages))
    checksums = verified_checksums(location)
    parts = {part: b"".join(data_files.read_file(path) for path in paths) for part, paths in location.files.items()}
    return parts, checksums


def contents_by_file(location: DataLocation, part: str, data: bytes) -> list[tuple[str, bytes]]:
    """Return name and contents of each file of a part.

    The contents of several files are not joined, because the last line of a file may have no line end, and each file
    may have a header, an encoding and a byte-order mark of its own.

    Args:
        location: location of the data.
        part: a split, or ``all``.
        data: contents of the part, which ``read_contents`` returned.
    """
    paths = location.files.get(part, ())
    if len(paths) > 1:
        return [(str(path), data_files.read_file(path)) for path in paths]
    return [(location.part_name(part), data)]


def _part(name: str) -> str:
    """Return the part in ``part/name``; the part may itself contain a slash."""
    return name.rpartition("/")[0]
