"""The files in which a request differs from its base; a request may only add records and change generated pages.

Both folders are compared byte by byte, without git: a checkout of a request may hold a configuration that makes git run
commands. No link is followed.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from seqbench.leaderboard.data.board_paths import ROOT
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted

LARGEST_RECORD = 2 * 2**20
"""Largest size of a record (bytes)."""
MOST_RECORDS = 2000
"""Largest number of new records in one request."""
MOST_FILES = 100_000
"""Largest number of files of a folder that is compared."""
OWN_REQUEST = "open a request of its own for that"

RECORD = re.compile(rf"{ROOT}/(?P<board>[\w.-]+)/results/[\w.+-]+/[\w.+-]+/[\w.+-]+\.json", re.ASCII)
"""Path of a record, below a board of any name."""
PAGE = re.compile(rf"{ROOT}/(?P<board>[\w.-]+)/(README\.md|index\.html|board\.(csv|json|tex))", re.ASCII)
"""Path of a generated page; the pages of a request are not used, because they are generated again."""
CARD = re.compile(rf"{ROOT}/[^/]+\.yaml|tasks/.*")
WORKFLOW = re.compile(r"\.github/.*|\.ci/.*")


@dataclass(frozen=True)
class Refusal:
    """A file of a request that is refused: its path and the reason."""

    path: str
    reason: str


@dataclass(frozen=True)
class RequestChanges:
    """The changes of a request.

    Args:
        records: paths of the new records.
        pages: number of generated pages that differ; they are generated again.
        refused: files that a request for records may not change.
    """

    records: tuple[PurePosixPath, ...]
    pages: int
    refused: tuple[Refusal, ...]


def find_changes(base: Path, request: Path) -> RequestChanges:
    """Return the changes between two folders.

    Args:
        base: clean checkout of the base branch, which is trusted.
        request: clean checkout of the request, merged into the base branch; it is hostile data.

    Raises:
        SeqbenchError: a folder does not exist or holds no boards, or is too large.
    """
    for folder in (base, request):
        if not (folder / ROOT).is_dir():
            raise SeqbenchError(f"{folder} has no folder {ROOT}; give a checkout of the repository.")
    before, after = dict(_base_files(base)), dict(_walk(request))
    records: list[PurePosixPath] = []
    refused: list[Refusal] = []
    pages = 0
    for name in sorted(before.keys() | after.keys()):
        if name in before and name in after and _same_file(before[name], after[name]):
            continue
        if reason := _objection(name, before.get(name), after.get(name)):
            refused.append(Refusal(name, reason))
        elif PAGE.fullmatch(name):
            pages += 1
        else:
            records.append(PurePosixPath(name))
    if len(records) > MOST_RECORDS:
        refused.append(
            Refusal(ROOT, f"it adds {counted(len(records), 'record')}; send at most {MOST_RECORDS:,} at once")
        )
    return RequestChanges(tuple(records), pages, tuple(refused))


def _objection(name: str, before: Path | None, after: Path | None) -> str:
    """Return why a change of a file is refused; empty for a new record and for a changed page.

    Args:
        name: path of the file in the folder.
        before: the file in the base; None if it is new.
        after: the file in the request; None if it was deleted.
    """
    change = "adds" if before is None else "deletes" if after is None else "changes"
    if after is not None and not stat.S_ISREG(os.lstat(after).st_mode):
        return f"it {change} a link or a special file, which no request for records may hold"
    if RECORD.fullmatch(name):
        if before is not None:
            return f"it {change} a record that the board has; {OWN_REQUEST}, and say why"
        assert after is not None, "a file is in the base or in the request"
        if (size := os.lstat(after).st_size) > LARGEST_RECORD:
            return f"it has {counted(size, 'byte')}; a record has at most {LARGEST_RECORD:,}"
        return ""
    if PAGE.fullmatch(name) and after is not None:
        return ""
    kind = "a card" if CARD.fullmatch(name) else "a workflow" if WORKFLOW.fullmatch(name) else _other_kind(name)
    return f"it {change} {kind}; a request for records holds records and pages alone, so {OWN_REQUEST}"


def _other_kind(name: str) -> str:
    if name.startswith(f"{ROOT}/"):
        return "a file that is neither a record nor a generated page"
    return "code" if name.endswith((".py", ".toml", ".txt", ".cfg")) or "/" not in name else "a file of the repository"


def _same_file(first: Path, second: Path) -> bool:
    """Return whether both paths are regular files of equal contents, or links of equal targets."""
    one, other = os.lstat(first), os.lstat(second)
    if stat.S_IFMT(one.st_mode) != stat.S_IFMT(other.st_mode):
        return False
    if stat.S_ISLNK(one.st_mode):
        return first.readlink() == second.readlink()
    if not stat.S_ISREG(one.st_mode) or one.st_size != other.st_size:
        return False
    # A file that became executable is a change as well.
    return (one.st_mode ^ other.st_mode) & 0o111 == 0 and first.read_bytes() == second.read_bytes()


def _base_files(base: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files of the base: those that its git tracks, or all files of a folder without git."""
    if not (base / ".git").exists():
        yield from _walk(base)
        return
    try:
        listed = subprocess.run(["git", "-C", str(base), "ls-files", "-z"], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise SeqbenchError(f"the files of {base} cannot be listed by git: {error}; give a clean checkout.") from error
    for name in listed.decode("utf-8", "surrogateescape").split("\0"):
        if name:
            yield name, base / name


def _walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield each file and each link below a folder, without git's own files.

    Raises:
        SeqbenchError: the folder holds too many files.
    """
    count = 0
    for place, subfolders, files in os.walk(folder):
        links = [name for name in subfolders if Path(place, name).is_symlink()]
        subfolders[:] = sorted(name for name in subfolders if name not in links)
        if Path(place) == folder and ".git" in subfolders:
            subfolders.remove(".git")
        for name in (*files, *links):
            path = Path(place, name)
            relative = path.relative_to(folder).as_posix()
            if relative == ".git":  # A worktree of git has a file of that name.
                continue
            count += 1
            if count > MOST_FILES:
                raise SeqbenchError(f"{folder} holds more than {MOST_FILES:,} files; give a clean checkout.")
            yield relative, path
