"""Write a package for your own architecture, module or task, or the card of your own board, ready to be used."""

from __future__ import annotations

import argparse
import keyword
import os
import re
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path
from string import Template

from seqbench import __version__
from seqbench.protocol import registry
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted

TEMPLATES = Path(__file__).parent.parent / "plugin_templates"
GROUPS = {"architecture": registry.ARCHITECTURES, "module": registry.ARCHITECTURES, "task": registry.TASKS}
"""Group of entry points of each kind of package; a module is an architecture that brings its own training."""

DATA_ENTRY = """

# The kind of data that the card names as its datamodule, and its class.
[project.entry-points."{group}"]
{name} = "{package}.datamodule:{class_name}\""""
"""Entry point of the datamodule in the package of a task."""

BOARD = "board"
"""The kind that is a single file, and no package."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``seqbench new`` to its parser."""
    parser.add_argument(
        "kind",
        choices=[*GROUPS, BOARD],
        help="write a package that adds this, or a board's card; a module is an architecture with training of its own",
    )
    parser.add_argument(
        "name", help="use this name of lower-case letters, digits and single dashes, such as my-backbone"
    )
    parser.add_argument(
        "--folder", type=Path, help="write the package here (default: ./seqbench-NAME), or the card (default: .)"
    )


def main(options: argparse.Namespace) -> int:
    """Write the package or the card and print the next commands; return 0.

    Raises:
        SeqbenchError: the name is invalid or taken, or the folder exists or cannot be written.
    """
    if options.kind == BOARD:
        return _write_board(options.name, options.folder or Path())
    values = template_values(options.kind, options.name)
    folder = options.folder or Path(values["distribution"])
    files = render_templates(options.kind, values)
    write_package(files, folder)
    run = f"--arch gru --task {options.name}" if options.kind == "task" else f"--arch {options.name} --task copy"
    path = folder if folder.is_absolute() else f"./{folder}"
    print(
        f"wrote {folder}: {counted(len(files), 'file')}. Next:\n"
        f"  pip install -e {shlex.quote(f'{path}[test]')}\n"
        f"  python -m pytest {shlex.quote(str(folder))}\n"
        f"  seqbench run {run} --tier smoke"
    )
    return 0


def _write_board(name: str, folder: Path) -> int:
    from seqbench.cli import board_template  # Imports pydantic.

    path, board = board_template.write_board_card(name, folder)
    print(f"wrote {path}. Change its tasks, tier and seeds as you like. Next:")
    for line in board_template.next_commands(path, board):
        print(f"  {line}")
    return 0


def template_values(kind: str, name: str) -> dict[str, str]:
    """Return the values of the placeholders in the templates.

    Raises:
        SeqbenchError: the name is not valid for a package and a class, or it is already taken.
    """
    class_name = "".join(part.capitalize() for part in name.split("-")) + ("Task" if kind == "task" else "")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or keyword.iskeyword(class_name):
        raise SeqbenchError(
            f"'{name}' cannot name a package and a class; use lower-case letters, digits and single dashes, a letter "
            f"first, as in my-{kind}."
        )
    for other, group in registry.GROUPS.items():
        if entries := registry.list_entries(group).get(name):
            raise SeqbenchError(f"there is {_with_article(other)} '{name}' already{entries[0].owner}; choose another.")
    package = f"seqbench_{name.replace('-', '_')}"
    more_entries = DATA_ENTRY.format(group=registry.DATAMODULES, name=name, package=package, class_name=class_name)
    targets = {
        "architecture": "the class of its backbone",
        "module": "the class of its module",
        "task": f"the package that holds its card, {name}.yaml",
    }
    kinds = {"architecture": "an architecture", "module": "an architecture with its own training", "task": "a task"}
    return {
        "name": name,
        "kind": kinds[kind],
        "distribution": f"seqbench-{name}",
        "package": package,
        "class_name": class_name,
        "group": GROUPS[kind],
        "value": package if kind == "task" else f"{package}:{class_name}",
        "more_entries": more_entries if kind == "task" else "",
        "option": "--task" if kind == "task" else "--arch",
        "target": targets[kind],
        "version": __version__,
        "next_version": next_minor_version(__version__),
    }


def next_minor_version(version: str) -> str:
    """Return the next version that may break a plug-in.

    >>> next_minor_version("0.1.0")
    '0.2'
    """
    major, minor = version.split(".")[:2]
    return f"{major}.{int(minor) + 1}"


def render_templates(kind: str, values: Mapping[str, str]) -> dict[Path, str]:
    """Return the texts of the package's files, by their path in the package's folder."""
    texts = {}
    for root in (TEMPLATES / "common", TEMPLATES / kind):
        for path in sorted(root.rglob("*.txt")):
            name = path.relative_to(root).as_posix().removesuffix(".txt")
            name = ".gitignore" if name == "gitignore" else name  # Git would apply a .gitignore to the templates.
            name = name.replace("PACKAGE", values["package"]).replace("NAME", values["name"])
            texts[Path(name)] = Template(path.read_text(encoding="utf-8")).substitute(values)
    return texts


def write_package(files: Mapping[Path, str], folder: Path) -> None:
    """Write all files or none: they are written into a temporary folder, which is then renamed.

    Raises:
        SeqbenchError: the folder exists, the folder above it does not, or a file cannot be written.
    """
    if os.path.lexists(folder):
        raise SeqbenchError(f"{folder} exists already and was not changed; choose another --folder.")
    parent = folder.absolute().parent
    if not parent.is_dir():
        raise SeqbenchError(f"{folder} cannot be created because there is no folder {parent}; create {parent} first.")
    try:
        with tempfile.TemporaryDirectory(dir=parent, prefix=".seqbench-new-") as temporary:
            package = Path(temporary, "package")
            for path, text in files.items():
                (package / path).parent.mkdir(parents=True, exist_ok=True)
                (package / path).write_text(text, encoding="utf-8")
            package.rename(folder)
    except OSError as error:
        raise SeqbenchError(f"{folder} cannot be written: {error.strerror}; choose another --folder.") from error


def _with_article(kind: str) -> str:
    return f"an {kind}" if kind.startswith("a") else f"a {kind}"
