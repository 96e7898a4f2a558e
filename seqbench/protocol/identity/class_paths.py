"""Paths of classes, as users write them: ``my_file:MyNet``, ``my_file.py:MyNet``, ``./nets/my_file.py:MyNet``.

Each way to write a path gives one name, ``my_file:MyNet``, from which the class can be imported in the current folder.
A name that is no path gives a hint, if the current folder has a file or a class of that name.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from seqbench.protocol.identity import module_sources
from seqbench.utils.errors import NotAtHand, SeqbenchError

MOST_FILES, MOST_BYTES = 200, 1_000_000
"""Most files that are searched for a class, and the most bytes of one of them."""

_CLASS = re.compile(rb"^class[ \t]+(\w+)", re.MULTILINE)


def normalise_class_path(name: str) -> str:
    """Return the path of a class as ``package.module:Class``; a file is named relative to the current folder.

    Raises:
        SeqbenchError: the path lacks a class or a file, there is no such file, or it cannot be imported by a name.

    >>> normalise_class_path("my_package.nets:MyNet")
    'my_package.nets:MyNet'
    """
    file, _, attribute = name.rpartition(":")
    if not file or not attribute:
        hint = _class_hint(_as_file(file)) if file else ""
        raise SeqbenchError(f"'{name}' is no path to a class; expected package.module:Class{hint}.")
    if not (file.endswith(".py") or "/" in file or file.startswith("~")):
        return name
    path = Path(file if file.endswith(".py") else f"{file}.py").expanduser()
    if not path.is_file():
        near = close_names(path.stem, [other.stem for other in path.parent.glob("*.py")])
        hint = f" Did you mean {' or '.join(f'{path.parent / stem}.py:{attribute}' for stem in near)}?" if near else ""
        raise NotAtHand(f"there is no file {path}; the current folder is {Path.cwd()}.{hint}")
    return f"{_module_name(path, attribute)}:{attribute}"


def _module_name(path: Path, attribute: str) -> str:
    """Return the dotted name of the module in a file.

    Raises:
        SeqbenchError: there is no name from which the file can be imported here.
    """
    here = Path.cwd().resolve()
    file = path.resolve()  # `..` and links are followed, so that one file has one name.
    folders = [Path(entry).resolve() for entry in sys.path if entry and not module_sources.is_installed(entry)]
    folder = next((folder for folder in (here, *folders) if file.is_relative_to(folder)), None)
    if folder is None:
        raise SeqbenchError(
            f"{path} is outside of the current folder, {here}, from where a record could not find it again; run "
            f"seqbench in {file.parent} with {file.stem}:{attribute}, or add that folder to PYTHONPATH."
        )
    parts = file.relative_to(folder).with_suffix("").parts
    if wrong := [part for part in parts if not part.isidentifier()]:
        raise SeqbenchError(
            f"{path} cannot be imported, because '{wrong[0]}' is no Python name; rename it with letters, digits and "
            f"'_', such as {re.sub(r'[^0-9a-zA-Z_]', '_', wrong[0])}."
        )
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def suggest_class_path(name: str) -> str:
    """Return a hint for a name that is no architecture, but a file or a class in the current folder; empty otherwise.

    >>> suggest_class_path("no-such-file-or-class")
    ''
    """
    module, _, attribute = name.removesuffix(".py").rpartition(".")
    for path, wanted in ((_as_file(name), ""), (_as_file(module), attribute)):
        classes = [wanted] if wanted else classes_in_file(path)
        if path.is_file() and path.suffix == ".py" and classes:
            return f" {path} is a file here{_class_hint(path, classes)}."
    if name.isidentifier():
        files = [path for path in sorted(Path().glob("*.py"))[:MOST_FILES] if name in classes_in_file(path)]
        if files:
            return f" {name} is a class here; write {' or '.join(f'{path.stem}:{name}' for path in files[:3])}."
    return ""


def classes_in_file(path: Path) -> list[str]:
    """Return the names of the classes that a file defines at its top level; nothing is imported."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return []
        return [match.decode() for match in _CLASS.findall(path.read_bytes())]
    except OSError:
        return []


def close_names(name: str, known: Iterable[str]) -> list[str]:
    """Return up to two known names that are close to a name; upper and lower case count as equal.

    >>> close_names("mynet", ["MyNet", "Other"])
    ['MyNet']
    """
    folded = {other.casefold(): other for other in known}
    return [folded[key] for key in difflib.get_close_matches(name.casefold(), folded, n=2, cutoff=0.6)]


def _as_file(name: str) -> Path:
    """Return the file that a dotted name or a path without its class may mean."""
    return Path(name if name.endswith(".py") else f"{name.replace('.', '/')}.py")


def _class_hint(path: Path, classes: Iterable[str] = ()) -> str:
    """Return the paths of the classes in a file, as the end of a sentence; empty if it has none."""
    module = ".".join(part for part in path.with_suffix("").parts if part not in ("/", "."))
    names = list(classes) or classes_in_file(path)
    return f"; write {' or '.join(f'{module}:{name}' for name in names[:5])}" if names else ""
