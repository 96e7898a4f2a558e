"""Check of the code of a record: the source of seqbench is that of a commit or of a release, or the one installed here.

A digest is the record's own word: altered code can record the digest of unaltered code. Only a second run shows that.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from functools import cache
from pathlib import Path

from seqbench.protocol.identity import package_sources
from seqbench.protocol.identity.package_sources import SEQBENCH, SOURCE_SUFFIXES
from seqbench.protocol.record_fields import SourceDescription
from seqbench.running import provenance
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import short_repr
from seqbench.verification import start_up_code
from seqbench.verification.record_subject import SkippedError, Subject

ROOT = Path(__file__).resolve().parents[2]
"""Root of the checkout, if seqbench is imported from one."""

GIT_SECONDS = 60.0
"""Longest time of one command of git (s)."""

_NAME = re.compile(r"[0-9a-f]{7,64}|v[0-9][0-9a-z.]{0,30}")
"""Names of commits and of releases."""

CHANGES = "+changes"
"""End of the recorded commit of a checkout with changed files."""


def check_sources(subject: Subject) -> str:
    """Compare the digests of seqbench and of the distributions with the installed code and with the stated commit."""
    recorded = subject.record.config
    if SEQBENCH not in recorded.sources:
        raise SkippedError("the record holds no digest of its code; an older seqbench wrote it")
    config, _ = subject.rebuilt
    here = provenance.describe_config(config)["sources"]
    assert isinstance(here, dict)
    known = []
    for owner, source in recorded.sources.items():
        if owner != SEQBENCH:
            start_up_code.require_no_start_up_code(owner)
        if owner == SEQBENCH:
            known.append(_explain_seqbench(source, recorded.git_commit))
        elif source.digest == here.get(owner, {}).get("digest"):
            known.append(f"{owner} as installed")
        elif not source.files:  # The files of a class that is given by its path were compared with the configuration.
            raise SkippedError(
                f"the installed {short_repr(owner)} has another source than the record's; install that one"
            )
    return ", ".join(known)


def _explain_seqbench(source: SourceDescription, commit: str | None) -> str:
    """Return which known code has the recorded digest of seqbench.

    Raises:
        SeqbenchError: the stated commit has another digest.
        SkippedError: the code is neither that of a known commit nor the one installed here.
    """
    if source.digest == package_sources.seqbench_digest():
        return "seqbench as installed"
    if (commit or "").endswith(CHANGES):
        raise SkippedError(
            f"seqbench was altered: the run was trained with files that differ from those of {short_repr(commit)}, and "
            f"nobody can tell how; commit the files and run it again"
        )
    if commit is None:  # The record of an installed wheel.
        release = next((tag for tag in _releases() if commit_digest(tag) == source.digest), None)
        if release is not None:
            return f"seqbench of release {release}"
    digest = None if commit is None else commit_digest(commit)
    if digest == source.digest:
        return f"seqbench of commit {short_repr(commit)}"
    if digest is not None:
        raise SeqbenchError(f"seqbench was altered: its source is not that of the stated commit {short_repr(commit)}")
    raise SkippedError(
        "the source of seqbench is neither the one installed here nor that of a commit at hand; verify it with the "
        "release or in a checkout that has its commit"
    )


@cache
def commit_digest(commit: str, root: Path = ROOT) -> str | None:
    """Return the digest of the source files of seqbench in a commit, as ``package_sources.seqbench_digest`` of it.

    Args:
        commit: hexadecimal name of the commit, or the tag of a release.
        root: root of the checkout.

    Returns:
        The digest; None if this is no checkout or the commit is not in it.
    """
    if not _NAME.fullmatch(commit) or not (root / ".git").exists():
        return None
    try:
        listing = _run_git(root, ["ls-tree", "-r", "-z", f"{commit}^{{commit}}", f"{SEQBENCH}/"])
        entries = [entry.split("\t", 1) for entry in listing.decode().split("\0") if entry]
        files = {name: meta.split()[2] for meta, name in entries if _is_source(name)}
        blobs = _read_blobs(root, list(files.values()))
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{hashlib.sha256(blobs[files[name]]).hexdigest()}\n".encode())
    return digest.hexdigest()


def _releases() -> list[str]:
    """Return the tags of releases in this checkout."""
    try:
        tags = _run_git(ROOT, ["tag", "--list", "v[0-9]*"]).decode().split()
    except (OSError, ValueError, subprocess.SubprocessError):
        return []
    return [tag for tag in tags if _NAME.fullmatch(tag)]


def _is_source(name: str) -> bool:
    path = Path(name)
    return path.suffix in SOURCE_SUFFIXES and not any(part.startswith(".") for part in path.parts)


def _read_blobs(root: Path, names: list[str]) -> dict[str, bytes]:
    """Return the contents of objects of git by name."""
    output = _run_git(root, ["cat-file", "--batch"], "".join(f"{name}\n" for name in names).encode())
    blobs = {}
    place = 0
    for _ in names:
        end = output.index(b"\n", place)
        name, kind, size = output[place:end].split()
        if kind != b"blob":
            raise ValueError(f"{name!r} is no file")
        place = end + 1 + int(size) + 1
        blobs[name.decode()] = output[end + 1 : place - 1]
    return blobs


def _run_git(root: Path, words: list[str], text: bytes = b"") -> bytes:
    command = ["git", "-C", str(root), *words]
    return subprocess.run(command, input=text, capture_output=True, check=True, timeout=GIT_SECONDS).stdout
