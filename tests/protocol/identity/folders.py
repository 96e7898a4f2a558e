"""A folder of a user with files, as the current folder of a test."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from seqbench.protocol.identity import module_sources, path_imports

NET = """\
import torch
from torch import nn


class MyNet(nn.Module):
    causal = True

    def __init__(self, d_model: int, hidden: int = 4):
        super().__init__()
        self.inner = nn.Linear(d_model, hidden)
        self.outer = nn.Linear(hidden, d_model)

    def forward(self, x, lengths=None):
        return self.outer(torch.tanh(self.inner(x)))
"""


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write files with their parent folders."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")


@contextmanager
def user_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make a folder the current one; forget the modules that are imported from it afterwards."""
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    for name in module_sources._recorded:  # An earlier test may have imported a file of the same name.
        sys.modules.pop(name, None)
        module_sources._known.pop(name, None)
    module_sources._recorded.clear()
    path, known = list(sys.path), set(sys.modules)
    try:
        yield folder
    finally:
        sys.path[:] = path
        path_imports._added_folders.clear()
        for name in set(sys.modules) - known:
            module = sys.modules[name]
            paths: object = getattr(module, "__path__", [])  # That of `torch.classes` is no list of folders.
            places = [getattr(module, "__file__", None), *(paths if isinstance(paths, Iterable) else [])]
            if any(str(place).startswith(str(folder)) for place in places):
                del sys.modules[name]
                module_sources._known.pop(name, None)
                module_sources._recorded.discard(name)
