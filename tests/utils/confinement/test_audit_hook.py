from __future__ import annotations

from pathlib import Path

import pytest

from tests.utils.confinement.confined import run_confined


def barrier(folder: Path, *hidden: Path, allow_programs: bool = False) -> str:
    names = [str(path) for path in hidden]
    return (
        "from seqbench.utils.confinement.audit_hook import add_barrier; "
        f"add_barrier({str(folder)!r}, {names}, {allow_programs})"
    )


def test_files_are_written_in_the_folder_alone(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "file").write_text("x")
    file = str(outside / "file")
    printed = run_confined(
        barrier(inside),
        f"outcome(Path({str(inside)!r}, 'a').write_text, 'x')",
        f"outcome(os.rename, {str(inside / 'a')!r}, {str(inside / 'b')!r})",
        "outcome(open, os.devnull, 'w')",
        f"outcome(open, {file!r})",
        f"outcome(open, {file!r}, 'a')",
        f"outcome(os.open, {file!r}, os.O_RDWR)",
        f"outcome(os.remove, {file!r})",
        f"outcome(os.rename, {file!r}, {str(inside / 'c')!r})",
        f"outcome(os.chmod, {file!r}, 0o777)",
        f"outcome(os.mkdir, {str(outside / 'new')!r})",
        f"outcome(os.truncate, {file!r}, 0)",
        f"outcome(Path({str(inside)!r}, '..', 'outside', 'file').write_text, 'y')",
        f"os.symlink({str(outside)!r}, {str(inside / 'link')!r})",
        f"outcome(Path({str(inside)!r}, 'link', 'file').write_text, 'y')",
    )
    assert printed.split() == [*["done"] * 4, *["PermissionError"] * 9]
    assert Path(file).read_text() == "x"


def test_hidden_folders_are_not_read_or_listed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "test").write_text("x")
    (tmp_path / "database").write_text("x")
    printed = run_confined(
        barrier(tmp_path, tmp_path / "data"),
        f"outcome(Path({str(tmp_path / 'data' / 'test')!r}).read_text)",
        f"outcome(os.listdir, {str(tmp_path / 'data')!r})",
        f"outcome(os.scandir, {str(tmp_path / 'data')!r})",
        f"outcome(Path({str(tmp_path / 'database')!r}).read_text)",
    )
    assert printed.split() == [*["PermissionError"] * 3, "done"]


@pytest.mark.parametrize("allowed", [False, True])
def test_sockets_and_programs_are_refused(tmp_path: Path, allowed: bool) -> None:
    printed = run_confined(
        barrier(tmp_path, allow_programs=allowed),
        "outcome(socket.socket)",
        "outcome(socket.getaddrinfo, 'localhost', 1)",
        "outcome(subprocess.run, ['true'])",
        "outcome(os.system, 'true')",
    )
    programs = ["done"] * 2 if allowed else ["PermissionError"] * 2
    assert printed.split() == ["PermissionError", "PermissionError", *programs]


def test_a_refusal_is_a_sentence(tmp_path: Path) -> None:
    printed = run_confined(
        barrier(tmp_path), "try: open('/elsewhere', 'w')", "except PermissionError as error: print(error)"
    )
    assert printed.strip() == "a net under test may write files in its temporary folder alone, not '/elsewhere'"
