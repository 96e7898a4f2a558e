"""A hook of Python that refuses sockets, programs, files to write and hidden files, on every system.

It is a second barrier beside the kernel's, and the only one where the kernel has none. It sees what Python's own
functions do. Compiled code, which ``ctypes`` can call, passes it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from seqbench.utils.confinement.readable_files import is_below

PROGRAMS = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.forkpty",
    "pty.spawn",
)
"""Events of new programs and processes."""

CHANGES = {
    "os.chmod": (0,),
    "os.chown": (0,),
    "os.chflags": (0,),
    "os.link": (0, 1),
    "os.mkdir": (0,),
    "os.remove": (0,),
    "os.removexattr": (0,),
    "os.rename": (0, 1),
    "os.rmdir": (0,),
    "os.setxattr": (0,),
    "os.symlink": (1,),
    "os.truncate": (0,),
    "os.utime": (0,),
    "shutil.rmtree": (0,),
}
"""Events that change files, with the places of the paths among their arguments."""

LISTINGS = ("os.listdir", "os.scandir")

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

HARMLESS = (os.devnull,)
"""Files that any process may write."""


def add_barrier(writable: str, hidden: Sequence[str], allow_programs: bool = False) -> None:
    """Refuse what a confined process must not do, with a PermissionError; nothing can remove the hook again.

    Args:
        writable: the one folder in which files may be written.
        hidden: folders and files that must not be read.
        allow_programs: whether programs may be started, as compilers of GPU kernels are.
    """
    sys.addaudithook(_Barrier(writable, hidden, allow_programs).check)


class _Barrier:
    def __init__(self, writable: str, hidden: Sequence[str], allow_programs: bool) -> None:
        self._writable, self._hidden = os.path.realpath(writable), [os.path.realpath(path) for path in hidden]
        self._allow_programs = allow_programs
        # A plug-in may replace functions of the standard library; those that this object holds stay.
        self._real_path: Callable[[str], str] = os.path.realpath

    def check(self, event: str, arguments: tuple[object, ...]) -> None:
        """Raise a PermissionError for an event that is refused."""
        if event.startswith("socket.") and event not in ("socket.gethostname",):
            raise PermissionError("a net under test may not use the network")
        if event in PROGRAMS and not self._allow_programs:
            raise PermissionError("a net under test may not start programs or processes")
        if event == "open":
            self._check_open(*arguments)
        elif event in CHANGES:
            for place in CHANGES[event]:
                self._check_write(arguments[place])
        elif event in LISTINGS:
            self._check_read(arguments[0])

    def _check_open(self, path: object, mode: object, flags: object) -> None:
        if isinstance(flags, int) and flags & WRITING:
            self._check_write(path)
        else:
            self._check_read(path)

    def _check_write(self, path: object) -> None:
        place = self._place(path)
        if place is not None and place not in HARMLESS and not is_below(place, self._writable):
            raise PermissionError(f"a net under test may write files in its temporary folder alone, not {path!r}")

    def _check_read(self, path: object) -> None:
        place = self._place(path)
        if place is not None and any(is_below(place, folder) for folder in self._hidden):
            raise PermissionError(f"a net under test may not read {path!r}")

    def _place(self, path: object) -> str | None:
        """Return the absolute path without links; None for an open file, whose number is given instead of a path."""
        if path is None or isinstance(path, int):
            return None
        return self._real_path(os.fsdecode(path)) if isinstance(path, str | bytes | Path) else None
