from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from seqbench.protocol.class_outline import read_parameters, read_summary
from seqbench.protocol.registry import ARCHITECTURES, Entry, list_entries

BUILT_IN = {name: entries[0] for name, entries in list_entries(ARCHITECTURES).items() if not entries[0].extras}


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_outline_is_that_of_the_imported_class(name: str) -> None:
    entry = BUILT_IN[name]
    loaded = entry.load()
    first = " ".join(inspect.cleandoc(loaded.__doc__).split("\n\n")[0].split())
    assert read_summary(entry) == first
    assert read_parameters(entry.value) == list(inspect.signature(loaded).parameters)


@pytest.mark.parametrize(
    ("source", "summary", "parameters"),
    [
        (
            'class Net:\n    """One line."""\n    def __init__(self, d_model, *, k=2): ...\n',
            "One line.",
            ["d_model", "k"],
        ),
        ('class Net(Base):\n    r"""Two\n    lines.\n\n    More.\n    """\n', "Two lines.", []),
        ('class Base:\n    def __init__(self, d): ...\n\nclass Net(Base):\n    """A net."""\n', "A net.", ["d"]),
        ("class Net(Base):\n    causal = True\n", "", []),
        ("class Net(:\n", "", []),
        ("def Net(): ...\n", "", []),
    ],
)
def test_the_outline_of_any_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, summary: str, parameters: list[str]
) -> None:
    name = f"outlined_{abs(hash(source))}"
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    value = f"{name}:Net"
    assert read_summary(Entry("net", value, "plug-in", "1")) == summary
    assert read_parameters(value) == parameters


def test_a_class_that_a_package_imports_from_its_modules_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "reexporting"
    package.mkdir()
    (package / "__init__.py").write_text("from .nets import Inner as Net\nfrom reexporting.nets import Other\n")
    (package / "nets.py").write_text(
        "class Base:\n    def __init__(self, d_model, k=3): ...\n\n"
        'class Inner(Base):\n    """A net."""\n\n'
        'class Other(Inner):\n    """Another."""\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert read_summary(Entry("net", "reexporting:Net", "plug-in", "1")) == "A net."
    assert read_summary(Entry("net", "reexporting:Other", "plug-in", "1")) == "Another."
    assert read_parameters("reexporting:Other") == ["d_model", "k"]


def test_imports_in_a_circle_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "circle_one.py").write_text("from circle_two import Net\n")
    (tmp_path / "circle_two.py").write_text("from circle_one import Net\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert read_parameters("circle_one:Net") == []


def test_a_module_that_does_not_exist_has_no_outline() -> None:
    assert read_summary(Entry("net", "no.such.module:Net", "plug-in", "1")) == ""
    assert read_parameters("no.such.module:Net") == []
    assert read_parameters("") == []


def test_nothing_is_imported() -> None:
    code = (
        "import sys\n"
        "from seqbench.protocol import registry, class_outline as c\n"
        "for entries in registry.list_entries(registry.ARCHITECTURES).values():\n"
        "    assert c.read_summary(entries[0])\n"
        "assert not {'torch', 'seqbench.architectures'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
