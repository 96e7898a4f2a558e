from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest


def pytest_configure() -> None:
    # A shell starts background jobs deaf to Ctrl-C, and what they start inherits it: the tests press it themselves.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # No test may talk to W&B or to the hub unless it sets up its own server.
    for name in [n for n in os.environ if n.startswith("WANDB_")]:
        del os.environ[name]
    os.environ["WANDB_MODE"] = "offline"
    os.environ["HF_HUB_OFFLINE"] = "1"
    # Nor read what an earlier version of the code prepared.
    os.environ["SEQBENCH_CACHE"] = tempfile.mkdtemp(prefix="seqbench-tests-")
    # Tiny models: a second thread only gets into the way of the other tests.
    os.environ["OMP_NUM_THREADS"] = "1"


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device")


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["SEQBENCH_CACHE"], ignore_errors=True)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the test's own."""
    monkeypatch.setenv("SEQBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine that has neither data nor network."""
    monkeypatch.setenv("SEQBENCH_CACHE", str(tmp_path / "empty"))
    monkeypatch.delenv("SEQBENCH_DATA", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def real_data() -> Path:
    """The folder of published files; the test is skipped where there is none."""
    root = os.environ.get("SEQBENCH_DATA")
    if not root:
        pytest.skip("SEQBENCH_DATA is not set: no published files here")
    return Path(root)


@pytest.fixture
def small_data(tmp_path: Path) -> Path:
    """Folders ``sentences``, ``rolls`` and ``pairs`` with a little data of our own, in no published layout."""
    words = ["good", "bad", "fine", "poor", "film", "plot", "the", "a"]
    rows = [[words[(n * 3 + k * k + n // 7) % 8] for k in range(2 + n % 5)] for n in range(60)]
    parts = {"train": rows[:40], "dev": rows[40:50], "test": rows[50:]}
    for name in ("sentences", "rolls", "pairs"):
        (tmp_path / name).mkdir()
    for split, some in parts.items():
        lines = [f"{' '.join(row)}\t{int('good' in row)}" for row in some]
        (tmp_path / "sentences" / f"{split}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        for language, end in (("en", "."), ("de", " !")):
            text = "\n".join(" ".join(reversed(row)) + end for row in some) + "\n"
            (tmp_path / "pairs" / f"{split}.{language}").write_text(text, encoding="utf-8")
    rolls = {
        {"dev": "valid"}.get(split, split): [[[60 + (n + k) % 9, 48] for k in range(3 + n)] for n in range(6)]
        for split in parts
    }
    (tmp_path / "rolls" / "tunes.json").write_text(json.dumps(rolls), encoding="utf-8")
    return tmp_path


@pytest.fixture
def text_folder(tmp_path: Path) -> Path:
    """A folder with a small text of our own, in no published layout."""
    folder = tmp_path / "texts"
    folder.mkdir()
    words = ["the cat sat on the mat", "a dog ran to the man", "no one saw the sun set"]
    lines = [words[(i * i + i // 3) % 3] for i in range(600)]
    (folder / "story.txt").write_text("\n".join(lines), encoding="utf-8")
    return folder
