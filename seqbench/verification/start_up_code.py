"""Files by which an installed distribution changes processes that never import it.

Python runs the lines of a ``.pth`` file that start with ``import``, and a module ``sitecustomize``, in each process of
the environment, and so in the one that holds the targets. A distribution may also overwrite files of another one.
A hostile file of this kind may already have changed this check, so an environment for verification gets wheels only
after their lists of files were read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath

from seqbench.protocol.identity.package_sources import SEQBENCH
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import short_repr

START_UP_MODULES = ("sitecustomize", "usercustomize")
"""Modules that Python imports in each process."""

SHOWN = 3
"""Largest number of files that a message names."""


def require_no_start_up_code(name: str) -> None:
    """Check that a distribution installs nothing that runs in, or replaces a part of, the process with the targets.

    The distributions that it requires are checked too, except for those that seqbench requires itself.

    Args:
        name: name of the distribution that offers an architecture or a task.

    Raises:
        SeqbenchError: it does.
    """
    for owner in sorted(needed_distributions(name) - needed_distributions()):
        found = sorted(list_start_up_files(distribution(owner)))
        if not found:
            continue
        raise SeqbenchError(
            f"the distribution {short_repr(owner)} installs {', '.join(map(short_repr, found[:SHOWN]))}, which changes "
            f"processes that do not import it; verify it only in an environment without it"
        )


def list_start_up_files(installed: Distribution) -> Iterator[str]:
    """Return the installed files of a distribution that change processes which do not import it.

    Args:
        installed: the distribution; without a list of its files, as some tools install it, nothing is found.
    """
    foreign = {top for owner in needed_distributions() for top in _top_level_names(owner)}
    for path in installed.files or ():
        name = PurePosixPath(path)
        parts = [part for part in name.parts if part != ".."]
        is_start_up = name.stem in START_UP_MODULES and len(parts) == 1
        if name.suffix == ".pth" and not _is_editable(installed):
            file = Path(str(path.locate()))
            text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else "import"
            is_start_up = any(re.match(r"import\s", line + " ") for line in text.splitlines())
        # `bin/..` and the metadata of the distribution itself have other parents.
        overwrites = len(name.parts) > 1 and name.parts[0] in foreign
        if is_start_up or overwrites:
            yield str(name)


def needed_distributions(name: str = SEQBENCH) -> set[str]:
    """Return the names of a distribution and of all distributions that it requires without extras, if installed.

    >>> {"seqbench", "torch"} <= needed_distributions()
    True

    Args:
        name: name of the distribution.
    """
    found: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        try:
            requirements = distribution(one).requires or []
        except PackageNotFoundError:
            continue
        found.add(one)
        waiting += [
            re.split(r"[^A-Za-z0-9._-]", text, maxsplit=1)[0] for text in requirements if "extra ==" not in text
        ]
    return found


def _top_level_names(name: str) -> set[str]:
    """Return the packages and modules of a distribution at the top of its folder."""
    files = distribution(name).files or ()
    tops = {PurePosixPath(path).parts[0] for path in files if len(PurePosixPath(path).parts) > 1}
    return {SEQBENCH} | {top for top in tops if not top.endswith((".dist-info", ".data", "__pycache__", ".."))}


def _is_editable(installed: Distribution) -> bool:
    """Return whether the user installed a checkout of the distribution as editable, which needs a ``.pth`` file."""
    try:
        info = json.loads(installed.read_text("direct_url.json") or "{}")
    except ValueError:
        return False
    return isinstance(info, dict) and info.get("dir_info", {}).get("editable") is True
