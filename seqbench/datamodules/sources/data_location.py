"""Where a task's data is, found without reading it: no torch, no large read, an answer within two seconds.

Looked for in this order: the folder the user names, ``$SEQBENCH_DATA``, what was fetched before, the hub. Two more
sources only where the user names them: ``package`` (music21's chorales) and ``synthetic`` (generated stand-ins).
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seqbench.datamodules.sources import data_files, folder_layouts, hub_download, published_datasets
from seqbench.utils.errors import NotAtHand, SeqbenchError, did_you_mean

SOURCES = ("auto", "folder", "hub", "package", "synthetic")
_PACKAGES = {"rolls": "music21"}
_SYNTHETIC = ("text", "rolls", "pairs")


@dataclass(frozen=True)
class DataLocation:
    """Where a data set is.

    Args:
        dataset: its name in the table.
        source: ``folder``, ``hub``, ``package`` or ``synthetic``.
        files: by part, the files (several are joined); empty for another source than a folder.
        strict: whether they must be the published ones; a folder the user names may hold other data.
        languages: of source and target, for pairs.
        folder: the one that the user named, if any: other data than the published must not lead out of it by links.
    """

    dataset: str
    source: str
    files: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    strict: bool = True
    languages: tuple[str, ...] = ()
    folder: Path | None = None

    @property
    def entry(self) -> published_datasets.PublishedDataset:
        """What the table says of it."""
        return published_datasets.find_dataset(self.dataset)


def locate_data(
    dataset: str, data_dir: str | None = None, source: str = "auto", languages: Sequence[str] = ()
) -> DataLocation:
    """Find a data set without reading it.

    Args:
        dataset: a name in ``sources.table``.
        data_dir: the user's own folder (or file).
        source: where to look: one of ``SOURCES``.
        languages: the two of a translation.

    Raises:
        NotAtHand: the folder does not hold it, or there is neither a folder nor a network (said within two seconds,
            with the ways out).
        SeqbenchError: there is no such data set or source, or two options exclude each other.
    """
    entry = published_datasets.find_dataset(dataset)
    if source not in SOURCES:
        raise SeqbenchError(f"task.source '{source}' is unknown.{did_you_mean(str(source), SOURCES)}")
    if data_dir is not None and source not in ("auto", "folder"):
        raise SeqbenchError(f"--task.data_dir and --task.source {source} exclude each other; give one of them.")
    two = tuple(languages)
    if source == "synthetic":
        return _synthetic(dataset, entry, two)
    if source == "package":
        return _package(dataset, entry)
    if data_dir is not None:
        return _in_folder(dataset, _place(data_dir), two)
    if source != "hub":
        for root in data_files.data_roots():
            found = _published(root, entry, two)
            if found:
                return DataLocation(dataset, "folder", found, languages=two)
    if source == "folder" or entry.hub is None or not hub_download.hub_is_reachable():
        raise NotAtHand(_not_at_hand(dataset, entry))
    return DataLocation(dataset, "hub", languages=two)


def file_checksums(location: DataLocation) -> dict[str, str]:
    """What tells this data from another: SHA-256 (hex) of each file by ``part/file``, else the source's name."""
    if location.source == "hub":
        return {f"{part}/{Path(name).name}": location.entry.sha256[part] for part, name in location.entry.files.items()}
    if location.source == "package":
        from importlib.metadata import version

        name = _PACKAGES[location.entry.format]
        return {f"all/{name}": version(name)}
    if location.source == "synthetic":
        return {"all/synthetic": "1"}
    return {
        f"{part}/{path.name}": data_files.checksum(path) for part, paths in location.files.items() for path in paths
    }


def is_published(dataset: str, sums: Mapping[str, str]) -> bool:
    """Whether checksums by ``part/file`` are, part by part, the data set's own: names of files do not count."""
    entry = published_datasets.find_dataset(dataset)
    return sorted((name.rpartition("/")[0], value) for name, value in sums.items()) == sorted(entry.sha256.items())


def verified_checksums(location: DataLocation) -> dict[str, str]:
    """As ``checksums``, of files that are what they seem.

    Files in a data folder must be the published ones; then it does not matter where they come from, so
    ``$SEQBENCH_DATA`` and the folders in it may be links. In a folder that the user names they may be others: a
    stranger's, perhaps, with a link to what is none of his business and would show up in vocabularies and samples. So
    a file that leads out of that folder is refused unless all are the published ones. The folder itself may be a link,
    and so may a file that is named.

    Raises:
        NotAtHand: a file is not the published one where it must be.
        SeqbenchError: a file leads out of the user's folder.
    """
    sums = file_checksums(location)
    if location.strict and location.source == "folder":
        check_published(location, sums)
    for path in outside_links(location):
        if not is_published(location.dataset, sums):
            raise SeqbenchError(
                f"{path} is a link that leads out of {location.folder}, to {path.resolve()}; put a copy in its place, "
                f"or name the folder that it leads to with --task.data_dir."
            )
    return sums


def outside_links(location: DataLocation) -> list[Path]:
    """Files that do not lie below the folder that the user named."""
    if location.folder is None:
        return []
    root = location.folder.resolve()
    return [path for paths in location.files.values() for path in paths if not path.resolve().is_relative_to(root)]


def read_contents(location: DataLocation, expected: str) -> tuple[dict[str, bytes], dict[str, str]]:
    """The bytes of each part, unpacked, and their checksums; fetched first where the hub has them.

    Args:
        location: where they are.
        expected: the format that the task reads.

    Raises:
        SeqbenchError: the data set has another format, a file cannot be read, or is not the published one where
            it must be.
    """
    if location.entry.format != expected:
        fitting = ", ".join(name for name, entry in published_datasets.DATASETS.items() if entry.format == expected)
        raise SeqbenchError(
            f"the data set '{location.dataset}' holds {location.entry.format}, and this task reads {expected}; "
            f"give --task.dataset one of {fitting}."
        )
    if location.source == "hub":
        root = hub_download.fetch_dataset(location.dataset, location.entry)
        location = DataLocation(
            location.dataset, "folder", _published(root, location.entry, location.languages), True, location.languages
        )
    sums = verified_checksums(location)
    return {
        part: b"".join(data_files.read_file(path) for path in paths) for part, paths in location.files.items()
    }, sums


def check_published(location: DataLocation, sums: Mapping[str, str]) -> None:
    """Make sure that files in a data folder are the published ones.

    Raises:
        NotAtHand: naming those that are not.
    """
    expected = location.entry.sha256
    wrong = [name for name, value in sums.items() if expected.get(name.rpartition("/")[0]) != value]
    if wrong:
        names = ", ".join(name.rpartition("/")[2] for name in wrong)
        folder = next(iter(location.files.values()))[0].parent
        raise NotAtHand(
            f"{names} of '{location.dataset}' in {folder} is not the published file (its SHA-256 differs: "
            f"{sums[wrong[0]][:16]}…, expected {expected.get(wrong[0].rpartition('/')[0], 'none')[:16]}…); fetch it "
            f"again, or name the folder with --task.data_dir to run on your own data."
        )


def _published(
    root: Path, entry: published_datasets.PublishedDataset, languages: Sequence[str]
) -> dict[str, tuple[Path, ...]]:
    """The data set's own files under a data folder; empty if one of them is missing."""
    wanted = _wanted(entry, languages)
    found = {part: data_files.existing_file(root / name) for part, name in wanted.items()}
    return {part: (path,) for part, path in found.items() if path} if wanted and all(found.values()) else {}


def _wanted(entry: published_datasets.PublishedDataset, languages: Sequence[str]) -> dict[str, str]:
    """The files of a data set, by part: for pairs, those of two languages; empty if it lacks one."""
    if not languages:
        return dict(entry.files)
    parts = [f"{split}/{language}" for split in folder_layouts.SPLITS for language in languages]
    return {part: entry.files[part] for part in parts} if all(part in entry.files for part in parts) else {}


def _place(data_dir: str) -> Path:
    if not isinstance(data_dir, str) or not data_dir.strip():
        raise SeqbenchError(f"--task.data_dir must name a folder or a file, got {data_dir!r}.")
    try:
        place = Path(data_dir).expanduser()
        place.is_dir()  # Raises where the name is impossible, or a folder above may not be searched.
    except (OSError, RuntimeError, ValueError) as error:
        raise NotAtHand(f"--task.data_dir {data_dir} cannot be looked at: {error}.") from None
    return place


def _in_folder(dataset: str, place: Path, languages: tuple[str, ...]) -> DataLocation:
    entry = published_datasets.find_dataset(dataset)
    look, expected = folder_layouts.LAYOUTS[entry.format]
    if place.is_file():
        if entry.format == "pairs":
            raise SeqbenchError(f"--task.data_dir {place} is a file; give the folder that holds {expected}.")
        return DataLocation(dataset, "folder", {"all": (place,)}, strict=False)
    if not place.is_dir():
        raise NotAtHand(f"--task.data_dir {place} is neither a folder nor a file; give one that exists.")
    names = {part: Path(name).name for part, name in _wanted(entry, languages).items()}
    inside = {part: data_files.existing_file(place / name) for part, name in names.items()}
    # The data set's own folder, or the data folder above it, or a folder in no published layout.
    found: dict[str, tuple[Path, ...]] = {}
    if names and all(inside.values()):
        found = {part: (path,) for part, path in inside.items() if path}
    found = found or _published(place, entry, languages) or dict(look(place, languages))
    if not found:
        published = f"{', '.join(names.values())} (the published files of '{dataset}') or " if names else ""
        raise NotAtHand(
            f"{place} holds no such data: expected {published}{expected}, found {folder_layouts.list_folder(place)}."
        )
    return DataLocation(dataset, "folder", found, strict=False, languages=languages, folder=place)


def _synthetic(dataset: str, entry: published_datasets.PublishedDataset, languages: tuple[str, ...]) -> DataLocation:
    if entry.format not in _SYNTHETIC:
        raise SeqbenchError(
            f"there is no synthetic stand-in for '{dataset}'; the tasks sentiment-order and sentiment-position "
            f"are generated and need no data."
        )
    return DataLocation(dataset, "synthetic", strict=False, languages=languages)


def _package(dataset: str, entry: published_datasets.PublishedDataset) -> DataLocation:
    package = _PACKAGES.get(entry.format)
    if package is None:
        raise SeqbenchError(f"no package holds '{dataset}'; leave out --task.source package.")
    if importlib.util.find_spec(package) is None:
        raise NotAtHand(f"--task.source package needs {package}; install it with `pip install seqbench[music]`.")
    return DataLocation(dataset, "package", strict=False)


def _not_at_hand(dataset: str, entry: published_datasets.PublishedDataset) -> str:
    wanted = ", ".join(Path(name).name for name in entry.files.values())
    root = os.environ.get("SEQBENCH_DATA")
    beside = (
        f"{Path(root).expanduser()} lacks {', '.join(entry.files.values())}" if root else "SEQBENCH_DATA is not set"
    )
    ways = [
        "put the files into a folder and add --task.data_dir FOLDER",
        f"put them into a data folder (as {next(iter(entry.files.values()))}) and set SEQBENCH_DATA to it",
    ]
    if entry.hub is not None:
        beside += f", and the hub ({entry.hub.id}) cannot be reached"
        ways.append("connect to the network (or unset HF_HUB_OFFLINE) and run again")
    else:
        beside += ", and no hub has them"
    if entry.format in _PACKAGES:
        ways.append(f"add --task.source package for the chorales of {_PACKAGES[entry.format]}, which are other data")
    if entry.format in _SYNTHETIC:
        ways.append("add --task.source synthetic for a generated stand-in, which never ranks")
    numbered = "; ".join(f"({number}) {way}" for number, way in enumerate(ways, 1))
    return f"the data set '{dataset}' ({wanted}) is not at hand: {beside}. Ways out: {numbered}."
