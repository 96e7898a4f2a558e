"""The house: who may import whom. Arrows run downwards only."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent / "seqbench"

# From top to bottom. A room may import rooms further down, and files of its own room.
FLOORS = [
    ["__main__"],
    ["cli"],
    ["testing"],
    ["__init__"],
    ["sweep"],
    ["verify"],
    ["runner"],
    ["evidence"],
    ["evaluation"],
    ["restoring"],
    ["leaderboard"],
    ["provenance", "tracking", "scoring", "samples", "trainer"],
    ["callbacks", "diagnostics"],
    ["sizes"],
    ["assembly"],
    ["module"],
    ["decoding"],
    ["bodies", "objectives"],
    ["architectures"],
    ["ops"],
    ["options"],
    ["datamodules"],
    ["sources"],
    ["batches", "vocabulary", "tokenization"],
    ["specs"],
    ["config"],
    ["cards", "folders"],
    ["records", "fields", "agreement"],
    ["plain", "lines"],
    ["registry", "network", "redaction", "processes", "disk", "units"],
    ["errors"],
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    return parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    """The rooms of seqbench that a file imports, anywhere in it, but for type checking."""
    found: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            skipped.update(id(child) for child in ast.walk(node))
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "seqbench" and len(parts) > 1:
                found.add(parts[1] if parts[1] in FLOOR else "__init__")
    return found


def test_arrows_run_downwards() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {target}"
        for path in sorted(ROOT.rglob("*.py"))
        if "_data" not in path.parts
        for room in [room_of(path)]
        for target in imports_of(path)
        if target != room and FLOOR[target] <= FLOOR[room] and not (room == "cli" and target == "__init__")
        # The package's own functions import what they need when they are called.
        if room != "__init__"
    ]
    assert wrong == []


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(p) for p in ROOT.rglob("*.py")} - {"_data"}
    assert rooms == set(FLOOR)


def test_no_cycles_between_rooms() -> None:
    arrows: dict[str, set[str]] = {}
    for path in ROOT.rglob("*.py"):
        arrows.setdefault(room_of(path), set()).update(imports_of(path) - {room_of(path), "__init__"})
    arrows.pop("__init__", None)
    done: set[str] = set()
    while ready := {room for room, targets in arrows.items() if room not in done and targets <= done}:
        done |= ready
    assert set(arrows) - done == set()


def test_architectures_know_torch_and_kernels_alone() -> None:
    for room, allowed in (("architectures", {"architectures", "ops"}), ("ops", {"ops"})):
        for path in (ROOT / room).rglob("*.py"):
            assert imports_of(path) <= allowed, path


def test_plain_rooms_import_nothing_heavy() -> None:
    code = (
        "import sys, seqbench, seqbench.cli.main as m, seqbench.options, seqbench.records, seqbench.sources.locating;"
        "m.make_parser();"
        "print([n for n in ('torch', 'lightning', 'wandb', 'numpy', 'datasets', 'jsonargparse') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
