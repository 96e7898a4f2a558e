"""Plug-ins that records name, installed from the package index for the confined process of the net alone.

Only wheels are installed, so that no code of a plug-in runs while it is installed. They go into a folder of their own,
which only the process of the net searches for modules, and after all others: start-up files (``.pth``) in it are not
read, and none of its modules replaces another one.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from seqbench.protocol.identity.package_sources import SEQBENCH, distribution_digest
from seqbench.protocol.records import Record
from seqbench.protocol.registry import PLUGIN_FOLDERS, forget_entries, plugin_folders
from seqbench.utils.errors import SeqbenchError, one_line
from seqbench.utils.number_format import counted
from seqbench.utils.plain_data import short_repr

MOST_PLUGINS = 20
"""Largest number of plug-ins that one request may name."""
SECONDS = 300.0
"""Longest time of the installation of one plug-in (s)."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?", re.ASCII)
_VERSION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.!+_-]{0,98})?", re.ASCII)

Run = Callable[[list[str]], "subprocess.CompletedProcess[str]"]
"""A function that runs a command."""


def named_plugins(records: Iterable[Record]) -> list[tuple[str, str]]:
    """Return the distributions of the records' architectures with their versions, without seqbench, in order.

    Raises:
        SeqbenchError: a name or a version is malformed, or there are too many.
    """
    found: set[tuple[str, str]] = set()
    for record in records:
        for part in (record.config.architecture, record.config.encoder):
            if part is None or part.distribution in (None, SEQBENCH):
                continue
            name, version = str(part.distribution), str(part.version)
            if not (_NAME.fullmatch(name) and _VERSION.fullmatch(version)):
                raise SeqbenchError(
                    f"a record names the distribution {short_repr(name)} in version {short_repr(version)}, which the "
                    f"package index cannot have"
                )
            found.add((name, version))
    if len(found) > MOST_PLUGINS:
        raise SeqbenchError(
            f"the records name {counted(len(found), 'distribution')}; send at most {MOST_PLUGINS} at once"
        )
    return sorted(found)


def install_plugins(plugins: Iterable[tuple[str, str]], folder: Path, run: Run | None = None) -> list[str]:
    """Install the wheels of plug-ins, without their requirements, and return why some could not be installed.

    Args:
        plugins: distributions with their versions.
        folder: folder for the installed files.
        run: runs a command; by default in a process of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    problems = []
    for name, version in plugins:
        command = [sys.executable, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command += ["--no-input", "--only-binary", ":all:", "--no-deps", "--no-compile"]
        command += ["--target", str(folder), f"{name}=={version}"]
        try:
            done = (run or _run)(command)
        except (OSError, subprocess.TimeoutExpired) as error:
            problems.append(f"{name} {version} could not be installed: {one_line(error, 300)}")
            continue
        if done.returncode:
            why = one_line(done.stderr, 300)
            problems.append(f"{name} {version} could not be installed as a wheel from the package index: {why}")
    return problems


@contextlib.contextmanager
def use_plugin_folder(folder: Path) -> Iterator[None]:
    """Let this process read the metadata of the plug-ins in a folder, and the process of a net import them.

    Args:
        folder: folder into which plug-ins were installed.
    """
    before = os.environ.get(PLUGIN_FOLDERS)
    os.environ[PLUGIN_FOLDERS] = os.pathsep.join((*plugin_folders(), str(folder)))
    _forget_distributions()
    try:
        yield
    finally:
        del os.environ[PLUGIN_FOLDERS]
        if before is not None:
            os.environ[PLUGIN_FOLDERS] = before
        _forget_distributions()


def _forget_distributions() -> None:
    forget_entries()
    distribution_digest.cache_clear()


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
