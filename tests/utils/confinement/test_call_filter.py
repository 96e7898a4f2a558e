from __future__ import annotations

import errno
import platform
import re
import sys
from pathlib import Path

import pytest

from seqbench.utils.confinement import call_filter
from seqbench.utils.confinement.call_filter import PROCESSORS, Step, build_filter
from tests.utils.confinement.confined import run_confined

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has filters of system calls")
FILTER = "from seqbench.utils.confinement.call_filter import filter_calls; print(filter_calls())"
KNOWN = {**call_filter.NETWORK, **call_filter.OTHER_PROCESSES, **call_filter.FILES, **call_filter.PROCESSES}


@on_linux
def test_sockets_programs_and_changes_of_files_are_refused_also_in_compiled_code(tmp_path: Path) -> None:
    file = str(tmp_path / "file")
    Path(file).write_text("x")
    printed = run_confined(
        FILTER,
        "outcome(socket.socket)",
        "outcome(by_call, LIBC.socket, socket.AF_UNIX, socket.SOCK_STREAM, 0)",
        "outcome(by_call, LIBC.socket, socket.AF_INET, socket.SOCK_DGRAM, 0)",
        "outcome(os.fork)",
        "outcome(by_call, LIBC.fork)",
        "outcome(subprocess.run, ['true'])",
        "outcome(os.execv, '/bin/true', ['true'])",
        f"outcome(os.chmod, {file!r}, 0o777)",
        f"outcome(os.utime, {file!r})",
        "outcome(by_call, LIBC.ptrace, 16, os.getppid(), None, None)",
        "outcome(by_call, LIBC.shmget, 0, 4096, 0o1600)",
    )
    assert printed.split() == ["True", *["PermissionError"] * 11]


@on_linux
def test_threads_and_files_still_work(tmp_path: Path) -> None:
    printed = run_confined(
        FILTER,
        "thread = threading.Thread(target=print, args=('thread',)); thread.start(); thread.join()",
        f"outcome(Path({str(tmp_path / 'file')!r}).write_text, 'x')",
        "outcome(os.pipe)",
    )
    assert printed.split() == ["True", "thread", "done", "done"]


@on_linux
def test_programs_that_may_be_started_are_filtered_too() -> None:
    printed = run_confined(
        "from seqbench.utils.confinement.call_filter import filter_calls; print(filter_calls(allow_processes=True))",
        "code = 'import socket; socket.socket()'",
        "print(subprocess.run([sys.executable, '-c', code], stderr=subprocess.DEVNULL).returncode)",
    )
    assert printed.split() == ["True", "1"]


def run_filter(steps: list[Step], audit_code: int, number: int, first_argument: int = 0) -> int:
    """Return what a filter answers to a call, as the kernel computes it."""
    place, value = 0, 0
    words = {call_filter.CALL_NUMBER: number, call_filter.PROCESSOR: audit_code}
    words[call_filter.FIRST_ARGUMENT] = first_argument
    while (step := steps[place]).code != call_filter.RETURN:
        place += 1
        if step.code == call_filter.LOAD:
            value = words[step.value]
            continue
        holds = {
            call_filter.JUMP_IF_EQUAL: value == step.value,
            call_filter.JUMP_IF_AT_LEAST: value >= step.value,
            call_filter.JUMP_IF_BIT: bool(value & step.value),
        }[step.code]
        place += step.if_true if holds else step.if_false
    return step.value


@pytest.mark.parametrize("name", PROCESSORS)
@pytest.mark.parametrize("allow_processes", [False, True])
def test_the_filter_answers_each_call_as_its_tables_say(name: str, allow_processes: bool) -> None:
    processor = PROCESSORS[name]
    steps = list(build_filter(processor, allow_processes))
    refused = {
        call
        for call, numbers in KNOWN.items()
        if numbers[processor.column] >= 0
        and run_filter(steps, processor.audit_code, numbers[processor.column]) == call_filter.ERROR | errno.EPERM
    }
    present = {call for call, numbers in KNOWN.items() if numbers[processor.column] >= 0}
    assert refused == present - (set(call_filter.PROCESSES) if allow_processes else set())
    assert run_filter(steps, processor.audit_code, 9999) == call_filter.ALLOW
    clone, clone3 = processor.clone
    expected = call_filter.ALLOW if allow_processes else call_filter.ERROR | errno.EPERM
    assert run_filter(steps, processor.audit_code, clone) == expected
    assert run_filter(steps, processor.audit_code, clone, call_filter.CLONE_THREAD) == call_filter.ALLOW
    expected = call_filter.ALLOW if allow_processes else call_filter.ERROR | errno.ENOSYS
    assert run_filter(steps, processor.audit_code, clone3) == expected


@pytest.mark.parametrize("name", PROCESSORS)
def test_calls_of_32_bit_programs_end_the_process_or_are_refused(name: str) -> None:
    processor = PROCESSORS[name]
    steps = list(build_filter(processor, allow_processes=False))
    assert run_filter(steps, 0x40000003, 1) == call_filter.KILL_PROCESS
    number = call_filter.X32_CALLS + 41
    assert run_filter(steps, processor.audit_code, number) == call_filter.ERROR | errno.EPERM


def test_the_numbers_of_calls_are_those_of_this_system() -> None:
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if platform.machine() != "x86_64" or not header.is_file():
        pytest.skip("needs the kernel's headers")
    numbers = {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", header.read_text())}
    assert {name: one[0] for name, one in KNOWN.items() if name in numbers} == {
        name: numbers[name] for name in KNOWN if name in numbers
    }


def test_no_jump_leaves_the_filter() -> None:
    for processor in PROCESSORS.values():
        steps = list(build_filter(processor, allow_processes=False))
        assert all(place + 1 + max(step.if_true, step.if_false) < len(steps) for place, step in enumerate(steps[:-1]))
