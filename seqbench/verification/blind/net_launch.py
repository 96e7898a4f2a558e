"""Start the process of a net: a fresh interpreter, confined before it imports anything of the plug-in."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import seqbench
from seqbench.datamodules.sources.data_files import cache_root
from seqbench.protocol import registry
from seqbench.protocol.records import Record
from seqbench.utils.confinement import confine, readable_files, system_calls
from seqbench.verification.blind import net_worker
from seqbench.verification.blind.timed_pipes import TimedPipes

END_SECONDS = 2.0
"""Longest time that a process may take to end when it is asked to (s); then it is killed."""

MEMORY_SHARE = 0.75
"""Share of the machine's memory that one net may use."""

HIDDEN_VARIABLES = ("SEQBENCH_DATA", "SEQBENCH_CACHE", "HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE")
"""Variables that name folders of data."""

_BOOT = (
    "import sys, json; plan = json.loads(sys.argv[1]); sys.path[:] = plan['path']; "
    f"from {confine.__name__} import Plan, confine; isolation = confine(Plan(**plan['confinement'])); "
    f"from {net_worker.__name__} import main; main(plan['requests'], plan['answers'], isolation)"
)
"""The program of the process. Its first imports are of the standard library alone and start no thread."""


def launch_net(
    record: Record, pipes: TimedPipes, folder: Path, hidden: Sequence[Path], uses_gpu: bool
) -> subprocess.Popen[bytes]:
    """Start the process of a net, in a session of its own, so that Ctrl-C reaches this process alone.

    Args:
        record: record of the run.
        pipes: the pipes between the processes; the ends of the new process are closed in this one.
        folder: the one folder in which the process may write.
        hidden: files and folders that the process must not read, besides the data of the record and the caches.
        uses_gpu: whether the net may run on a GPU.
    """
    # Other processes could otherwise read the targets in the memory of this one.
    system_calls.hide_memory()
    here = Path.cwd() if _has_class_path(record) else folder
    unreadable = [*_data_folders(record), *hidden]
    plan = {
        "path": [str(Path(entry).absolute()) for entry in (*sys.path, *registry.plugin_folders())],
        "requests": pipes.child_ends[0],
        "answers": pipes.child_ends[1],
        "confinement": dataclasses.asdict(_confinement(folder, here, unreadable, uses_gpu)),
    }
    process = subprocess.Popen(
        [sys.executable, "-I", "-B", "-c", _BOOT, json.dumps(plan)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=here,
        env=confine.confined_environment(str(folder), os.environ),
        pass_fds=pipes.child_ends,
        start_new_session=True,
    )
    pipes.close_child_ends()
    return process


def end_process(process: subprocess.Popen[bytes]) -> None:
    """Wait a moment for the end of a process, then kill it and all processes of its session."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _confinement(folder: Path, here: Path, hidden: Sequence[Path], uses_gpu: bool) -> confine.Plan:
    """Return what the process is left with.

    Args:
        folder: the folder in which it may write.
        here: its current folder, from which it imports a class that is given by its path.
        hidden: files and folders that it must not read.
        uses_gpu: whether it may run on a GPU, whose driver reserves far more memory than it uses.
    """
    hidden = [path.resolve() for path in hidden]
    modules = [*map(Path, registry.plugin_folders()), *([here] if here != folder else [])]
    readable, listable = readable_files.python_files(hidden, modules)
    return confine.Plan(
        readable=[str(path) for path in (*readable, *_card_folders())],
        listable=[str(path) for path in listable],
        writable=str(folder),
        hidden=[str(path) for path in hidden],
        memory=0 if uses_gpu else int(MEMORY_SHARE * _machine_memory()),
        uses_gpu=uses_gpu,
    )


def _card_folders() -> list[Path]:
    """Return the folders of cards beside each seqbench that the process may import: this one, or another checkout."""
    roots = [Path(str(seqbench.__file__)).parent.parent, *(Path(entry).absolute() for entry in sys.path)]
    return [root / "tasks" for root in dict.fromkeys(roots) if (root / "seqbench" / "__init__.py").is_file()]


def _has_class_path(record: Record) -> bool:
    """Return whether an architecture is given by the path of its class, which is imported from the current folder."""
    options = record.config.options
    return any(":" in str(group.get("name")) for group in (options.arch, options.encoder or {}))


def _data_folders(record: Record) -> list[Path]:
    """Return where data may be: the folder of the record, that of the user, and the caches of seqbench and the hub."""
    given = [os.environ.get(name) for name in HIDDEN_VARIABLES]
    recorded = record.config.options.task.get("data_dir")
    folders = [*given, recorded if isinstance(recorded, str) else None, "~/.cache/huggingface", str(cache_root())]
    return [Path(folder).expanduser() for folder in folders if folder]


def _machine_memory() -> int:
    """Return the memory of this machine (bytes)."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
