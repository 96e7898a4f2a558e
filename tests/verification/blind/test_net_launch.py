from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seqbench.protocol import records
from seqbench.verification.blind import net_launch
from seqbench.verification.blind.messages import Limits, Message
from seqbench.verification.blind.timed_pipes import PipeEnded, TimedPipes
from tests.verification.helpers import edit_record, replace_value


def process_exists(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_process_says_first_how_it_is_confined(run: Path, tmp_path: Path) -> None:
    pipes = TimedPipes()
    process = net_launch.launch_net(records.read_record(run), pipes, tmp_path, [], uses_gpu=False)
    try:
        answer = pipes.receive(60, Limits())
        assert answer.kind == "confined"
        assert "confined" in str(answer.values["isolation"])
    finally:
        pipes.close()
        net_launch.end_process(process)
    assert not process_exists(process.pid)


def test_no_library_is_imported_before_the_confinement() -> None:
    code = (
        "import sys; from seqbench.utils.confinement.confine import Plan, confine; "
        "print([name for name in ('torch', 'numpy', 'pydantic_core', 'multiprocessing') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert net_launch._BOOT.index("isolation = confine(") < net_launch._BOOT.index("import main")


def test_a_process_ends_with_its_parent(run: Path, tmp_path: Path) -> None:
    pipes = TimedPipes()
    process = net_launch.launch_net(records.read_record(run), pipes, tmp_path, [], uses_gpu=False)
    pipes.receive(60, Limits())
    pipes.close()
    assert process.wait(60) == 0
    assert process.stdout is not None
    process.stdout.close()


def test_a_process_that_does_not_end_is_killed_with_those_that_it_has_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net_launch, "END_SECONDS", 0.1)
    code = "import subprocess, sys, time; print(subprocess.Popen(['sleep', '100']).pid, flush=True); time.sleep(100)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    started = int(process.stdout.readline())
    net_launch.end_process(process)
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 10
    while process_exists(started) and time.monotonic() < deadline:
        time.sleep(0.01)  # The killed process waits for init to collect it.
    status = Path(f"/proc/{started}/status")
    assert not process_exists(started) or "zombie" in status.read_text()


def test_the_data_of_the_record_and_all_caches_are_hidden(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit_record(folder, lambda data: data["config"]["options"]["task"].update(data_dir="/my/data"))
    monkeypatch.setenv("SEQBENCH_DATA", "/published")
    monkeypatch.setenv("SEQBENCH_CACHE", "/cache")
    monkeypatch.setenv("HF_HOME", "~/hub")
    hidden = net_launch._data_folders(records.read_record(folder))
    expected = {Path("/my/data"), Path("/published"), Path("/cache"), Path.home() / "hub"}
    assert expected < set(hidden)
    assert Path.home() / ".cache" / "huggingface" in hidden


def test_only_a_class_path_gives_the_process_the_current_folder(folder: Path) -> None:
    assert not net_launch._has_class_path(records.read_record(folder))
    edit_record(folder, replace_value("config", "options", "arch", "name", value="my_file:Net"))
    assert net_launch._has_class_path(records.read_record(folder))


def test_a_message_to_a_process_that_has_ended_says_so() -> None:
    pipes = TimedPipes()
    pipes.close_child_ends()
    with pytest.raises(PipeEnded):
        pipes.send(Message("stop"), 1)
    pipes.close()
