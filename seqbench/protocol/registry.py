"""The registry of architectures, tasks and kinds of data: entry points by name. Listing the entries imports none.

There are three groups: ``seqbench.architectures``, whose values are classes of backbones or of modules that bring
their own training (subclasses of ``seqbench.SequenceModule``); ``seqbench.tasks``, whose values are the packages that
contain the task's card; and ``seqbench.datamodules``, whose values are classes of datamodules. What seqbench itself
offers is registered in the same way as what plug-ins offer. Digests hold the registered name and the distribution of
an entry, never its value, so the file of a class may move. A value may end in an extra, ``module:Class [extra]``,
which installs the library that the entry requires.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import (
    Distribution,
    EntryPoint,
    PackageNotFoundError,
    distributions,
    entry_points,
    version,
)
from typing import TYPE_CHECKING, Any

from seqbench.utils.errors import NotAtHand, SeqbenchError, did_you_mean, one_line

if TYPE_CHECKING:
    from seqbench.protocol.identity.class_sources import FileDigests

ARCHITECTURES = "seqbench.architectures"
TASKS = "seqbench.tasks"
DATAMODULES = "seqbench.datamodules"
SEQBENCH = "seqbench"
"""Name of the distribution that offers what is built in."""
PLUGIN_FOLDERS = "SEQBENCH_PLUGINS"
"""Variable that names folders of plug-ins for the process of a net under verification."""
FORWARD_ARGUMENTS = ("y_previous", "lengths", "memory", "memory_lengths")
"""Arguments that the ``forward`` of a backbone may require after ``x``."""
GROUPS = {"architecture": ARCHITECTURES, "task": TASKS, "kind of data": DATAMODULES}
"""The groups of entry points, by what they register."""
_KINDS = {group: kind for kind, group in GROUPS.items()}


class MissingLibrary(NotAtHand):
    """An entry requires a library that is not installed; an extra of its distribution installs it."""


@dataclass(frozen=True)
class Entry:
    """One registered name and its origin.

    Args:
        name: registered name, or the path of a class.
        value: import path of the class, or the package that contains the card.
        distribution: name of the distribution that offers the entry; None for a class given by its path.
        version: version of that distribution.
        extras: extra of the distribution that installs the libraries of the entry; empty if there is none.
        group: group of the entry.
        given: the class itself, if the user gave a class in Python.
    """

    name: str
    value: str
    distribution: str | None
    version: str | None
    extras: str = ""
    group: str = ""
    given: type | None = field(default=None, compare=False, repr=False)

    @property
    def owner(self) -> str:
        """The distribution as part of a message, `` (from NAME VERSION)``; empty for a class given by its path."""
        return f" (from {self.distribution} {self.version})" if self.distribution else ""

    def digested(self) -> dict[str, str | None]:
        """Return what stands for the entry in digests: its name and its distribution, without its version and its file.

        >>> find_entry(DATAMODULES, "copying").digested()
        {'name': 'copying', 'distribution': 'seqbench'}
        """
        return {"name": self.name, "distribution": self.distribution}

    def load(self) -> Any:
        """Import the object that the entry names; its type is known only at run time.

        Raises:
            MissingLibrary: the entry needs a library that an extra of its distribution installs.
            NotAtHand: the module cannot be imported here or lacks the attribute.
            SeqbenchError: an architecture is not a backbone and no module of seqbench, or its class is refused.
        """
        if self.given is not None:
            loaded: object = self.given
        else:
            loaded = _import_from_path(self.value) if self.distribution is None else self._import()
        if self.group == ARCHITECTURES:
            self._check_architecture(loaded)
        return loaded

    def _import(self) -> object:
        """Import the object of a registered entry."""
        module_name, _, attribute = self.value.partition(":")
        try:
            loaded: object = importlib.import_module(module_name)
            for part in attribute.split(".") if attribute else ():
                loaded = getattr(loaded, part)
        except KeyboardInterrupt:
            raise
        except NotAtHand:
            raise
        except SeqbenchError as error:  # A class was refused when it was defined.
            raise SeqbenchError(f"'{self.name}'{self.owner}: {error}") from error
        # The module of a plug-in may raise any error while it is imported, and may even exit the process.
        except BaseException as error:
            if isinstance(error, ModuleNotFoundError) and self._is_foreign(error.name):
                raise self._missing_library(str(error.name).partition(".")[0]) from error
            raise NotAtHand(
                f"'{self.name}'{self.owner} could not be imported from {self.value}: "
                f"{type(error).__name__}: {one_line(error, 300)}. The rest of seqbench is unaffected."
            ) from error
        return loaded

    def _check_architecture(self, loaded: object) -> None:
        """Check that an object is a class of backbones, or of modules that bring their own training."""
        if _is_lightning_module(loaded) and not brings_training(loaded):
            raise SeqbenchError(
                f"architecture '{self.name}'{self.owner} is a LightningModule of its own, whose training and head "
                f"seqbench would not use; give a backbone (a torch.nn.Module), which seqbench trains, or extend "
                f"seqbench.SequenceModule, which may bring its own training. docs/plugins.md shows both."
            )
        if brings_training(loaded):
            missing = [name for name in ("context", "d_model") if name not in (_parameters(loaded) or ())]
            if missing:
                raise SeqbenchError(
                    f"architecture '{self.name}'{self.owner}: the __init__ of a seqbench.SequenceModule must be "
                    f"__init__(self, context, d_model, ...), but that of {getattr(loaded, '__name__', loaded)} has no "
                    f"parameter {' and no parameter '.join(missing)}."
                )
        elif reason := _not_a_backbone(loaded):
            raise SeqbenchError(
                f"architecture '{self.name}'{self.owner} is no backbone: expected a class whose __init__ takes d_model "
                f"and whose forward(x, lengths=None) maps (batch, time, d_model) to the same, but {reason}."
            )

    def file_digests(self) -> FileDigests:
        """Return the digests of the files that define a class given by its path; empty for a registered entry.

        Raises:
            SeqbenchError: the class cannot be imported, or a file has changed since it was imported.
        """
        if self.distribution is not None or self.group != ARCHITECTURES:
            return {}
        # Imported here and below, so that `seqbench list` does not wait for it.
        from seqbench.protocol.identity.class_sources import class_digests, class_file_digests

        loaded: type = self.load()
        if self.given is not None:
            return class_digests(getattr(loaded, "class_of_object", loaded))
        return class_file_digests(loaded, self.value.partition(":")[0])

    def _is_foreign(self, module: str | None) -> bool:
        """Return whether a missing module belongs to a package other than the entry's own."""
        return bool(module) and str(module).partition(".")[0] != self.value.partition(":")[0].partition(".")[0]

    def _missing_library(self, library: str) -> NotAtHand:
        needs = f"'{self.name}'{self.owner} needs the library '{library}', which is not installed here"
        if self.distribution and self.extras:
            return MissingLibrary(f"{needs}; get it by `pip install '{self.distribution}[{self.extras}]'`.")
        return NotAtHand(f"{needs}; install it. The rest of seqbench is unaffected.")


def brings_training(architecture: object) -> bool:
    """Return whether an architecture is a ``seqbench.SequenceModule``, which may bring its own training.

    >>> brings_training(find_entry(ARCHITECTURES, "gru").load())
    False
    """
    return bool(getattr(architecture, "brings_training", False))


def continues_streams(architecture: object) -> bool:
    """Return whether the backbones of an architecture continue from a state, so that they can read chunks of a stream.

    >>> continues_streams(find_entry(ARCHITECTURES, "gru").load())
    True
    """
    if brings_training(architecture):
        return bool(getattr(architecture, "unrolls", True))
    return hasattr(architecture, "unroll")


def _is_lightning_module(loaded: object) -> bool:
    """Return whether an object is a class of LightningModules, of either of Lightning's two packages."""
    bases = loaded.__mro__ if isinstance(loaded, type) else ()
    packages = ("lightning", "pytorch_lightning")
    return any(base.__name__ == "LightningModule" and base.__module__.partition(".")[0] in packages for base in bases)


def _not_a_backbone(loaded: object) -> str:
    """Return the reason why an object is not a backbone, as the end of a sentence; empty for a backbone."""
    if not isinstance(loaded, type):
        return f"{getattr(loaded, '__name__', repr(loaded))} is of type {type(loaded).__name__}, no class"
    torch = sys.modules.get("torch")  # A module that subclasses torch.nn.Module has imported it.
    if torch is None or not issubclass(loaded, torch.nn.Module):
        return f"{loaded.__name__} does not extend torch.nn.Module"
    if "d_model" not in (_parameters(loaded) or ()):
        return f"the __init__ of {loaded.__name__} has no parameter d_model"
    forward: object = inspect.getattr_static(loaded, "forward")
    if forward is torch.nn.Module.forward:
        return f"{loaded.__name__} has no forward"
    parameters = list((_parameters(forward) or {}).values())
    if len(parameters) == 1 and parameters[0].kind is not inspect.Parameter.VAR_POSITIONAL:
        return f"the forward of {loaded.__name__} takes no input"
    taken = parameters[2:]  # Without self and x.
    required = [p.name for p in taken if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if unknown := [name for name in required if name not in FORWARD_ARGUMENTS]:
        return f"the forward of {loaded.__name__} requires {', '.join(unknown)}, which has no default"
    return ""


def _parameters(function: object) -> Mapping[str, inspect.Parameter] | None:
    """Return the parameters of a callable by name; None if its signature cannot be read, as for some C functions."""
    try:
        return inspect.signature(function).parameters if callable(function) else None
    except (TypeError, ValueError):
        return None


@cache
def list_entries(group: str) -> Mapping[str, tuple[Entry, ...]]:
    """Return all entries of a group, sorted by name; a name has several entries if several distributions offer it."""
    entries: dict[str, dict[str, Entry]] = {}
    owners: dict[int, tuple[str, str]] = {}
    for point in _installed_entry_points():
        if point.group != group:
            continue
        # Each access to a name or a version parses all metadata of the distribution again.
        key = id(point.dist)
        if key not in owners:
            owners[key] = (str(point.dist.name), str(point.dist.version)) if point.dist else ("unknown", "unknown")
        distribution, release = owners[key]
        value, _, extras = point.value.partition("[")
        entry = Entry(point.name, value.strip(), distribution, release, extras.strip(" ]"), group)
        # One distribution may be on sys.path twice: as a checkout, and as its editable install.
        entries.setdefault(point.name, {}).setdefault(distribution, entry)
    return {name: tuple(entries[name].values()) for name in sorted(entries)}


@cache
def _installed_entry_points() -> tuple[EntryPoint, ...]:
    """Return the entry points of all groups; cached, because reading the metadata of all distributions takes 35 ms.

    Those of ``plugin_folders`` come last. Their modules cannot be imported in this process.
    """
    try:
        every = entry_points()  # `entry_points(group=...)` reads as much.
        points: Iterable[EntryPoint] = [point for group in _KINDS for point in every.select(group=group)]
    # The metadata of one distribution may be malformed in any way; those of the others are still read.
    except Exception:
        points = [point for distribution in distributions() for point in _readable_entry_points(distribution)]
    elsewhere = distributions(path=list(plugin_folders())) if plugin_folders() else ()
    found = (point for distribution in elsewhere for point in _readable_entry_points(distribution))
    # Only the net of an architecture has a process of its own; a task would be imported here.
    return (*points, *(point for point in found if point.group == ARCHITECTURES))


def plugin_folders() -> tuple[str, ...]:
    """Return the folders of plug-ins that only the process of a net under verification may import.

    ``SEQBENCH_PLUGINS`` names them. This process reads their metadata alone.
    """
    return tuple(filter(None, os.environ.get(PLUGIN_FOLDERS, "").split(os.pathsep)))


def is_apart(name: str | None) -> bool:
    """Return whether a distribution is in a folder of plug-ins alone, so that this process cannot import it.

    Args:
        name: name of the distribution; None for a class given by its path.
    """
    return name is not None and _is_in(name, plugin_folders()) and not _is_in(name, sys.path)


def _is_in(name: str, folders: Iterable[str]) -> bool:
    return next(iter(distributions(name=name, path=list(folders))), None) is not None


def forget_entries() -> None:
    """Let the next call read the entry points again, after ``SEQBENCH_PLUGINS`` has changed."""
    _installed_entry_points.cache_clear()
    list_entries.cache_clear()


def _readable_entry_points(distribution: Distribution) -> Iterable[EntryPoint]:
    try:
        return [point for point in distribution.entry_points if point.group in _KINDS]
    except Exception:  # As for the names.
        return []


def _import_from_path(value: str) -> object:
    from seqbench.protocol.identity import path_imports  # Not needed by `seqbench list`.

    return path_imports.import_from_path(value)


def find_entry(group: str, name: str) -> Entry:
    """Return the entry with this name; the name of an architecture may also be a path, ``package.module:Class``.

    >>> find_entry(ARCHITECTURES, "gru").value
    'seqbench.architectures.recurrent:GRU'

    Raises:
        SeqbenchError: the name is unknown, the path is incomplete, or two distributions offer the name.
    """
    if group == ARCHITECTURES and ":" in name:
        from seqbench.protocol.identity.class_paths import normalise_class_path
        from seqbench.protocol.identity.definition_sources import find_defined_class

        path = normalise_class_path(name)
        if own := _own_class_entry(path):
            return own
        if path.startswith("__main__:") or "<locals>" in path:
            return Entry(path, path, None, None, group=group, given=find_defined_class(path))
        return Entry(path, path, None, None, group=group)
    known = list_entries(group)
    kind = _KINDS[group]
    if name not in known:
        if not known:
            raise SeqbenchError(
                f"no {kind} is registered: seqbench is not installed in this environment, or an older one is; "
                f"run `pip install .` in its checkout first."
            )
        from seqbench.protocol.identity.class_paths import suggest_class_path

        hint = suggest_class_path(name) if group == ARCHITECTURES else ""
        raise SeqbenchError(f"unknown {kind} '{name}'.{hint or did_you_mean(name, known, '`seqbench list`')}")
    if len(known[name]) > 1:
        owners = " and ".join(f"{e.distribution} {e.version} ({e.value})" for e in known[name])
        by_path = f" Until then give its class: --arch {known[name][0].value}." if group == ARCHITECTURES else ""
        raise SeqbenchError(
            f"{kind} '{name}' is offered by {owners}; uninstall one, or ask its author for another name.{by_path}"
        )
    return known[name][0]


def _own_class_entry(path: str) -> Entry | None:
    """Return the entry of an architecture of seqbench that was given by its path; None for any other path.

    Its file may move, and no digest of a run covers its source, so its name stands in the digest.
    """
    entries = [offered[0] for offered in list_entries(ARCHITECTURES).values() if len(offered) == 1]
    return next((entry for entry in entries if (entry.value, entry.distribution) == (path, SEQBENCH)), None)


def find_data_entry(task: str, datamodule: str) -> Entry:
    """Return the entry of the class of datamodules that a card names.

    Args:
        task: name of the card.
        datamodule: name of a registered kind of data, or a path, ``package.module:Class``.

    Returns:
        The entry of the kind. A path has an entry with the name and the distribution of the task.

    Raises:
        SeqbenchError: the kind is unknown, or two distributions offer it.

    >>> find_data_entry("copy", "copying").value
    'seqbench.datamodules.copying:Copy'
    """
    tasks = list_entries(TASKS).get(task) or (Entry(task, "", None, None, group=TASKS),)
    if ":" in datamodule:
        return dataclasses.replace(tasks[0], value=datamodule)
    try:
        return find_entry(DATAMODULES, datamodule)
    except SeqbenchError as error:
        raise SeqbenchError(f"task '{task}'{tasks[0].owner} cannot be used: {error}") from error


def class_entry(cls: type) -> Entry:
    """Return the entry of an architecture that was given as a class in Python.

    A registered class is the architecture of its name, and a class of a file is ``my_file:MyNet``, as on the command
    line.

    >>> class_entry(find_entry(ARCHITECTURES, "gru").load()).name
    'gru'
    """
    from seqbench.protocol.identity.definition_sources import is_importable

    path = f"{cls.__module__}:{cls.__qualname__}"
    same = [entries[0] for entries in list_entries(ARCHITECTURES).values() if [e.value for e in entries] == [path]]
    return same[0] if len(same) == 1 and is_importable(cls) else Entry(path, path, None, None, "", ARCHITECTURES, cls)


def require_distribution(group: str, name: object, distribution: object, recorded: object) -> None:
    """Check that the distribution which offered a recorded name is installed here in the recorded version.

    A name that is registered here needs no distribution.

    Args:
        group: group of the entry.
        name: recorded name of the entry.
        distribution: recorded name of the distribution.
        recorded: recorded version of the distribution.

    Raises:
        NotAtHand: the distribution is not installed, or another version is installed.
    """
    if not (isinstance(name, str) and distribution and isinstance(distribution, str)) or name in list_entries(group):
        return
    try:
        installed = version(distribution)
    except PackageNotFoundError:
        installed = ""
    if installed != recorded:
        instead = f"{distribution} {installed} is" if installed else "it is not"
        raise NotAtHand(
            f"the {_KINDS[group]} '{name}' is of {distribution} {recorded}, and {instead} installed here; install that "
            f"to check the record"
        )
