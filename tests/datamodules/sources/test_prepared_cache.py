from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from seqbench.datamodules.sources import prepared_cache as caching

ARRAYS: caching.Arrays = {"ids": np.arange(1000), "none": np.zeros((0, 3), np.uint8)}


def entries(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "prepared").iterdir())


def test_arrays_are_prepared_once_and_then_memory_mapped(cache: Path) -> None:
    instance: list[int] = []

    def make() -> caching.Arrays:
        instance.append(1)
        return dict(ARRAYS)

    for _ in range(2):
        result = caching.load_or_prepare("ids1", {"a": 1}, make)
        assert isinstance(result["ids"], np.memmap)
        np.testing.assert_array_equal(result["ids"], ARRAYS["ids"])
        assert result["none"].shape == (0, 3)
    assert len(instance) == 1
    caching.load_or_prepare("ids1", {"a": 2}, make)
    caching.load_or_prepare("ids2", {"a": 1}, make)
    assert len(instance) == 3
    assert len(entries(cache)) == 3


@pytest.mark.parametrize("damage", ["cut", "gone", "unnamed", "header", "names"])
def test_a_damaged_entry_is_prepared_again(cache: Path, damage: str) -> None:
    caching.load_or_prepare("ids1", {}, lambda: dict(ARRAYS))
    (folder,) = (cache / "prepared").iterdir()
    if damage == "cut":
        (folder / "ids.npy").write_bytes((folder / "ids.npy").read_bytes()[:500])
    elif damage == "header":
        whole = (folder / "ids.npy").read_bytes()
        (folder / "ids.npy").write_bytes(whole.replace(b"'descr'", b"{{{{{{{"))
    elif damage == "names":
        (folder / "names.json").write_text('[1, "ids"]')
    else:
        (folder / {"gone": "ids.npy", "unnamed": "names.json"}[damage]).unlink()
    result = caching.load_or_prepare("ids1", {}, lambda: dict(ARRAYS))
    np.testing.assert_array_equal(result["ids"], ARRAYS["ids"])


def test_the_partial_entry_of_a_killed_run_is_not_read_and_is_removed_later(cache: Path) -> None:
    """Kill a process while it writes its second array."""
    code = (
        "import numpy as np, os, signal\n"
        "from seqbench.datamodules.sources import prepared_cache as cache\n"
        "write = cache._write_array\n"
        "def killed(path, array):\n"
        "    if path.stem == 'two': path.write_bytes(b'half'); os.kill(os.getpid(), signal.SIGKILL)\n"
        "    write(path, array)\n"
        "cache._write_array = killed\n"
        "cache.load_or_prepare('ids1', {}, lambda: {'one': np.arange(9), 'two': np.arange(9)})\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    (half,) = entries(cache)
    assert half.startswith(".half-")
    arrays = {"one": np.arange(9), "two": np.arange(9) * 2}
    result = caching.load_or_prepare("ids1", {}, lambda: arrays)
    np.testing.assert_array_equal(result["two"], arrays["two"])
    assert half in entries(cache)
    old = time.time() - 2 * caching.STALE_SECONDS
    os.utime(cache / "prepared" / half, (old, old))
    caching.load_or_prepare("ids1", {"other": 1}, lambda: arrays)
    assert half not in entries(cache)


def test_processes_that_prepare_the_same_arrays_at_once_all_get_them(cache: Path) -> None:
    code = (
        "import numpy as np, time\n"
        "from seqbench.datamodules.sources import prepared_cache as cache\n"
        "def make(): time.sleep(.5); return {'ids': np.arange(200_000)}\n"
        "found = cache.load_or_prepare('ids1', {}, make)\n"
        "assert found['ids'].sum() == np.arange(200_000).sum()\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
    assert [process.wait(60) for process in running] == [0, 0, 0, 0]
    (entry,) = entries(cache)
    assert entry.startswith("ids1-")


def test_arrays_stay_in_memory_if_the_cache_is_not_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SEQBENCH_CACHE", str(tmp_path / "file" / "below"))
    assert caching.load_or_prepare("ids1", {}, lambda: dict(ARRAYS))["ids"] is ARRAYS["ids"]


def test_the_name_of_an_entry_depends_on_kind_and_key_but_not_on_the_order_of_the_key(cache: Path) -> None:
    caching.load_or_prepare("ids1", {"a": 1, "b": 2}, lambda: dict(ARRAYS))
    again = caching.load_or_prepare("ids1", {"b": 2, "a": 1}, lambda: {})
    assert set(again) == {"ids", "none"}
    (entry,) = entries(cache)
    assert entry.startswith("ids1-")


def test_texts_are_stored_as_bytes() -> None:
    assert caching.text_array("né").tolist() == [0x6E, 0xC3, 0xA9]
    assert caching.array_text(np.array([0x6E, 0xC3, 0xA9], np.uint8)) == "né"
