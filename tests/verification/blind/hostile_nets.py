"""Nets that try to leave their process, or do not answer as they should; tests import them in a net process alone."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from seqbench.architectures.recurrent import GRU

BASE = GRU
LIBC = ctypes.CDLL(None, use_errno=True)


def refuse(result: int) -> None:
    """Raise the error of a call of the C library."""
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def read_parent_memory() -> None:
    with Path(f"/proc/{os.getppid()}/mem").open("rb") as memory:
        memory.read(1)


def read_parent_by_call() -> None:
    """Read eight bytes of the parent by the system call for debuggers."""
    buffer = ctypes.create_string_buffer(8)

    class Part(ctypes.Structure):
        _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))

    here, there = Part(ctypes.addressof(buffer), 8), Part(ctypes.addressof(buffer), 8)
    refuse(LIBC.process_vm_readv(os.getppid(), ctypes.byref(here), 1, ctypes.byref(there), 1, 0))


def open_by_call(path: str, flags: int) -> None:
    refuse(LIBC.open(path.encode(), flags, 0o600))


def connect_anywhere() -> None:
    with socket.create_connection(("127.0.0.1", 9), timeout=1):
        pass


def attacks(targets: dict[str, str]) -> dict[str, Callable[[], object]]:
    """Return what a net tries, by name; each attack raises an error if it is refused."""
    data, home, run, victim = targets["data"], targets["home"], targets["run"], targets["victim"]
    return {
        "read the data": lambda: Path(data).read_bytes(),
        "read the data by the C library": lambda: open_by_call(data, os.O_RDONLY),
        "list the data": lambda: list(Path(data).parent.iterdir()),
        "read the record of the run": lambda: Path(run, "result.json").read_bytes(),
        "read the checkpoint of the run": lambda: Path(run, "checkpoints", "best.ckpt").read_bytes(),
        "read the user's home": lambda: Path(home, "secret").read_bytes(),
        "read the user's home by the C library": lambda: open_by_call(str(Path(home, "secret")), os.O_RDONLY),
        "write in the current folder": lambda: Path("written").write_text("x"),
        "write in the current folder by the C library": lambda: open_by_call("written", os.O_CREAT | os.O_WRONLY),
        "write in seqbench": lambda: Path(str(sys.modules["seqbench"].__file__)).open("a"),
        "write in the temporary folder of others": lambda: Path("/tmp/written-by-a-net").write_text("x"),
        "remove a file": lambda: refuse(LIBC.unlink(victim.encode())),
        "change the mode of a file": lambda: refuse(LIBC.chmod(victim.encode(), 0o777)),
        "change the time of a file": lambda: refuse(LIBC.utimes(victim.encode(), None)),
        "shared memory": lambda: open_by_call("/dev/shm/written-by-a-net", os.O_CREAT | os.O_RDWR),
        "old shared memory": lambda: refuse(LIBC.shmget(0, 4096, 0o1600)),
        "connect by TCP": connect_anywhere,
        "socket of the C library": lambda: refuse(LIBC.socket(socket.AF_INET, socket.SOCK_DGRAM, 0)),
        "unix socket of the C library": lambda: refuse(LIBC.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0)),
        "start a program": lambda: subprocess.run(["true"], check=True),
        "start a program by the C library": lambda: refuse(LIBC.execv(b"/bin/true", None)),
        "fork by the C library": lambda: refuse(LIBC.fork()),
        "read the memory of the parent": read_parent_memory,
        "read the environment of the parent": lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
        "read the memory of the parent by a call": read_parent_by_call,
        "trace the parent": lambda: refuse(LIBC.ptrace(16, os.getppid(), None, None)),
        "send a signal to the parent": lambda: os.kill(os.getppid(), signal.SIGCONT),
    }


def permitted() -> dict[str, Callable[[], object]]:
    """Return what a net may do, by name."""
    return {
        "write in its temporary folder": lambda: Path.home().joinpath("notes").write_text("x"),
        "read its own file": lambda: Path(__file__).read_bytes(),
        "import a library": lambda: __import__("scipy.linalg"),
        "start a thread": lambda: threading.Thread(target=time.sleep, args=(0,)).start(),
        "compute in parallel": lambda: torch.randn(300, 300) @ torch.randn(300, 300),
    }


def outcome(attack: Callable[[], object]) -> str:
    try:
        attack()
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return "done"


class Unruly(BASE):
    """Answer as the number of rows says: each number is another kind of failure."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        hidden = super().forward(x, lengths)
        match len(x):
            case 1:
                return hidden[:, :, :4]
            case 2:
                return hidden * float("nan")
            case 3:
                raise ValueError("the weather is\nbad")
            case 4:
                for _ in range(3000):
                    print("SBN1 is not an answer", flush=True)
            case 5:
                raise SystemExit(3)
            case 7:
                print("about to wait", flush=True)
                time.sleep(1000)
            case 8:
                print("about to die", flush=True)
                os.kill(os.getpid(), signal.SIGSEGV)
            case 9:
                self._write_into_all_pipes()
        return hidden

    def _write_into_all_pipes(self) -> None:
        """Send bytes that are no message, as a net would that has found the pipe of the answers."""
        for descriptor in range(3, 256):
            with contextlib.suppress(OSError):
                os.write(descriptor, b"\x80\x04pickle.")


class Attacker(Unruly):
    """Try each attack while it is built, and leave the outcomes in its temporary folder."""

    def __init__(self, d_model: int, targets: str = "") -> None:
        super().__init__(d_model)
        chosen = {**attacks(json.loads(targets)), **permitted()}
        outcomes = {name: outcome(attack) for name, attack in chosen.items()}
        outcomes["environment"] = " ".join(sorted(os.environ))
        Path.home().joinpath("outcomes.json").write_text(json.dumps(outcomes))


print("printed while it is imported")
