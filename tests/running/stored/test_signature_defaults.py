"""Defaults that are read from source equal those of the imported classes."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from seqbench.protocol import registry
from seqbench.running.stored.signature_defaults import signature_defaults


@pytest.mark.parametrize("name", list(registry.list_entries(registry.ARCHITECTURES)))
def test_the_defaults_of_every_architecture_are_those_of_its_signature(name: str) -> None:
    entry = registry.find_entry(registry.ARCHITECTURES, name)
    try:
        backbone = entry.load()
    except registry.MissingLibrary:
        pytest.skip("its library is not installed")
    parameters = inspect.signature(backbone).parameters.values()
    expected = {one.name: one.default for one in parameters if one.default is not one.empty}
    assert signature_defaults(entry.value) == expected


def test_a_class_of_the_current_folder_is_read_and_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my_own_net.py").write_text(
        "raise SystemExit('imported')\n"
        "class Base:\n    def __init__(self, d_model, layers=2, *, width=3): ...\n"
        "class Net(Base):\n    def __init__(self, d_model, rate=0.5, act=print, **more): ...\n"
        "class Same(Net): ...\n"
    )
    assert signature_defaults("my_own_net:Net") == {"layers": 2, "width": 3, "rate": 0.5}
    assert signature_defaults("my_own_net:Same") == signature_defaults("my_own_net:Net")
    assert signature_defaults("my_own_net:Missing") is None
    assert signature_defaults("no_such_file:Net") is None


@pytest.mark.parametrize("path", ["", "x", ":", "a.b", "../x:Y", "seqbench.no:Net", "math:pi"])
def test_a_path_without_a_class_has_no_defaults(path: str) -> None:
    assert signature_defaults(path) is None


def test_reading_imports_no_torch() -> None:
    code = (
        "import sys; from seqbench.running.stored.signature_defaults import signature_defaults;"
        "print(signature_defaults('seqbench.architectures.recurrent:GRU')['num_layers'], 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False"]
