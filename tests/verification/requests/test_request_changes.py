from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from seqbench.utils.errors import SeqbenchError
from seqbench.verification.requests import request_changes
from seqbench.verification.requests.request_changes import find_changes
from tests.leaderboard.kit import example_record
from tests.verification.requests.kit import add_record, build_folders


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    return build_folders(tmp_path)


def refusals(base: Path, request: Path) -> dict[str, str]:
    return {one.path: one.reason for one in find_changes(base, request).refused}


def test_equal_folders_have_no_changes(folders: tuple[Path, Path]) -> None:
    changes = find_changes(*folders)
    assert (changes.records, changes.pages, changes.refused) == ((), 0, ())


def test_new_records_are_taken_and_pages_are_counted(folders: tuple[Path, Path]) -> None:
    base, request = folders
    path = add_record(request, example_record(seed=1))
    (request / "leaderboards/mine/README.md").write_text("I win")
    (request / "leaderboards/mine/board.csv").write_text("I win")
    changes = find_changes(base, request)
    assert [str(record) for record in changes.records] == [path.relative_to(request).as_posix()]
    assert (changes.pages, changes.refused) == (2, ())


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("verify.py", "it adds code"),
        ("tool/verify.py", "it adds code"),
        ("docs/page.md", "it adds a file of the repository"),
        ("README.md", "it changes code"),
        ("leaderboards/mine.yaml", "it changes a card"),
        ("leaderboards/other.yaml", "it adds a card"),
        ("tasks/copy.yaml", "it adds a card"),
        (".github/leaderboard.yml", "it changes a workflow"),
        (".gitmodules", "it adds code"),
        ("leaderboards/mine/results/copy/gru/data.npz", "it adds a file that is neither a record nor"),
        ("leaderboards/mine/results/copy/small.json", "it adds a file that is neither a record nor"),
        ("leaderboards/mine/results/.hidden/x/y z.json", "it adds a file that is neither a record nor"),
        ("leaderboards/mine/checkpoints/best.ckpt", "it adds a file that is neither a record nor"),
        ("leaderboards/mine/results/copy/gru/.git/config", "it adds a file that is neither a record nor"),
    ],
)
def test_any_other_file_is_refused_and_named(folders: tuple[Path, Path], name: str, reason: str) -> None:
    base, request = folders
    (request / name).parent.mkdir(parents=True, exist_ok=True)
    (request / name).write_text("x")
    assert refusals(base, request)[name].startswith(reason)
    assert "open a request of its own" in refusals(base, request)[name]


def test_a_changed_and_a_deleted_record_are_refused(folders: tuple[Path, Path]) -> None:
    base, request = folders
    path = next((request / "leaderboards").rglob("results/**/*.json"))
    name = path.relative_to(request).as_posix()
    path.write_text(path.read_text().replace("0.9", "0.8"))
    assert refusals(base, request)[name].startswith("it changes a record that the board has")
    path.unlink()
    assert refusals(base, request)[name].startswith("it deletes a record that the board has")


def test_deleted_code_and_deleted_pages_are_refused(folders: tuple[Path, Path]) -> None:
    base, request = folders
    (request / ".github/leaderboard.yml").unlink()
    (request / "leaderboards/mine/README.md").unlink()
    assert set(refusals(base, request)) == {".github/leaderboard.yml", "leaderboards/mine/README.md"}


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../../base/README.md", "small.json"])
def test_a_link_is_refused_also_in_the_place_of_a_record_or_of_a_folder(
    folders: tuple[Path, Path], target: str
) -> None:
    base, request = folders
    record = request / "leaderboards/mine/results/copy/gru/small-s1-00000000.json"
    record.symlink_to(target)
    folder = request / "leaderboards/mine/results/parity"
    folder.symlink_to(target)
    (request / "leaderboards/mine/README.md").unlink()
    (request / "leaderboards/mine/README.md").symlink_to(target)
    reasons = refusals(base, request)
    assert len(reasons) == 3
    assert all("a link or a special file" in reason for reason in reasons.values())


def test_a_pipe_is_refused_and_not_opened(folders: tuple[Path, Path]) -> None:
    base, request = folders
    os.mkfifo(request / "leaderboards/mine/results/copy/gru/small-s1-00000000.json")
    assert "a special file" in next(iter(refusals(base, request).values()))


def test_a_file_that_became_executable_is_a_change(folders: tuple[Path, Path]) -> None:
    base, request = folders
    (request / "README.md").chmod(0o755)
    assert set(refusals(base, request)) == {"README.md"}


def test_large_records_many_records_and_many_files_are_refused(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    base, request = folders
    path = add_record(request, example_record(seed=1))
    add_record(request, example_record(seed=2))
    monkeypatch.setattr(request_changes, "MOST_RECORDS", 1)
    assert refusals(base, request)["leaderboards"].startswith("it adds 2 records")
    monkeypatch.setattr(request_changes, "LARGEST_RECORD", 100)
    assert "a record has at most 100" in refusals(base, request)[path.relative_to(request).as_posix()]
    monkeypatch.setattr(request_changes, "MOST_FILES", 3)
    with pytest.raises(SeqbenchError, match="holds more than 3 files"):
        find_changes(base, request)


def test_a_folder_without_boards_is_no_checkout(folders: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(SeqbenchError, match="has no folder leaderboards"):
        find_changes(folders[0], tmp_path)


def test_only_files_that_git_tracks_belong_to_the_base(folders: tuple[Path, Path], tmp_path: Path) -> None:
    base, request = folders
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(base)]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "base"]):
        subprocess.run([*git, *words], check=True)
    (base / "build").mkdir()
    (base / "build" / "lib.py").write_text("built here")
    assert find_changes(base, request).refused == ()
    shutil.rmtree(base / ".git")
    assert set(refusals(base, request)) == {"build/lib.py"}


def test_the_configuration_of_git_in_a_request_runs_no_command(folders: tuple[Path, Path], tmp_path: Path) -> None:
    base, request = folders
    subprocess.run(["git", "init", "-q", str(request)], check=True)
    ran = tmp_path / "ran"
    with (request / ".git" / "config").open("a") as file:
        file.write(f"[core]\n\tfsmonitor = touch {ran}\n")
    assert find_changes(base, request).refused == ()
    assert not ran.exists()
