"""Write a package of your own: an architecture or a task, with tests, ready to install and to publish."""

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

TEMPLATES = Path(__file__).parent.parent / "plugin_templates"
GROUPS = {"architecture": registry.ARCHITECTURES, "task": registry.TASKS}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to write, its name, and where."""
    parser.add_argument("kind", choices=GROUPS, help="what the package adds")
    parser.add_argument("name", help="lower case, digits and single dashes, as in my-backbone")
    parser.add_argument("--folder", type=Path, help="where to write it (default: ./seqbench-NAME)")


def main(options: argparse.Namespace) -> int:
    """Write the package, and print what to do next."""
    words = words_of(options.kind, options.name)
    folder = options.folder or Path(words["distribution"])
    files = render(options.kind, words)
    write(files, folder)
    run = {"architecture": f"--arch {options.name} --task copy", "task": f"--arch gru --task {options.name}"}
    here = folder if folder.is_absolute() else f"./{folder}"
    print(
        f"wrote {folder}: {len(files)} files. Next:\n"
        f"  pip install -e {shlex.quote(f'{here}[test]')}\n"
        f"  python -m pytest {shlex.quote(str(folder))}\n"
        f"  seqbench run {run[options.kind]} --tier smoke"
    )
    return 0


def words_of(kind: str, name: str) -> dict[str, str]:
    """What the templates' placeholders stand for.

    Raises:
        SeqbenchError: the name cannot be that of a package and a class, or is taken.
    """
    class_name = "".join(part.capitalize() for part in name.split("-")) + ("Task" if kind == "task" else "")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or keyword.iskeyword(class_name):
        raise SeqbenchError(
            f"'{name}' cannot name a package and a class; use lower-case letters, digits and single dashes, a letter "
            f"first, as in my-{kind}."
        )
    for other, group in GROUPS.items():
        if entries := registry.list_entries(group).get(name):
            raise SeqbenchError(f"there is {_a(other)} '{name}' already{entries[0].owner}; choose another name.")
    package = f"seqbench_{name.replace('-', '_')}"
    values = {"architecture": f"{package}:{class_name}", "task": package}
    what = {"architecture": "the class that is its backbone", "task": f"the package that holds its card, {name}.yaml"}
    return {
        "name": name,
        "kind": _a(kind),
        "distribution": f"seqbench-{name}",
        "package": package,
        "class_name": class_name,
        "group": GROUPS[kind],
        "value": values[kind],
        "what": what[kind],
        "version": __version__,
    }


def render(kind: str, words: Mapping[str, str]) -> dict[Path, str]:
    """The package's files, each by its path in the package's folder."""
    found = {}
    for root in (TEMPLATES / "common", TEMPLATES / kind):
        for path in sorted(root.rglob("*.txt")):
            name = path.relative_to(root).as_posix().removesuffix(".txt")
            name = ".gitignore" if name == "gitignore" else name  # A real one would act on the templates.
            name = name.replace("PACKAGE", words["package"]).replace("NAME", words["name"])
            found[Path(name)] = Template(path.read_text(encoding="utf-8")).substitute(words)
    return found


def write(files: Mapping[Path, str], folder: Path) -> None:
    """Write all the files, or none: under another name first.

    Raises:
        SeqbenchError: the folder exists, the one that it should stand in does not, or it cannot be written.
    """
    if os.path.lexists(folder):
        raise SeqbenchError(f"{folder} exists already and was left as it is; choose another --folder.")
    parent = folder.absolute().parent
    if not parent.is_dir():
        raise SeqbenchError(f"{folder} cannot be made, there is no folder {parent}; make that one first.")
    try:
        with tempfile.TemporaryDirectory(dir=parent, prefix=".seqbench-new-") as unfinished:
            whole = Path(unfinished, "package")
            for path, text in files.items():
                (whole / path).parent.mkdir(parents=True, exist_ok=True)
                (whole / path).write_text(text, encoding="utf-8")
            whole.rename(folder)
    except OSError as error:
        raise SeqbenchError(f"{folder} cannot be written: {error.strerror}; choose another --folder.") from error


def _a(kind: str) -> str:
    return f"an {kind}" if kind.startswith("a") else f"a {kind}"
