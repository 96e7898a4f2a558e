"""System calls of Linux that Python's library lacks, by ctypes."""

from __future__ import annotations

import ctypes
import functools
import os
import sys

PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 4, 38
"""Options of ``prctl`` (``linux/prctl.h``)."""

CAPABILITY_VERSION = 0x20080522
"""Version of the sets of powers that ``capset`` takes (``linux/capability.h``)."""


@functools.cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def call_system(number: int, *arguments: object) -> int:
    """Make a system call and return its result.

    Args:
        number: number of the call.
        arguments: its arguments, as ctypes accepts them.

    Raises:
        OSError: the kernel refuses the call.
    """
    result = int(_library().syscall(ctypes.c_long(number), *arguments))
    return _checked(result)


def set_process_option(option: int, *values: object) -> None:
    """Set an option of this process by ``prctl``.

    Args:
        option: number of the option.
        values: its values, as ctypes accepts them.

    Raises:
        OSError: the kernel refuses the option.
    """
    padded = [*values, *[ctypes.c_ulong(0)] * (4 - len(values))]
    _checked(int(_library().prctl(ctypes.c_int(option), *padded)))


def hide_memory() -> bool:
    """Keep other processes of the same user from reading the memory of this process; return whether it is possible.

    It also prevents core dumps, and programs such as debuggers from attaching to this process.
    """
    if sys.platform != "linux":
        return False
    try:
        set_process_option(PR_SET_DUMPABLE, ctypes.c_ulong(0))
    except OSError:
        return False
    return True


def give_up_privileges() -> None:
    """Give up the powers of the root user, and keep this process from getting them by executing a file.

    The kernel requires the second before a confinement. Without the first a confined process of the root user could
    still load code into the kernel or read the environment of other processes.

    Raises:
        OSError: the kernel refuses it.
    """
    set_process_option(PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1))
    none = (ctypes.c_uint32 * 6)()
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    _checked(int(_library().capset(ctypes.byref(header), ctypes.byref(none))))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
