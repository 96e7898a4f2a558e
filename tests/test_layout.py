"""The layout of the package: its entries, the direction of imports, names of modules, and tests that mirror them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.mutants.run import read_mutations

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "seqbench"

ROOMS = [
    "cli",
    "sweep",
    "verification",
    "leaderboard",
    "testing",
    "running",
    "models",
    "datamodules",
    "architectures",
    "protocol",
    "ops",
    "utils",
]
"""The packages from top to bottom. A module may import its own package and those further down."""

LEVEL = {room: level for level, room in enumerate(ROOMS)}
MOST_ENTRIES = 12
MOST_MODULES = 20

NO_ARROW = re.compile(r"seqbench\.(architectures|tasks|datamodules$)")
"""Strings that name a group of entry points, not a package."""

SAME_MEANING = {
    "base": "the base class of a package's classes",
    "linear_attention": "the kernel, and the architecture that is made of it",
    "values": "objectives for real values",
    "verify": "the command, and the function that it calls",
}
"""Module names that occur more than once, with the one meaning that they have."""


CROSS_CUTTING = {
    "leaderboard/pages/test_browser.py",
    "leaderboard/pages/test_page_layout.py",
    "verification/test_attempts.py",
    "test_all_architectures.py",
    "test_architectures_on_tasks.py",
    "test_card_recipes.py",
    "test_distributed.py",
    "test_doctests.py",
    "test_examples.py",
    "test_gpu.py",
    "test_layout.py",
    "test_lightning_page.py",
    "test_own_modules.py",
    "test_notebook.py",
    "test_package.py",
    "test_plugins.py",
    "test_readme.py",
    "test_recipes_page.py",
    "test_training.py",
    "test_what_decides.py",
    "test_workflows.py",
}
"""Test files that belong to no single module; besides them, those of ``fuzzing/`` and ``survival/``."""


def modules() -> list[Path]:
    """The Python files of the package, without what a wheel adds."""
    return [path for path in sorted(PACKAGE.rglob("*.py")) if "_data" not in path.parts]


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def targets_of(path: Path) -> Iterator[tuple[int, str]]:
    """The line and the dotted name of everything in seqbench that a file imports or names in a string.

    Imports for type checking alone do not count. Strings count wherever they stand, but for docstrings: a name such as
    ``"seqbench.running.samples.text_sample"`` may be imported at run time.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            skipped.update(id(child) for child in ast.walk(node))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))
    for node in ast.walk(tree):
        if id(node) in skipped or not isinstance(node, ast.Import | ast.ImportFrom | ast.Constant):
            continue
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node.value, str):
            names = [name for name in re.findall(r"seqbench(?:\.\w+)+", node.value) if not NO_ARROW.match(name)]
        for name in names:
            if name.startswith("seqbench."):
                yield node.lineno, name


def arrows() -> Iterator[tuple[str, str, str]]:
    """The package, the package that it needs, and where it says so."""
    for path in modules():
        for line, name in targets_of(path):
            target = name.split(".")[1]
            if target in LEVEL:
                yield room_of(path), target, f"{path.relative_to(ROOT)}:{line} names {name}"


def test_the_top_of_the_package_has_at_most_a_dozen_entries() -> None:
    dunder = {"__init__.py", "__main__.py", "__pycache__", "py.typed", "_data"}
    entries = sorted(path.name for path in PACKAGE.iterdir() if path.name not in dunder)
    assert len(entries) <= MOST_ENTRIES
    assert entries == sorted(ROOMS)


def test_packages_import_and_name_only_packages_below_them() -> None:
    # The package's own functions import what they need when they are called, and so do its two entry files.
    wrong = [
        where for room, target, where in arrows() if room in LEVEL and target != room and LEVEL[target] < LEVEL[room]
    ]
    assert wrong == []


def test_imports_and_names_in_strings_are_found(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(
        '"""A docstring may name seqbench.cli."""\n'
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from seqbench.cli import main\n"
        "from seqbench.utils import errors\n"
        'SAMPLER = "seqbench.running.samples:show"\n'
    )
    assert [name for _, name in targets_of(file)] == ["seqbench.utils.errors", "seqbench.running.samples"]


def test_packages_have_no_import_cycles() -> None:
    needs: dict[str, set[str]] = {room: set() for room in ROOMS}
    for room, target, _ in arrows():
        if room in LEVEL and target != room:
            needs[room].add(target)
    done: set[str] = set()
    while ready := {room for room, targets in needs.items() if room not in done and targets <= done}:
        done |= ready
    assert set(needs) - done == set()


def test_architectures_import_only_ops() -> None:
    for room, allowed in (("architectures", {"architectures", "ops"}), ("ops", {"ops"})):
        assert {target for source, target, _ in arrows() if source == room} <= allowed


def test_packages_stay_small() -> None:
    sizes = {
        str(folder.relative_to(ROOT)): len([path for path in folder.glob("*.py") if path.name != "__init__.py"])
        for folder in PACKAGE.rglob("*")
        if folder.is_dir()
    }
    assert {name: size for name, size in sizes.items() if size > MOST_MODULES} == {}


def test_no_module_has_the_name_of_a_standard_module() -> None:
    names = {path.stem if path.stem != "__init__" else path.parent.name for path in modules()}
    assert names & set(sys.stdlib_module_names) - {"__main__"} == set()


def test_a_module_name_occurs_twice_only_with_one_meaning() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in modules():
        if not path.stem.startswith("__"):
            places[path.stem].append(str(path.relative_to(ROOT)))
    assert {name for name, found in places.items() if len(found) > 1} <= set(SAME_MEANING)


def test_no_function_has_a_vague_name() -> None:
    empty = {"of", "make", "told", "said", "go_on", "deaf", "read", "load", "get", "do", "run_it", "handle", "process"}
    named = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in modules()
        if path != PACKAGE / "__init__.py"  # ``seqbench.load`` is the public name.
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.lstrip("_") in empty
    ]
    assert named == []


def mirrored_test(path: Path) -> Path:
    """Return the test file of a module."""
    inside = path.relative_to(PACKAGE)
    return ROOT / "tests" / inside.parent / f"test_{inside.stem}.py"


def test_every_module_has_its_test_file() -> None:
    # Modules with a leading underscore are tested through the module that uses them.
    public = [path for path in modules() if not path.stem.startswith("_")]
    assert [str(path.relative_to(ROOT)) for path in public if not mirrored_test(path).is_file()] == []


def test_every_test_file_has_its_module() -> None:
    tests = ROOT / "tests"
    expected = {mirrored_test(path) for path in modules()} | {tests / name for name in CROSS_CUTTING}
    found = {
        path for path in tests.rglob("test_*.py") if path.relative_to(tests).parts[0] not in ("fuzzing", "survival")
    }
    assert sorted(str(path.relative_to(tests)) for path in found - expected) == []
    assert sorted(name for name in CROSS_CUTTING if not (tests / name).is_file()) == []


def test_light_modules_import_nothing_heavy() -> None:
    code = (
        "import sys, seqbench, seqbench.cli.main as m, seqbench.running.run_config, seqbench.protocol.records;"
        "import seqbench.datamodules.sources.data_location;"
        "m.build_parser();"
        "print([n for n in ('torch', 'lightning', 'wandb', 'numpy', 'datasets', 'jsonargparse') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_mutation_can_be_applied() -> None:
    mutations = read_mutations()
    for mutation in mutations:
        mutation.apply((ROOT / mutation.file).read_text(encoding="utf-8"))
    assert sorted({one.tests for one in mutations if not (ROOT / one.tests).is_file()}) == []
    assert len(mutations) >= 100
