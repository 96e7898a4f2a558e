"""``seqbench`` in a child process: its exit status, and the signals that are forwarded to it."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from seqbench.cli import child_process


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shell script that runs in place of Python."""
    script = tmp_path / "child.sh"
    script.write_text("#!/bin/bash\nexit 0\n")
    script.chmod(0o755)
    monkeypatch.setattr(child_process.sys, "executable", str(script))
    return script


def write_waiting_script(script: Path, trap: str) -> None:
    """Let the script set a trap, create the file ``ready``, and wait."""
    # A trap can interrupt `wait`, but not `sleep`.
    script.write_text(f"#!/bin/bash\n{trap}\ntouch {script.parent}/ready\nsleep 20 &\nwait $!\nkill $!\nexit 0\n")


def signal_when_ready(script: Path, number: int) -> threading.Thread:
    """Send a signal to this process when the script has created ``ready``."""

    def send() -> None:
        while not (script.parent / "ready").exists():
            time.sleep(0.005)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def test_the_arguments_are_passed_on_and_the_status_is_returned() -> None:
    assert child_process.run_child(["list", "--help"]) == 0
    assert child_process.run_child(["nothing"]) == 2


@pytest.mark.parametrize(("body", "status"), [("exit 7", 7), ("kill -9 $$", 137), ("exit 75", 75), ("exit 130", 130)])
def test_each_way_to_end_has_an_exit_status(body: str, status: int, script: Path) -> None:
    script.write_text(f"#!/bin/bash\n{body}\n")
    assert child_process.run_child([]) == status


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 75), (signal.SIGUSR1, 75), (signal.SIGHUP, 75)]
)
def test_a_signal_is_forwarded_once_and_the_child_is_awaited(number: signal.Signals, status: int, script: Path) -> None:
    earlier = signal.getsignal(number)
    log = script.parent / "signals"
    write_waiting_script(script, f"trap 'echo got it >> {log}; kill $!; sleep 0.05; exit 0' {number.name[3:]}")
    thread = signal_when_ready(script, number)
    # The child exits with 0, but no further run should start.
    assert child_process.run_child([]) == status
    thread.join()
    assert log.read_text() == "got it\n"
    assert signal.getsignal(number) is earlier


def test_the_child_has_its_own_process_group(script: Path) -> None:
    script.write_text(f"#!/bin/bash\nps -o pgid= $$ > {script.parent}/group\n")
    child_process.run_child([])
    assert int((script.parent / "group").read_text()) != os.getpgid(0)
