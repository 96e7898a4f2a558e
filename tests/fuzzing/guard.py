"""A guard over files, processes and connections: in ``only_within(folder)`` nothing outside of it may be changed."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

# Audit events that change a file: the positions of the paths, and of the descriptors of the folders they are below.
CHANGING: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "os.mkdir": ((0,), (2,)),
    "os.remove": ((0,), (1,)),
    "os.rmdir": ((0,), (1,)),
    "os.rename": ((0, 1), (2, 3)),
    "os.link": ((0, 1), (2, 3)),
    "os.symlink": ((1,), (2,)),
    "os.chmod": ((0,), (2,)),
    "os.chown": ((0,), (3,)),
    "os.utime": ((0,), (3,)),
    "os.truncate": ((0,), ()),
    "os.setxattr": ((0,), ()),
    "shutil.copyfile": ((1,), ()),
    "shutil.copymode": ((1,), ()),
    "shutil.copystat": ((1,), ()),
    "shutil.copytree": ((1,), ()),
    "shutil.move": ((0, 1), ()),
    "shutil.rmtree": ((0,), (1,)),
    "shutil.unpack_archive": ((1,), ()),
}
# Audit events that start a process, open a connection, or import an object by name from a pickle.
FORBIDDEN = (
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn"),
    *("os.startfile", "socket.connect", "socket.bind", "socket.sendto", "pickle.find_class"),
)


class Watch:
    """Records audit events: ``violations`` as sentences, and the names of modules that were ``imported``."""

    def __init__(self, allowed: Path) -> None:
        self.allowed = allowed.resolve()
        self.violations: list[str] = []
        self.imported: set[str] = set()

    def record(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Record an event, and raise an error if it would change something outside of the allowed folder."""
        if event == "import":
            self.imported.add(str(arguments[0]))
        elif event in FORBIDDEN:
            self._refuse(f"{event}{arguments!r}"[:300])
        elif event == "open":
            path, mode, flags = arguments
            if (isinstance(mode, str) and set(mode) & set("wax+")) or (isinstance(flags, int) and flags & WRITING):
                self._check(event, path, None)
        elif event in CHANGING:
            paths, folders = CHANGING[event]
            for place, number in enumerate(paths):
                folder = arguments[folders[place]] if place < len(folders) and folders[place] < len(arguments) else None
                self._check(event, arguments[number], folder)

    def _check(self, event: str, path: Any, folder: Any) -> None:
        if isinstance(path, int):  # A descriptor: its path was checked when it was opened.
            return
        text = os.fsdecode(path)
        if isinstance(folder, int) and folder >= 0:
            text = str(Path(f"/proc/self/fd/{folder}").readlink() / text)
        real = Path(os.path.realpath(text))
        # A link itself is removed or renamed, but writing to it changes its target.
        if event != "open":
            real = Path(os.path.realpath(os.path.dirname(text) or "."), os.path.basename(text))  # noqa: PTH119, PTH120
        if real.is_relative_to(self.allowed) or "__pycache__" in real.parts or str(real) == os.devnull:
            return
        self._refuse(f"{event} of {real}")

    def _refuse(self, what: str) -> None:
        self.violations.append(what)
        raise PermissionError(1, "a test forbids it", what)


_watching: list[Watch] = []
_installed: list[bool] = []
_busy = threading.local()


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching or getattr(_busy, "now", False):
        return
    _busy.now = True  # The guard's own actions are not recorded.
    try:
        _watching[-1].record(event, arguments)
    finally:
        _busy.now = False


@contextlib.contextmanager
def only_within(folder: Path) -> Iterator[Watch]:
    """Allow changes of files only in a folder until the end of the block.

    Raises:
        AssertionError: a file outside of the folder was written, created, renamed or removed, a process was started,
            or a connection was opened.
    """
    if not _installed:  # An audit hook cannot be removed, so there is one, which is inactive between the blocks.
        sys.addaudithook(_hook)
        _installed.append(True)
    watch = Watch(folder)
    _watching.append(watch)
    try:
        yield watch
    finally:
        _watching.remove(watch)
    assert not watch.violations, watch.violations
