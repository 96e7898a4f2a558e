"""Locate the data of a task without reading them, within two seconds and without importing torch.

The places are searched in this order: the folder of the user, ``$SEQBENCH_DATA``, the folder of downloaded data,
the hub. Two more sources are used only if the user names them: ``package`` (the chorales of music21) and
``synthetic``.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seqbench.datamodules.sources import data_files, folder_layouts, hub_download, published_datasets
from seqbench.datamodules.sources.published_datasets import PublishedDataset
from seqbench.protocol.splits import SPLITS
from seqbench.utils.errors import NotAtHand, SeqbenchError, did_you_mean

SOURCES = ("auto", "folder", "hub", "package", "synthetic")
"""Values of the option ``source`` of a task."""

PACKAGES: Mapping[str, str] = {"rolls": "music21"}
"""Package that contains data of a format."""

_SYNTHETIC_FORMATS = ("text", "rolls", "pairs")


@dataclass(frozen=True)
class DataLocation:
    """The place of a data set.

    Args:
        dataset: name of the data set in ``published_datasets``.
        source: ``folder``, ``hub``, ``package`` or ``synthetic``.
        files: files of each part; several files of one part are joined. Empty if the source is not a folder.
        must_be_published: whether the files must equal the published ones; a folder of the user may hold other data.
        languages: source and target language of sentence pairs; empty for other formats.
        notes: sentences on files of the user that are joined or not read.
    """

    dataset: str
    source: str
    files: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    must_be_published: bool = True
    languages: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def entry(self) -> PublishedDataset:
        """Entry of the data set in ``published_datasets``."""
        return published_datasets.find_dataset(self.dataset)

    def part_name(self, part: str) -> str:
        """Return the files of a part, or else the names of data set and part, for error messages."""
        return ", ".join(map(str, self.files.get(part, ()))) or f"'{self.dataset}', {part}"


def locate_data(
    dataset: str, data_dir: str | None = None, source: str = "auto", languages: Sequence[str] = ()
) -> DataLocation:
    """Return the location of a data set, without reading the data.

    Args:
        dataset: name of the data set in ``published_datasets``.
        data_dir: folder or file of the user; links are followed.
        source: source to search, one of ``SOURCES``.
        languages: source and target language of sentence pairs.

    Raises:
        NotAtHand: the folder does not contain the data, or there is neither a folder nor a network. The message
            lists the user's options.
        SeqbenchError: the data set or the source is unknown, or two options exclude each other.
    """
    entry = published_datasets.find_dataset(dataset)
    if source not in SOURCES:
        raise SeqbenchError(f"task.source '{source}' is unknown.{did_you_mean(str(source), SOURCES)}")
    if data_dir is not None and source not in ("auto", "folder"):
        raise SeqbenchError(f"--task.data_dir and --task.source {source} exclude each other; give one of them.")
    language_pair = tuple(languages)
    if source == "synthetic":
        return _locate_synthetic(dataset, entry, language_pair)
    if source == "package":
        return _locate_package(dataset, entry)
    if data_dir is not None:
        return _locate_in_user_folder(dataset, entry, _user_path(data_dir), language_pair)
    if source != "hub":
        for root in data_files.data_roots():
            files = published_files(root, entry, language_pair)
            if files:
                return DataLocation(dataset, "folder", files, languages=language_pair)
    if source == "folder" or entry.hub is None or not hub_download.hub_is_reachable():
        raise NotAtHand(_not_available(dataset, entry))
    return DataLocation(dataset, "hub", languages=language_pair)


def published_files(root: Path, entry: PublishedDataset, languages: Sequence[str]) -> dict[str, tuple[Path, ...]]:
    """Return the published files of a data set in a data folder by part; empty if one of them is missing.

    Args:
        root: data folder.
        entry: entry of the data set.
        languages: source and target language of sentence pairs.
    """
    return _all_or_none({part: root / name for part, name in _published_names(entry, languages).items()})


def _all_or_none(paths: Mapping[str, Path]) -> dict[str, tuple[Path, ...]]:
    """Return the existing file of each path; empty if one of them is missing."""
    files = {part: data_files.existing_file(path) for part, path in paths.items()}
    if not all(files.values()):
        return {}
    return {part: (path,) for part, path in files.items() if path}


def _published_names(entry: PublishedDataset, languages: Sequence[str]) -> dict[str, str]:
    """Return the names of the published files by part; with languages, only their files, or none if one is missing."""
    if not languages:
        return dict(entry.files)
    parts = [f"{split}/{language}" for split in SPLITS for language in languages]
    return {part: entry.files[part] for part in parts} if all(part in entry.files for part in parts) else {}


def _user_path(data_dir: str) -> Path:
    if not isinstance(data_dir, str) or not data_dir.strip():
        raise SeqbenchError(f"--task.data_dir must name a folder or a file, got {data_dir!r}.")
    try:
        path = Path(data_dir).expanduser()
        path.is_dir()  # Raises if the name is impossible, or a parent folder may not be searched.
    except (OSError, RuntimeError, ValueError) as error:
        raise NotAtHand(f"--task.data_dir {data_dir} cannot be read: {error}.") from None
    return path


def _locate_in_user_folder(
    dataset: str, entry: PublishedDataset, path: Path, languages: tuple[str, ...]
) -> DataLocation:
    layout = folder_layouts.LAYOUTS[entry.format]
    if path.is_file():
        if entry.format == "pairs":
            raise SeqbenchError(
                f"--task.data_dir {path} is a file; give the folder that contains {layout.description}."
            )
        return DataLocation(dataset, "folder", {"all": (path,)}, must_be_published=False)
    if not path.is_dir():
        raise NotAtHand(f"--task.data_dir {path} is neither a folder nor a file; give one that exists.")
    names = {part: Path(name).name for part, name in _published_names(entry, languages).items()}
    files: Mapping[str, tuple[Path, ...]] = (
        _all_or_none({part: path / name for part, name in names.items()})  # The folder of this data set.
        or published_files(path, entry, languages)  # A data folder with several data sets.
    )
    found = folder_layouts.FoundFiles(files) if files else layout.find_files(path, languages)
    if not found.files:
        published = f"{', '.join(names.values())} (the published files of '{dataset}') or " if names else ""
        raise NotAtHand(
            f"{path} does not contain this data: expected {published}{layout.description}, found "
            f"{folder_layouts.describe_folder(path)}."
        )
    return DataLocation(dataset, "folder", found.files, must_be_published=False, languages=languages, notes=found.notes)


def _locate_synthetic(dataset: str, entry: PublishedDataset, languages: tuple[str, ...]) -> DataLocation:
    if entry.format not in _SYNTHETIC_FORMATS:
        raise SeqbenchError(
            f"there is no synthetic data in place of '{dataset}'; the tasks sentiment-order and sentiment-position "
            f"are generated and need no data."
        )
    return DataLocation(dataset, "synthetic", must_be_published=False, languages=languages)


def _locate_package(dataset: str, entry: PublishedDataset) -> DataLocation:
    package = PACKAGES.get(entry.format)
    if package is None:
        raise SeqbenchError(f"no package contains '{dataset}'; remove --task.source package.")
    if importlib.util.find_spec(package) is None:
        raise NotAtHand(f"--task.source package needs {package}; install it with `pip install 'seqbench[music]'`.")
    return DataLocation(dataset, "package", must_be_published=False)


def _not_available(dataset: str, entry: PublishedDataset) -> str:
    """Return the message for data that was not found, with the options that the user has."""
    names = ", ".join(Path(name).name for name in entry.files.values())
    root = os.environ.get("SEQBENCH_DATA")
    reasons = [
        f"{Path(root).expanduser()} lacks {', '.join(entry.files.values())}" if root else "SEQBENCH_DATA is not set"
    ]
    options = [
        "copy the files into a folder and add --task.data_dir FOLDER",
        f"copy them into a data folder (as {next(iter(entry.files.values()))}) and set SEQBENCH_DATA to it",
    ]
    if entry.hub is not None:
        reasons.append(f"the hub ({entry.hub.id}) cannot be reached")
        options.append("connect to the network (or unset HF_HUB_OFFLINE) and run again")
    else:
        reasons.append("the data is not on a hub")
    if entry.format in PACKAGES:
        options.append(f"add --task.source package for the chorales of {PACKAGES[entry.format]}, which are other data")
    if entry.format in _SYNTHETIC_FORMATS:
        options.append("add --task.source synthetic for generated data, whose results are never ranked")
    numbered = "; ".join(f"({number}) {option}" for number, option in enumerate(options, 1))
    return f"the data set '{dataset}' ({names}) was not found: {', and '.join(reasons)}. Options: {numbered}."
