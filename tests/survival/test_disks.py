"""Full disks and read-only folders: errors have a clear message, and earlier files stay complete."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from seqbench.cli.main import main
from seqbench.protocol import records
from tests.backbones import CausalMean
from tests.survival.kill_points import KillPoint, arm_kill
from tests.survival.kills import CONTEXT, TIMEOUT_SECONDS, list_files, read_results
from tests.survival.sweeps import SIZES, STEPS, WORDS

BACKBONE = f"{CausalMean.__module__}:CausalMean"
RUN = ("run", "--arch", BACKBONE, "--task", "copy", "--tier", "smoke", "--logger", "none", "--resume", *SIZES, *STEPS)
MIDWAY = KillPoint("training_step", "begun")


def command(runs: Path, log: Path, words: tuple[str, ...] = RUN, kill_at: int = 0, largest: int = 0) -> int:
    """Run a command in a new process, whose files may have at most ``largest`` bytes; return its exit status."""
    process = CONTEXT.Process(target=_command, args=([*words, "--runs", str(runs)], log, kill_at, largest))
    process.start()
    process.join(TIMEOUT_SECONDS)
    assert process.exitcode is not None
    return int(process.exitcode)


def _command(words: list[str], log: Path, kill_at: int, largest: int) -> None:
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(handle, stream)
    torch.set_num_threads(1)
    if kill_at:
        arm_kill(MIDWAY, kill_at)
    if largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
    sys.exit(main(words))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def checkpoints(folder: Path) -> dict[str, bytes]:
    return {name: data for name, data in contents(folder).items() if name.endswith(".ckpt")}


def check_message(log: Path, *reasons: str) -> None:
    """Assert that a log has one of the reasons and no traceback."""
    output = log.read_text()
    assert "Traceback" not in output
    assert any(reason in output for reason in reasons), output


@contextlib.contextmanager
def mounted(folder: Path, mebibytes: int = 4) -> Iterator[Path]:
    """Mount a small disk on a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(options, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, free: int) -> Path:
    """Fill the disk of a folder until so many bytes are free."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    os.truncate(filler, filler.stat().st_size - free)
    return filler


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], set[str]]:
    """Results and files of an uninterrupted run."""
    base = tmp_path_factory.mktemp("whole")
    assert command(base / "runs", base / "log") == 0
    return read_results(base / "runs"), list_files(base / "runs")


@pytest.fixture(params=["read-only mount", "mode"])
def read_only(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, Callable[[bool], None]]]:
    """A folder, and a function that makes it read-only or writable."""
    runs = tmp_path / "runs"
    if request.param == "mode":
        runs.mkdir()

        def forbid(forbidden: bool) -> None:
            for path in (runs, *(path for path in runs.rglob("*") if path.is_dir())):
                path.chmod(0o555 if forbidden else 0o755)

        forbid(True)
        if os.access(runs, os.W_OK):
            pytest.skip("this user may write into read-only folders")
        forbid(False)
        yield runs, forbid
        forbid(False)
        return
    with mounted(runs):

        def remount(forbidden: bool) -> None:
            how = f"remount,{'ro' if forbidden else 'rw'}"
            subprocess.run(["mount", "-o", how, str(runs)], check=True)

        yield runs, remount


@pytest.mark.parametrize("free", [0, 4, 8])
def test_a_run_on_a_full_disk_keeps_its_checkpoints_and_is_resumed_when_there_is_space(
    tmp_path: Path, whole: tuple[dict[str, str], set[str]], free: int
) -> None:
    log = tmp_path / "log"
    with mounted(tmp_path / "disk") as disk:
        assert command(disk / "runs", log, kill_at=35) < 0
        before = checkpoints(disk)
        assert len(before) == 2
        filler = fill(disk, 1024 * free)
        status = command(disk / "runs", log)
        assert status in (1, 2)
        check_message(log, "No space left on device")
        after = checkpoints(disk)
        assert after.keys() == before.keys()
        for name in after:
            torch.load(disk / name, weights_only=True)
        if not free:
            assert after == before
        for path in disk.rglob(records.NAME):
            assert records.read_record(path).status == "failed"
        assert not [path for path in disk.rglob(".*") if path.name != ".lock"]
        filler.unlink()
        assert command(disk / "runs", log) == 0
        assert (read_results(disk / "runs"), list_files(disk / "runs")) == whole


@pytest.mark.parametrize("largest", [1, 12])
def test_a_run_with_limited_file_sizes_keeps_its_checkpoints(
    tmp_path: Path, whole: tuple[dict[str, str], set[str]], largest: int
) -> None:
    runs, log = tmp_path / "runs", tmp_path / "log"
    assert command(runs, log, kill_at=35) < 0
    before = checkpoints(runs)
    assert command(runs, log, largest=1024 * largest) in (1, 2)
    if largest > 1:  # The output is written to a file, too.
        check_message(log, "File too large")
    assert checkpoints(runs) == before
    for path in runs.rglob(records.NAME):
        assert records.read_record(path).status == "failed"
    assert command(runs, log) == 0
    assert (read_results(runs), list_files(runs)) == whole


def test_a_run_writes_temporary_files_only_into_its_folder(
    tmp_path: Path, whole: tuple[dict[str, str], set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths: list[str] = []
    original = tempfile.mkstemp

    def log_path(*args: Any, **options: Any) -> tuple[int, str]:
        handle, path = original(*args, **options)
        paths.append(path)
        return handle, path

    monkeypatch.setattr(tempfile, "mkstemp", log_path)
    assert main([*RUN, "--runs", str(tmp_path / "runs")]) == 0
    assert paths
    assert not [path for path in paths if tmp_path / "runs" not in Path(path).parents]
    assert (read_results(tmp_path / "runs"), list_files(tmp_path / "runs")) == whole


def test_a_run_in_a_read_only_folder_is_refused(
    tmp_path: Path, whole: tuple[dict[str, str], set[str]], read_only: tuple[Path, Callable[[bool], None]]
) -> None:
    (runs, forbid), log = read_only, tmp_path / "log"
    assert command(runs, log, kill_at=35) < 0
    before = contents(runs)
    forbid(True)
    assert command(runs, log) == 2
    check_message(log, "cannot be written: Read-only file system", "cannot be written: Permission denied")
    assert contents(runs) == before
    forbid(False)
    assert command(runs, log) == 0
    assert (read_results(runs), list_files(runs)) == whole
    forbid(True)
    assert command(runs, log) == 0  # A finished run writes nothing.


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_a_sweep_continues_with_the_cells_on_another_disk(
    tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs"
    archs = f"{BACKBONE},tests.survival.backbones:Segfaulting"
    words = ["sweep", "--arch", archs, *WORDS, *SIZES[:2], *SIZES[4:], *STEPS, "--runs", str(runs)]
    words[words.index("copy")] = "copy,parity"
    with mounted(runs / "copy") as disk:
        if how == "full":
            filler = fill(disk, 0)
        else:
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert main(words) == 1
        err = capsys.readouterr().err
        assert "Traceback" not in err
        reason = {"full": "No space left on device", "read-only": "Read-only file system"}[how]
        assert f"not run: {BACKBONE} on copy, seed 0: " in err
        assert err.count(reason) >= 2
        assert "the process was ended by SIGSEGV; it has no record: " in err
        assert not list(disk.rglob(records.NAME))
        (record,) = [records.read_record(path) for path in runs.rglob(records.NAME) if "CausalMean" in str(path)]
        assert record.status == "ok"
        if how == "full":
            filler.unlink()
        else:
            subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        assert main(words) == 1  # The other architecture crashes each time.
        ended = [records.read_record(path).status for path in sorted(runs.rglob(records.NAME))]
        assert sorted(ended) == ["failed", "failed", "ok", "ok"]
