"""Names to architectures and tasks, through entry points; listing imports nothing.

Built-ins use the same two groups as a plug-in does: ``seqbench.architectures``, whose values are backbone
classes, and ``seqbench.tasks``, whose values are the packages that hold the task's card. A value may end in an
extra, ``module:Class [extra]``: the one that brings the library which the entry needs.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, distributions, entry_points, version
from pathlib import Path
from typing import Any

from seqbench.utils.errors import NotAtHand, SeqbenchError, did_you_mean, one_line

ARCHITECTURES = "seqbench.architectures"
TASKS = "seqbench.tasks"
_KINDS = {ARCHITECTURES: "architecture", TASKS: "task"}


class MissingLibrary(NotAtHand):
    """An entry needs a library that one of its distribution's extras brings, and that is not installed."""


@dataclass(frozen=True)
class Entry:
    """One registered name and where it comes from.

    ``distribution`` and ``version`` are None for a class given by its path rather than its name. ``extras`` are
    those of the distribution that the entry needs, ``group`` is the one it was found in.
    """

    name: str
    value: str
    distribution: str | None
    version: str | None
    extras: str = ""
    group: str = ""

    @property
    def owner(self) -> str:
        """`` (from DISTRIBUTION VERSION)``, for a sentence; empty for a class given by its path."""
        return f" (from {self.distribution} {self.version})" if self.distribution else ""

    def load(self) -> Any:
        """Import what the entry names; an architecture must be a backbone.

        Raises:
            MissingLibrary: it needs a library that one of its distribution's extras brings.
            NotAtHand: the module fails to import here or lacks the attribute.
            SeqbenchError: an architecture is no backbone.
        """
        module_name, _, attribute = self.value.partition(":")
        try:
            found: Any = importlib.import_module(module_name)
            for part in attribute.split(".") if attribute else ():
                found = getattr(found, part)
        except KeyboardInterrupt:
            raise
        # A stranger's module may raise anything while it is imported, and even exit; it must break only itself.
        except BaseException as error:
            if isinstance(error, ModuleNotFoundError) and self._is_foreign(error.name):
                raise self._lacking(str(error.name).partition(".")[0]) from error
            raise NotAtHand(
                f"'{self.name}'{self.owner} could not be imported from {self.value}: "
                f"{type(error).__name__}: {one_line(error, 300)}. The rest of seqbench is unaffected."
            ) from error
        if self.group == ARCHITECTURES and (reason := _no_backbone(found)):
            raise SeqbenchError(
                f"architecture '{self.name}'{self.owner} is no backbone: expected a class whose __init__ takes d_model "
                f"and whose forward(x, lengths=None) maps (batch, time, d_model) to the same, but {reason}."
            )
        return found

    def _is_foreign(self, module: str | None) -> bool:
        """Whether a module that was not found belongs to another package than the entry's own."""
        return bool(module) and str(module).partition(".")[0] != self.value.partition(":")[0].partition(".")[0]

    def _lacking(self, library: str) -> NotAtHand:
        needs = f"'{self.name}'{self.owner} needs the library '{library}', which is not installed here"
        if self.distribution and self.extras:
            return MissingLibrary(f"{needs}; get it by `pip install '{self.distribution}[{self.extras}]'`.")
        return NotAtHand(f"{needs}; install it. The rest of seqbench is unaffected.")


def _no_backbone(found: Any) -> str:
    """Why something cannot be a backbone, as the end of a sentence; empty if it can."""
    if not isinstance(found, type):
        return f"{getattr(found, '__name__', repr(found))} is of type {type(found).__name__}, no class"
    torch: Any = sys.modules.get("torch")  # Whatever extends its modules has imported it.
    if torch is None or not issubclass(found, torch.nn.Module):
        return f"{found.__name__} does not extend torch.nn.Module"
    if "d_model" not in (_parameters(found) or ()):
        return f"the __init__ of {found.__name__} takes no d_model"
    forward: Any = inspect.getattr_static(found, "forward")
    if forward is torch.nn.Module.forward:
        return f"{found.__name__} has no forward"
    taken = _parameters(forward)
    if taken is not None and "lengths" not in taken and not any(p.kind is p.VAR_POSITIONAL for p in taken.values()):
        return f"the forward of {found.__name__} takes ({', '.join(taken)}), no lengths"
    return ""


def _parameters(function: Any) -> Mapping[str, inspect.Parameter] | None:
    """What a callable takes, by name; None where it does not say (it is written in C)."""
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return None


@cache
def list_entries(group: str) -> Mapping[str, tuple[Entry, ...]]:
    """All entries of a group by name, sorted; several where distributions clash. Imports none of them."""
    found: dict[str, dict[str, Entry]] = {}
    owners: dict[int, tuple[str, str]] = {}
    for point in _installed():
        if point.group != group:
            continue
        # Each look at a name or a version parses all metadata again.
        key = id(point.dist)
        if key not in owners:
            owners[key] = (str(point.dist.name), str(point.dist.version)) if point.dist else ("unknown", "unknown")
        distribution, version = owners[key]
        value, _, extras = point.value.partition("[")
        entry = Entry(point.name, value.strip(), distribution, version, extras.strip(" ]"), group)
        # The same distribution may be seen twice on sys.path (a checkout and its editable install).
        found.setdefault(point.name, {}).setdefault(distribution, entry)
    return {name: tuple(found[name].values()) for name in sorted(found)}


@cache
def _installed() -> tuple[EntryPoint, ...]:
    """Our entry points: looked up once, because it reads the metadata of all distributions (35 ms)."""
    try:
        every: Any = entry_points()  # All at once: with a group given it reads as much.
        found: Iterable[EntryPoint] = [point for group in _KINDS for point in every.select(group=group)]
    # One malformed file must not take all the others with it.
    except Exception:
        found = [point for distribution in distributions() for point in _readable(distribution)]
    return tuple(found)


def _readable(distribution: Any) -> Iterable[EntryPoint]:
    try:
        return [point for point in distribution.entry_points if point.group in _KINDS]
    except Exception:
        return []


def find_entry(group: str, name: str) -> Entry:
    """The one entry of that name; an architecture may also be ``package.module:Class``.

    Raises:
        SeqbenchError: the name is unknown or no path, or two distributions offer it.
    """
    if group == ARCHITECTURES and ":" in name:
        module, _, attribute = name.partition(":")
        if not module or not attribute:
            raise SeqbenchError(f"'{name}' is no path to a class; expected package.module:Class.")
        # A class given by path is usually one in the folder the user stands in.
        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        return Entry(name, name, None, None, group=group)
    known = list_entries(group)
    kind = _KINDS[group]
    if name not in known:
        if not known:
            raise SeqbenchError(
                f"no {kind} is registered: seqbench itself is not installed in this environment; "
                f"run `pip install .` in its checkout first."
            )
        raise SeqbenchError(f"unknown {kind} '{name}'.{did_you_mean(name, known)}")
    if len(known[name]) > 1:
        owners = " and ".join(f"{e.distribution} {e.version} ({e.value})" for e in known[name])
        by_path = f" Its class works meanwhile: --arch {known[name][0].value}." if group == ARCHITECTURES else ""
        raise SeqbenchError(
            f"{kind} '{name}' is offered by {owners}; uninstall one, or ask its author for another name.{by_path}"
        )
    return known[name][0]


def require_distribution(group: str, name: Any, distribution: Any, recorded: Any) -> None:
    """Make sure that a recorded name that is unknown here is not of a distribution, or a version, that is not here.

    Args:
        group: of entries.
        name: that a record gives.
        distribution: that offered it then.
        recorded: the version of that.

    Raises:
        NotAtHand: it is.
    """
    if not (isinstance(name, str) and distribution and isinstance(distribution, str)) or name in list_entries(group):
        return
    try:
        here = version(distribution)
    except PackageNotFoundError:
        here = ""
    if here != recorded:
        instead = f"{distribution} {here} is" if here else "it is not"
        raise NotAtHand(
            f"the {_KINDS[group]} '{name}' is of {distribution} {recorded}, and {instead} installed here; install that "
            f"to check the record"
        )
