"""Landlock, by which a process of Linux gives up access to files, to TCP and to other processes.

The kernel enforces it, also for compiled code, and nothing can end it. A process that Landlock confines cannot read the
memory of a process outside of its confinement, whoever its user is. The constants are those of ``linux/landlock.h``.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from collections.abc import Iterable
from enum import IntFlag

from seqbench.utils.confinement.system_calls import call_system, give_up_privileges

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""Numbers of the system calls, the same on all processors that PyTorch supports."""

ASK_VERSION, PATH_BENEATH = 1, 1


class FileAccess(IntFlag):
    """Accesses to files; what the kernel handles and no rule allows is denied."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


READ = FileAccess.READ_FILE | FileAccess.READ_DIR
WRITE = (
    READ
    | FileAccess.WRITE_FILE
    | FileAccess.REMOVE_DIR
    | FileAccess.REMOVE_FILE
    | FileAccess.MAKE_DIR
    | FileAccess.MAKE_REG
    | FileAccess.MAKE_SYM
    | FileAccess.REFER
    | FileAccess.TRUNCATE
)
DEVICE = READ | FileAccess.WRITE_FILE | FileAccess.IOCTL_DEV
OF_A_FILE = (
    FileAccess.EXECUTE | FileAccess.WRITE_FILE | FileAccess.READ_FILE | FileAccess.TRUNCATE | FileAccess.IOCTL_DEV
)
"""Accesses that a rule for a single file may allow."""

_LAST_ACCESS = {1: FileAccess.MAKE_SYM, 2: FileAccess.REFER, 3: FileAccess.TRUNCATE, 4: FileAccess.TRUNCATE}
"""The last access that an older version of the interface knows."""

ALL_TCP, ALL_SCOPES = 0b11, 0b11
"""Binding and connecting TCP sockets (from version 4); abstract Unix sockets of others, and signals to others (from
version 6)."""


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _PathRule(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def landlock_version() -> int:
    """Return the version of Landlock's interface in this kernel; 0 if there is none."""
    if sys.platform != "linux":
        return 0
    try:
        return call_system(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(ASK_VERSION))
    except OSError:  # The kernel is older than 5.13, or Landlock is switched off.
        return 0


def restrict_process(rules: Iterable[tuple[str, FileAccess]], version: int | None = None) -> int:
    """Confine this thread and all threads and processes that it starts later; return the version of the interface.

    Args:
        rules: paths of files and folders with the accesses that are allowed to them and below; a path that does not
            exist is left out.
        version: highest version of the interface to use; None for that of the kernel.

    Returns:
        The version that is in force; 0 if the kernel has no Landlock.
    """
    version = landlock_version() if version is None else min(version, landlock_version())
    if version < 1:
        return 0
    handled = _known_accesses(version)
    ruleset = _Ruleset(handled, ALL_TCP if version >= 4 else 0, ALL_SCOPES if version >= 6 else 0)
    # An older kernel knows fewer fields.
    size = 8 * (3 if version >= 6 else 2 if version >= 4 else 1)
    descriptor = call_system(CREATE_RULESET, ctypes.byref(ruleset), ctypes.c_size_t(size), ctypes.c_uint32(0))
    try:
        for path, access in rules:
            _allow(descriptor, path, access & handled)
        give_up_privileges()
        call_system(RESTRICT_SELF, ctypes.c_int(descriptor), ctypes.c_uint32(0))
    finally:
        os.close(descriptor)
    return version


def _known_accesses(version: int) -> FileAccess:
    """Return all accesses that a version of the interface knows."""
    last = _LAST_ACCESS.get(version, FileAccess.IOCTL_DEV)
    return FileAccess((last << 1) - 1)


def _allow(ruleset: int, path: str, access: FileAccess) -> None:
    """Allow accesses to a path and below."""
    try:
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # There is nothing to allow.
        return
    try:
        if not stat.S_ISDIR(os.fstat(folder).st_mode):
            access &= OF_A_FILE
        if access:
            rule = _PathRule(access, folder)
            call_system(
                ADD_RULE,
                ctypes.c_int(ruleset),
                ctypes.c_int(PATH_BENEATH),
                ctypes.byref(rule),
                ctypes.c_uint32(0),
            )
    finally:
        os.close(folder)
