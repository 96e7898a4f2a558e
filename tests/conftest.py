from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_configure() -> None:
    # A shell starts background jobs with SIGINT ignored, and child processes inherit this; some tests send SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # No test may use W&B's server or the hub; a test may start its own server.
    for name in [n for n in os.environ if n.startswith("WANDB_")]:
        del os.environ[name]
    os.environ["WANDB_MODE"] = "offline"
    os.environ["HF_HUB_OFFLINE"] = "1"
    # No test may read data that an earlier version of the code has prepared.
    os.environ["SEQBENCH_CACHE"] = tempfile.mkdtemp(prefix="seqbench-tests-")
    os.environ["TRACKIO_DIR"] = tempfile.mkdtemp(prefix="seqbench-trackio-")
    # The models are so small that a second thread would only slow down the other tests.
    os.environ["OMP_NUM_THREADS"] = "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "real_data" in getattr(item, "fixturenames", ()):
            item.add_marker("data")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device")


@pytest.fixture(autouse=True)
def _restored_wandb_variables() -> Iterator[None]:
    """Restore the variables of W&B after each test, because its logger sets some in this process."""
    before = {name: value for name, value in os.environ.items() if name.startswith("WANDB_")}
    yield
    for name in [name for name in os.environ if name.startswith("WANDB_") and name not in before]:
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(autouse=True)
def _restored_deterministic_algorithms() -> Iterator[None]:
    """Forget that a test asked PyTorch for deterministic algorithms, because a Trainer asks for the whole process."""
    yield
    if torch := sys.modules.get("torch"):
        torch.use_deterministic_algorithms(False)


def pytest_unconfigure() -> None:
    for name in ("SEQBENCH_CACHE", "TRACKIO_DIR"):
        shutil.rmtree(os.environ[name], ignore_errors=True)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("SEQBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without data and without network."""
    monkeypatch.setenv("SEQBENCH_CACHE", str(tmp_path / "empty"))
    monkeypatch.delenv("SEQBENCH_DATA", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def real_data() -> Path:
    """The folder of the published data files; without one the test is skipped."""
    root = os.environ.get("SEQBENCH_DATA")
    if not root:
        pytest.skip("needs published data files: set SEQBENCH_DATA")
    return Path(root)


@pytest.fixture
def small_data(tmp_path: Path) -> Path:
    """Folders ``sentences``, ``rolls`` and ``pairs`` with small generated data, not in a published layout."""
    words = ["good", "bad", "fine", "poor", "film", "plot", "the", "a"]
    rows = [[words[(n * 3 + k * k + n // 7) % 8] for k in range(2 + n % 5)] for n in range(60)]
    parts = {"train": rows[:40], "dev": rows[40:50], "test": rows[50:]}
    for name in ("sentences", "rolls", "pairs"):
        (tmp_path / name).mkdir()
    for split, split_rows in parts.items():
        lines = [f"{' '.join(row)}\t{int('good' in row)}" for row in split_rows]
        (tmp_path / "sentences" / f"{split}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for language, end in (("en", "."), ("de", " !")):
            text = "\n".join(" ".join(reversed(row)) + end for row in split_rows) + "\n"
            (tmp_path / "pairs" / f"{split}.{language}").write_text(text, encoding="utf-8")
    rolls = {
        {"dev": "valid"}.get(split, split): [[[60 + (n + k) % 9, 48] for k in range(3 + n)] for n in range(6)]
        for split in parts
    }
    (tmp_path / "rolls" / "tunes.json").write_text(json.dumps(rolls), encoding="utf-8")
    return tmp_path


@pytest.fixture
def text_folder(tmp_path: Path) -> Path:
    """A folder with a small generated text, not in a published layout."""
    folder = tmp_path / "texts"
    folder.mkdir()
    words = ["the cat sat on the mat", "a dog ran to the man", "no one saw the sun set"]
    lines = [words[(i * i + i // 3) % 3] for i in range(600)]
    (folder / "story.txt").write_text("\n".join(lines), encoding="utf-8")
    return folder
