"""Another seqbench in its own process: its exit status, and the signals it is passed."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from seqbench.cli import child_process


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the place of Python, a script that does what is in ``child.sh``; it is ready when ``ready`` is there."""
    script = tmp_path / "child.sh"
    script.write_text("#!/bin/bash\nexit 0\n")
    script.chmod(0o755)
    monkeypatch.setattr(child_process.sys, "executable", str(script))
    return script


def behave(child: Path, body: str) -> None:
    # `wait` can be interrupted by a trap, unlike `sleep`.
    child.write_text(f"#!/bin/bash\n{body}\ntouch {child.parent}/ready\nsleep 20 &\nwait $!\nkill $!\nexit 0\n")


def signal_when_ready(child: Path, *numbers: int) -> threading.Thread:
    def send() -> None:
        for number in numbers:
            while not (child.parent / "ready").exists():
                time.sleep(0.005)
            (child.parent / "ready").unlink()
            os.kill(os.getpid(), number)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def test_the_words_are_those_of_seqbench_and_its_status_is_returned() -> None:
    assert child_process.run_child(["list", "--help"]) == 0
    assert child_process.run_child(["nothing"]) == 2


@pytest.mark.parametrize(("body", "status"), [("exit 7", 7), ("kill -9 $$", 137), ("exit 75", 75), ("exit 130", 130)])
def test_it_may_end_in_any_way(body: str, status: int, child: Path) -> None:
    child.write_text(f"#!/bin/bash\n{body}\n")
    assert child_process.run_child([]) == status


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 75), (signal.SIGUSR1, 75), (signal.SIGHUP, 75)]
)
def test_a_signal_is_passed_on_once_and_the_end_is_awaited(number: signal.Signals, status: int, child: Path) -> None:
    earlier = signal.getsignal(number)
    behave(child, f"trap 'echo heard >> {child.parent}/heard; kill $!; sleep 0.05; exit 0' {number.name[3:]}")
    thread = signal_when_ready(child, number)
    # Whatever it ended as: who asked it to stop wants nothing else to begin.
    assert child_process.run_child([]) == status
    thread.join()
    assert (child.parent / "heard").read_text() == "heard\n"
    assert signal.getsignal(number) is earlier


def test_it_is_no_part_of_this_process_group(child: Path) -> None:
    child.write_text(f"#!/bin/bash\nps -o pgid= $$ > {child.parent}/group\n")
    child_process.run_child([])
    assert int((child.parent / "group").read_text()) != os.getpgid(0)
