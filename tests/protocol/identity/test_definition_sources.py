"""Classes of scripts, which run in a process of their own, and classes of functions."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from seqbench.architectures.recurrent import GRU
from seqbench.protocol.identity.class_sources import class_digests
from seqbench.protocol.identity.definition_sources import find_defined_class, is_importable
from seqbench.utils.errors import NotAtHand, SeqbenchError

SCRIPT = """
import json
import torch
import helper
from torch import nn

SCALE = 2.0
UNUSED = 1


def act(x):
    return inner(x) * SCALE


def inner(x):
    return torch.tanh(x)


class Base(nn.Module):
    causal = True


class MyNet(Base):
    rate = 0.5

    def __init__(self, d_model: int):
        super().__init__()

    @staticmethod
    def fixed(x):
        return [helper.f(y) for y in x]

    def forward(self, x, lengths=None):
        return act(x)


if __name__ == "__main__":
    from seqbench.protocol import registry
    entry = registry.class_entry(MyNet)
    print(json.dumps({"name": entry.name, **entry.file_digests()}))
"""

EDITS = {
    "a method": ("return act(x)", "return act(x) + 1", "__main__:MyNet.forward"),
    "a static method": ("return [helper", "return [1 * helper", "__main__:MyNet.fixed"),
    "an attribute": ("rate = 0.5", "rate = 0.25", "__main__:MyNet.rate"),
    "an attribute of the base class": ("causal = True", "causal = False", "__main__:Base.causal"),
    "a function": ("inner(x) *", "inner(x) +", "__main__.act"),
    "a function of a function": ("tanh", "relu", "__main__.inner"),
    "a base class": ("(nn.Module)", "(nn.ReLU)", "__main__:Base"),
    "another function of the same library": (
        "import torch\n",
        "import torch.nn.functional as torch\n",
        "__main__.torch",
    ),
    "a value": ("SCALE = 2.0", "SCALE = 3.0", "__main__.SCALE"),
}


def run_script(folder: Path, text: str) -> dict[str, str]:
    (folder / "helper.py").write_text("def f(x): return x")
    (folder / "script.py").write_text(text)
    done = subprocess.run([sys.executable, "script.py"], cwd=folder, capture_output=True, text=True, check=True)
    digests: dict[str, str] = json.loads(done.stdout)
    return digests


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digests of the script's class."""
    return run_script(tmp_path_factory.mktemp("script"), SCRIPT)


def test_all_that_a_class_of_a_script_uses_has_a_digest(before: dict[str, str]) -> None:
    names = {name for _, _, name in EDITS.values()} | {"__main__:MyNet.__init__", "helper.py", "name"}
    names |= {"__main__:MyNet", "__main__:Base", "__main__.torch", "__main__.helper"}
    assert set(before) == names
    assert before["name"] == "__main__:MyNet"


def test_each_edit_of_what_a_class_uses_changes_one_digest_and_no_other_edit_does(
    before: dict[str, str], tmp_path: Path
) -> None:
    text = SCRIPT
    for old, new, _ in EDITS.values():
        assert text.count(old) == 1
        text = text.replace(old, new)
    edited = run_script(tmp_path, text)
    changed = {name for name in before if before[name] != edited[name]}
    assert changed == {name for _, _, name in EDITS.values()}
    harmless = SCRIPT.replace("UNUSED = 1", "UNUSED = 2  # A comment.\n").replace(
        "    return act", "    # No.\n        return act"
    )
    assert run_script(tmp_path, harmless) == before


def build_class(width: object) -> type:
    class Inner(nn.Module):
        def forward(self, x: object) -> object:
            return x, width

    return Inner


def test_the_variables_of_a_function_count() -> None:
    one, same, other = (class_digests(build_class(value)) for value in (1, 1, 2))
    assert one == same != other
    label = f"{__name__}:build_class.<locals>.Inner.forward"
    assert [name for name in one if one[name] != other[name]] == [f"{label}.width"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("one", "two"),
        (1, True),
        ((1, 2), [1, 2]),
        (nn.Linear(2, 2), nn.Linear(3, 2)),
        ({"a": nn.ReLU}, {"a": nn.Tanh}),
        (open, lambda: None),
    ],
)
def test_values_that_differ_have_different_digests(first: object, second: object) -> None:
    assert class_digests(build_class(first)) != class_digests(build_class(second))


def test_functions_that_call_each_other_are_added_once() -> None:
    def even(n: int) -> object:
        return n == 0 or odd(n - 1)

    def odd(n: int) -> object:
        return n != 0 and even(n - 1)

    first, second = lambda x: x, lambda x: 2 * x
    one, other = class_digests(build_class((even, first))), class_digests(build_class(even))
    assert one != other
    assert class_digests(build_class(first)) != class_digests(build_class(second))


def test_a_class_that_was_made_by_exec_is_refused() -> None:
    space: dict[str, Any] = {"__name__": "made"}
    exec("class Net:\n    def forward(self, x): return x", space)
    with pytest.raises(SeqbenchError, match=r"the source of Net\.forward is not known.*save the class in a file"):
        class_digests(space["Net"])


def test_a_script_that_was_edited_since_its_start_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "later.py"
    text = textwrap.dedent("class Net:\n    def forward(self, x): return x\n")
    file.write_text(text)
    space: dict[str, Any] = {"__name__": "later"}
    exec(compile(text, str(file), "exec", dont_inherit=True), space)
    file.write_text(text.replace("return x", "return 1"))
    with pytest.raises(SeqbenchError, match=r"^later\.py has changed since it was started.*start it again\.$"):
        class_digests(space["Net"])


def test_the_digest_of_a_function_is_that_of_the_first_look(tmp_path: Path) -> None:
    file = tmp_path / "later.py"
    file.write_text("class Net:\n    def forward(self, x): return x\n")
    space: dict[str, Any] = {"__name__": "later"}
    exec(compile(file.read_text(), str(file), "exec", dont_inherit=True), space)
    first = class_digests(space["Net"])
    file.write_text("class Net:\n    def forward(self, x): return 1\n")
    assert class_digests(space["Net"]) == first


def test_a_class_is_importable_if_its_path_leads_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_importable(nn.Linear)
    assert not is_importable(build_class(1))
    renamed: Callable[..., type] = type
    assert not is_importable(renamed("Linear", (nn.Module,), {"__module__": "torch.nn"}))
    monkeypatch.setattr(nn.Linear, "__module__", "__main__")
    assert not is_importable(nn.Linear)


def test_a_class_of_the_running_script_is_found_by_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["__main__"], "MyNet", nn.Linear, raising=False)
    assert find_defined_class("__main__:MyNet") is nn.Linear
    for path in ("__main__:Other", "nets:make.<locals>.Other"):
        with pytest.raises(NotAtHand, match=r"seqbench\.load\(run, arch=MyNet\).* give my_file:Other\.$"):
            find_defined_class(path)


RICH = """
import dataclasses
import functools
import json
import torch
from torch import nn

WIDTH = 2
FACTOR = 2
TABLE = torch.arange(3.0)
KINDS = {"a", "b", "c", "d", "e"}
size = 1


def scaled(factor):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args):
            return factor * function(*args)
        return wrapper
    return decorate


class Block(nn.Module):
    def forward(self, x):
        return x + 3


@dataclasses.dataclass
class Options:
    depth: int = 4

    def twice(self):
        return 5 * self.depth


BLOCKS = {"a": [Block, lambda x: x + 6]}
OPTIONS = Options(7)


def power(x, n):
    return x ** n + 8


class MyNet(nn.Module):
    square = functools.partial(power, n=9)

    def __init__(self, d_model, width=WIDTH, *, other=WIDTH + 10):
        super().__init__()

    @property
    def gain(self):
        return 1

    @gain.setter
    def gain(self, value):
        self.kept = value + 11

    @functools.cached_property
    def once(self):
        return 12

    @torch.no_grad()
    def read(self):
        return 13

    @scaled(FACTOR)
    def forward(self, x):
        return BLOCKS, OPTIONS, TABLE, KINDS, x.size(1)


if __name__ == "__main__":
    from seqbench.protocol import registry
    print(json.dumps(registry.class_entry(MyNet).file_digests()))
"""

UNSEEN = {
    "a default of an argument": ("WIDTH = 2", "WIDTH = 3", {"width", "other"}),
    "a default of a keyword": ("WIDTH + 10", "1 * WIDTH + 10", {"__init__"}),
    "the body of an own decorator": ("return factor * function", "return factor + function", {"forward"}),
    "the argument of an own decorator": ("FACTOR = 2", "FACTOR = 3", {"factor"}),
    "a setter": ("value + 11", "value - 11", {"fset"}),
    "a cached property": ("return 12", "return 21", {"func"}),
    "a method below a decorator of a library": ("return 13", "return 31", {"__wrapped__", "func"}),
    "a class inside of a list of a dict": ("x + 3", "x - 3", {"forward"}),
    "a lambda inside of a list of a dict": ("x + 6", "x - 6", {"BLOCKS[1]"}),
    "a method of the class of an object": ("return 5", "return 6", {"twice"}),
    "a value of an object": ("Options(7)", "Options(8)", {"OPTIONS"}),
    "a default of a dataclass": ("depth: int = 4", "depth: int = 3", {"depth"}),
    "the function of a partial": ("+ 8", "- 8", {"square[1]"}),
    "the argument of a partial": ("n=9", "n=10", {"square"}),
    "a tensor": ("arange(3.0)", "arange(4.0)", {"TABLE"}),
    "a set": ('"d", "e"', '"d", "f"', {"KINDS"}),
    "a global with the name of a method": ("size = 1", "size = 2", set()),
}


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digests of a script's class that uses functions and classes in many ways."""
    return run_script(tmp_path_factory.mktemp("rich"), RICH)


def test_the_digests_of_a_script_are_the_same_in_each_process(rich: dict[str, str], tmp_path: Path) -> None:
    assert run_script(tmp_path, RICH) == rich
    assert "__main__.size" not in rich


def test_edits_of_all_that_a_class_uses_in_other_ways_change_its_digests(rich: dict[str, str], tmp_path: Path) -> None:
    text = RICH
    for old, new, _ in UNSEEN.values():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    edited = run_script(tmp_path, text)
    changed = {name.rpartition(".")[2] for name in rich if rich[name] != edited.get(name)}
    for what, (_, _, names) in UNSEEN.items():
        assert names <= changed, (what, sorted(rich))


def test_a_base_class_of_seqbench_may_move_to_another_file(monkeypatch: pytest.MonkeyPatch) -> None:
    class Net(GRU):
        pass

    before = class_digests(Net)
    monkeypatch.setitem(sys.modules, "seqbench.architectures.elsewhere", sys.modules[GRU.__module__])
    monkeypatch.setattr(GRU, "__module__", "seqbench.architectures.elsewhere")
    assert class_digests(Net) == before
