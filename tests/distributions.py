"""Installed distributions for tests: a folder on ``sys.path`` with metadata and modules, as pip writes them."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from seqbench.protocol import registry

NET = """
from torch import nn
class Net(nn.Module):
    causal = True
    def __init__(self, d_model: int):
        super().__init__()
        self.linear = nn.Linear(d_model, d_model)
    def forward(self, x, lengths=None):
        return self.linear(x)
"""


class Site:
    """A folder of installed distributions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(
        self,
        name: str,
        architectures: Mapping[str, str] | None = None,
        tasks: Mapping[str, str] | None = None,
        files: Mapping[str, str] | None = None,
        version: str = "1.0",
        datamodules: Mapping[str, str] | None = None,
    ) -> None:
        """Write a distribution into the folder.

        Args:
            name: name of the distribution.
            architectures: value of each entry point for an architecture, by name.
            tasks: value of each entry point for a task, by name.
            files: text of each file, by path.
            version: version of the distribution.
            datamodules: value of each entry point for a kind of data, by name.
        """
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        groups = {
            registry.ARCHITECTURES: architectures or {},
            registry.TASKS: tasks or {},
            registry.DATAMODULES: datamodules or {},
        }
        lines = [
            f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in entries.items()) for group, entries in groups.items()
        ]
        texts = {
            info / "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            info / "entry_points.txt": "\n".join(lines),
            **{self.folder / path: textwrap.dedent(text) for path, text in (files or {}).items()},
        }
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        clear_registry()


def clear_registry() -> None:
    """Clear the caches of the registry, so that it reads the entry points again."""
    registry.list_entries.cache_clear()
    registry._installed_entry_points.cache_clear()


@contextmanager
def site(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Add an empty folder to ``sys.path``, and remove the modules imported from it afterwards."""
    folder.mkdir(exist_ok=True)
    monkeypatch.syspath_prepend(folder)
    known = set(sys.modules)
    try:
        yield Site(folder)
    finally:
        for name in set(sys.modules) - known:
            if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
                del sys.modules[name]
        monkeypatch.undo()
        clear_registry()
