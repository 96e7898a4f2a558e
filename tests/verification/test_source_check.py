"""The source of seqbench and of plug-ins: as installed, as in a commit, or altered."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from seqbench.protocol.identity import package_sources
from seqbench.verification import source_check
from tests.verification.helpers import RecordData, check_alone, edit_record

COMMIT, DIGEST = "abcdef1", "0" * 64


def message(folder: Path) -> tuple[str, str]:
    check = check_alone("sources", folder)
    return check.state, check.message


def edit_source(folder: Path, commit: str | None) -> None:
    def change(data: RecordData) -> None:
        data["config"]["git_commit"] = commit
        data["config"]["sources"]["seqbench"]["digest"] = DIGEST

    edit_record(folder, change)


def state_commit(folder: Path) -> None:
    edit_record(folder, lambda data: data["config"].update(git_commit=None))


def test_the_installed_code_is_known(folder: Path) -> None:
    state_commit(folder)
    assert message(folder) == ("ok", "seqbench as installed")


def test_code_of_a_known_commit_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit_source(folder, COMMIT)
    monkeypatch.setattr(source_check, "commit_digest", lambda commit: DIGEST)
    assert message(folder) == ("ok", f"seqbench of commit '{COMMIT}'")


def test_code_that_is_not_that_of_its_commit_was_altered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit_source(folder, COMMIT)
    monkeypatch.setattr(source_check, "commit_digest", lambda commit: "1" * 64)
    state, text = message(folder)
    assert state == "wrong"
    assert "seqbench was altered: its source is not that of the stated commit" in text


def test_code_of_changed_files_was_altered(folder: Path) -> None:
    edit_source(folder, f"{COMMIT}+changes")
    state, text = message(folder)
    assert (state, "seqbench was altered" in text) == ("skipped", True)


def test_unknown_code_is_not_checked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_check, "commit_digest", lambda commit: None)
    for commit in (COMMIT, None):
        edit_source(folder, commit)
        state, text = message(folder)
        assert (state, "neither the one installed here nor that of a commit" in text) == ("skipped", True)


def test_a_release_is_known_by_its_tag(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit_source(folder, None)
    monkeypatch.setattr(source_check, "_releases", lambda: ["v0.1.0", "v0.2.0"])
    monkeypatch.setattr(source_check, "commit_digest", lambda tag: DIGEST if tag == "v0.2.0" else None)
    assert message(folder) == ("ok", "seqbench of release v0.2.0")


def test_an_older_record_has_no_digest_of_its_code(folder: Path) -> None:
    edit_record(folder, lambda data: data["config"].update(sources={}, git_commit=COMMIT))
    assert message(folder)[0] == "skipped"


def git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@b.c", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_digest_of_a_commit_is_that_of_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "seqbench"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "inner" / "net.py").write_text("size = 3\n")
    (package / "card.yaml").write_text("a: 1\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    files = {f"seqbench/{file.relative_to(package).as_posix()}": file for file in package.rglob("*.py")}
    expected = package_sources._digest(files)
    source_check.commit_digest.cache_clear()
    assert source_check.commit_digest(commit, tmp_path) == expected
    (package / "inner" / "net.py").write_text("size = 4\n")
    assert package_sources._digest(files) != expected
    git(tmp_path, "tag", "v1.0.0")
    assert source_check.commit_digest("v1.0.0", tmp_path) == expected


@pytest.mark.parametrize("commit", ["", "--help", "HEAD", "f" * 40, "a;b"])
def test_a_name_that_is_no_commit_has_no_digest(commit: str, tmp_path: Path) -> None:
    assert source_check.commit_digest(commit, tmp_path) is None
    root: Any = source_check.ROOT
    assert source_check.commit_digest(commit, root) is None


def test_another_source_of_a_plug_in_is_named(folder: Path) -> None:
    state_commit(folder)
    edit_record(folder, lambda data: data["config"]["sources"].update({"nets": {"digest": DIGEST}}))
    state, text = message(folder)
    assert (state, "the installed 'nets' has another source than the record's" in text) == ("skipped", True)
