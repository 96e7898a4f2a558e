from __future__ import annotations

import socket
from pathlib import Path

import pytest

from seqbench.utils.confinement.landlock import FileAccess, _known_accesses, landlock_version
from tests.utils.confinement.confined import run_confined

by_kernel = pytest.mark.skipif(landlock_version() < 1, reason="this kernel has no Landlock")


def restrict(folder: Path, version: int | None = None) -> list[str]:
    """Return lines that leave a process nothing but a folder to write and the files of the system to read."""
    return [
        "from seqbench.utils.confinement.landlock import READ, WRITE, restrict_process",
        f"rules = [('/usr', READ), (sys.prefix, READ), ({str(folder)!r}, WRITE), ('/no/such/folder', READ)]",
        f"print(restrict_process(rules, {version}), flush=True)",
    ]


@by_kernel
@pytest.mark.parametrize("version", range(1, landlock_version() + 1))
def test_each_version_of_the_interface_leaves_only_what_is_allowed(tmp_path: Path, version: int) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.write_text("x")
    printed = run_confined(
        *restrict(inside, version),
        f"outcome(Path({str(inside)!r}, 'a').write_text, 'x')",
        f"outcome(Path({str(inside)!r}, 'a').read_text)",
        f"outcome(os.rename, {str(inside / 'a')!r}, {str(inside / 'b')!r})",
        f"outcome(os.remove, {str(inside / 'b')!r})",
        f"outcome(Path({str(outside)!r}).read_text)",
        f"outcome(Path({str(outside)!r}).write_text, 'y')",
        f"outcome(os.remove, {str(outside)!r})",
        f"outcome(os.listdir, {str(tmp_path)!r})",
        f"outcome(os.symlink, '/', {str(tmp_path / 'link')!r})",
    )
    assert printed.split() == [str(version), *["done"] * 4, *["PermissionError"] * 5]
    assert outside.read_text() == "x"


@by_kernel
def test_threads_and_programs_that_start_later_are_confined_too(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    secret = str(tmp_path / "secret")
    (tmp_path / "inside").mkdir()
    printed = run_confined(
        *restrict(tmp_path / "inside"),
        f"thread = threading.Thread(target=outcome, args=(Path({secret!r}).read_text,))",
        "thread.start(); thread.join()",
        f"pid = os.fork() or (outcome(Path({secret!r}).read_text), sys.stdout.flush(), os._exit(0))",
        "os.waitpid(pid, 0)",
    )
    assert printed.split()[1:] == ["PermissionError", "PermissionError"]


@by_kernel
def test_the_memory_of_the_parent_cannot_be_read(tmp_path: Path) -> None:
    printed = run_confined(
        "from seqbench.utils.confinement.landlock import READ, restrict_process",
        "outcome(open, f'/proc/{os.getppid()}/mem', 'rb')",
        "restrict_process([('/', READ)])",
        "outcome(open, f'/proc/{os.getppid()}/mem', 'rb')",
        "outcome(open, f'/proc/{os.getppid()}/environ', 'rb')",
        "outcome(by_call, LIBC.ptrace, 16, os.getppid(), None, None)",
    )
    assert printed.split()[1:] == ["PermissionError"] * 3


@pytest.mark.skipif(landlock_version() < 4, reason="Landlock knows TCP from version 4 on")
def test_tcp_is_refused_from_version_4_on(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        printed = run_confined(
            f"outcome(socket.create_connection, ('127.0.0.1', {port}))",
            *restrict(tmp_path),
            f"outcome(socket.create_connection, ('127.0.0.1', {port}))",
            "outcome(socket.create_server, ('127.0.0.1', 0))",
        )
    assert [word for word in printed.split() if not word.isdigit()] == ["done", "PermissionError", "PermissionError"]


@pytest.mark.skipif(landlock_version() < 6, reason="Landlock knows signals from version 6 on")
def test_signals_to_the_parent_are_refused_from_version_6_on(tmp_path: Path) -> None:
    printed = run_confined(
        "outcome(os.kill, os.getppid(), 0)", *restrict(tmp_path), "outcome(os.kill, os.getppid(), 0)"
    )
    assert [word for word in printed.split() if not word.isdigit()] == ["done", "PermissionError"]


def test_a_kernel_without_landlock_confines_nothing(tmp_path: Path) -> None:
    printed = run_confined(*restrict(tmp_path, 0), "outcome(os.listdir, '/')")
    assert printed.split() == ["0", "done"]


def test_each_version_knows_its_accesses() -> None:
    known = [_known_accesses(version) for version in (1, 2, 3, 4, 5, 7)]
    assert [FileAccess.REFER in one for one in known] == [False, True, True, True, True, True]
    assert [FileAccess.TRUNCATE in one for one in known] == [False, False, True, True, True, True]
    assert [FileAccess.IOCTL_DEV in one for one in known] == [False, False, False, False, True, True]
    assert int(known[0]) == 2**13 - 1
