"""A filter of system calls (seccomp), which closes what Landlock leaves open: sockets of all kinds and new processes.

The filter is a program for the kernel. It answers the calls of a list with "not permitted" and allows all others, also
in threads and processes that are started later. The constants are those of ``linux/seccomp.h``, ``linux/filter.h`` and
``linux/audit.h``, and the numbers of the calls those of ``asm/unistd.h``.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from seqbench.utils.confinement.system_calls import give_up_privileges, set_process_option

PR_SET_SECCOMP, MODE_FILTER = 22, 2
ALLOW, KILL_PROCESS, ERROR = 0x7FFF0000, 0x80000000, 0x00050000
LOAD, JUMP_IF_EQUAL, JUMP_IF_AT_LEAST, JUMP_IF_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
CALL_NUMBER, PROCESSOR, FIRST_ARGUMENT = 0, 4, 16
"""Places in the description of a call that the kernel gives to the filter."""

X32_CALLS = 0x40000000
"""Calls of x86-64 from this number on are those of 32-bit programs, which have numbers of their own."""

CLONE_THREAD = 0x00010000
"""Flag of ``clone`` for a new thread; without it the call starts a process."""

NETWORK: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "socket": (41, 198),
        "socketpair": (53, 199),
        "connect": (42, 203),
        "bind": (49, 200),
        "listen": (50, 201),
        "io_uring_setup": (425, 425),  # It makes the calls above, and this filter does not see them.
    }
)
"""Calls that reach other computers or processes, by name, with their numbers on x86-64 and on ARM."""

OTHER_PROCESSES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "ptrace": (101, 117),
        "process_vm_readv": (310, 270),
        "process_vm_writev": (311, 271),
        "pidfd_getfd": (438, 438),
        "kcmp": (312, 272),
        "shmget": (29, 194),
        "shmat": (30, 196),
        "semget": (64, 190),
        "msgget": (68, 186),
        "mq_open": (240, 180),
        "perf_event_open": (298, 241),
        "bpf": (321, 280),
        "add_key": (248, 217),
        "keyctl": (250, 219),
        "flock": (73, 32),
    }
)
"""Calls that read other processes or could pass data to them."""

FILES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "chmod": (90, -1),
        "fchmod": (91, 52),
        "fchmodat": (268, 53),
        "fchmodat2": (452, 452),
        "chown": (92, -1),
        "fchown": (93, 55),
        "lchown": (94, -1),
        "fchownat": (260, 54),
        "utime": (132, -1),
        "utimes": (235, -1),
        "utimensat": (280, 88),
        "futimesat": (261, -1),
        "setxattr": (188, 5),
        "lsetxattr": (189, 6),
        "fsetxattr": (190, 7),
        "mount": (165, 40),
        "unshare": (272, 97),
        "setns": (308, 268),
    }
)
"""Calls that change files in ways that Landlock does not know: their mode, owner, times and attributes."""

PROCESSES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "execve": (59, 221),
        "execveat": (322, 281),
        "fork": (57, -1),
        "vfork": (58, -1),
    }
)
"""Calls that start other programs and processes."""


class Processor(NamedTuple):
    """What the filter must know of a kind of processors.

    Args:
        column: column of the tables above.
        audit_code: the kernel's name of the processor.
        clone: numbers of ``clone`` and ``clone3``.
    """

    column: int
    audit_code: int
    clone: tuple[int, int]


PROCESSORS = {
    "x86_64": Processor(0, 0xC000003E, (56, 435)),
    "aarch64": Processor(1, 0xC00000B7, (220, 435)),
}


@dataclass(frozen=True)
class Step:
    """One instruction of the filter.

    Args:
        code: what it does.
        value: number that is loaded, compared or returned.
        if_true: number of instructions that are skipped if a comparison holds.
        if_false: number of instructions that are skipped otherwise.
    """

    code: int
    value: int
    if_true: int = 0
    if_false: int = 0


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("steps", ctypes.POINTER(_Instruction)))


def filter_calls(allow_processes: bool = False) -> bool:
    """Deny system calls to this thread and all threads that it starts later; return whether the filter is in force.

    Args:
        allow_processes: whether other programs may be started, as compilers of GPU kernels are; they are filtered too.
    """
    processor = PROCESSORS.get(platform.machine())
    if sys.platform != "linux" or processor is None or sys.maxsize < 2**32:
        return False
    steps = list(build_filter(processor, allow_processes))
    instructions = (_Instruction * len(steps))(
        *[_Instruction(step.code, step.if_true, step.if_false, step.value) for step in steps]
    )
    program = _Program(len(steps), instructions)
    try:
        give_up_privileges()
        set_process_option(PR_SET_SECCOMP, ctypes.c_ulong(MODE_FILTER), ctypes.byref(program))
    except OSError:  # The kernel was built without filters.
        return False
    return True


def build_filter(processor: Processor, allow_processes: bool) -> Iterator[Step]:
    """Return the instructions of the filter.

    Args:
        processor: kind of this machine's processor.
        allow_processes: whether other programs may be started.
    """
    denied = {**NETWORK, **OTHER_PROCESSES, **FILES, **({} if allow_processes else PROCESSES)}
    yield Step(LOAD, PROCESSOR)
    yield Step(JUMP_IF_EQUAL, processor.audit_code, if_true=1)
    yield Step(RETURN, KILL_PROCESS)  # A 32-bit call: its numbers have another meaning.
    yield Step(LOAD, CALL_NUMBER)
    yield Step(JUMP_IF_AT_LEAST, X32_CALLS, if_false=1)
    yield Step(RETURN, ERROR | errno.EPERM)
    for numbers in denied.values():
        number = numbers[processor.column]
        if number >= 0:
            yield Step(JUMP_IF_EQUAL, number, if_false=1)
            yield Step(RETURN, ERROR | errno.EPERM)
    if not allow_processes:
        yield from _allow_only_threads(*processor.clone)
    yield Step(RETURN, ALLOW)


def _allow_only_threads(clone: int, clone3: int) -> Iterator[Step]:
    """Return the instructions that allow ``clone`` for threads alone.

    The flags of ``clone3`` are in memory, which a filter cannot read. The C library calls ``clone`` instead if the
    kernel says that it has no ``clone3``.
    """
    yield Step(JUMP_IF_EQUAL, clone3, if_false=1)
    yield Step(RETURN, ERROR | errno.ENOSYS)
    yield Step(JUMP_IF_EQUAL, clone, if_false=3)
    yield Step(LOAD, FIRST_ARGUMENT)
    yield Step(JUMP_IF_BIT, CLONE_THREAD, if_true=1)
    yield Step(RETURN, ERROR | errno.EPERM)
