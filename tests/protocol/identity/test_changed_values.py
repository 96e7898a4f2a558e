from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from seqbench.protocol.identity.changed_values import check_unchanged_values
from seqbench.utils.errors import SeqbenchError

NAME = "net_with_constants"
SOURCE = """
import enum
import functools
from math import floor

K, SCALE = 2, 3
RATE = 0.5
BLOCKS = []
BLOCKS.append("a")
counter = 0
mode = "a"
mode = "b"

class Kind(enum.IntEnum):
    ONE = 1

def count():
    global counter
    counter += 1

class Base:
    width = 4
    names = ("a", "b")
    calls = 0

    def forward(self):
        Base.calls += 1

class Net(Base):
    dilation = 1
    rounded = floor

    def forward(self):
        return self.dilation

    def wrapped(self): ...
    wrapped = functools.partial(wrapped)

    @functools.cache
    def cached(self): ...
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / f"{NAME}.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module(NAME)
    del sys.modules[NAME]


def foreign(self: object) -> None: ...


def test_a_module_as_it_was_imported_is_accepted(module: ModuleType) -> None:
    check_unchanged_values(module, SOURCE.encode())


def test_what_the_source_itself_changes_is_accepted(module: ModuleType) -> None:
    module.count()
    module.Net().forward()
    module.Base().forward()
    module.BLOCKS.append("b")
    check_unchanged_values(module, SOURCE.encode())


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda m: setattr(m.Net, "dilation", 2), "Net.dilation was changed .*1 in the file, 2 now"),
        (lambda m: setattr(m.Net, "dilation", True), "Net.dilation"),
        (lambda m: setattr(m.Base, "names", ("a",)), "Base.names"),
        (lambda m: setattr(m, "RATE", 0.25), f"{NAME}.RATE"),
        (lambda m: setattr(m.Net, "forward", foreign), "Net.forward was changed .* has replaced it"),
    ],
)
def test_a_change_from_outside_is_refused(module: ModuleType, change: Callable[[ModuleType], None], place: str) -> None:
    change(module)
    with pytest.raises(SeqbenchError, match=f"^{place}"):
        check_unchanged_values(module, SOURCE.encode())


def test_computed_names_of_the_source_may_have_any_value(module: ModuleType) -> None:
    module.Net.dilation = 2
    check_unchanged_values(module, f"{SOURCE}\nsetattr(Net, 'dilation', 2)\n".encode())


def test_a_source_that_is_no_python_is_accepted(module: ModuleType) -> None:
    check_unchanged_values(module, b"\x7fELF\x00")
