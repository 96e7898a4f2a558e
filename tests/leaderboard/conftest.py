"""Fixtures for the tests that use Weights & Biases: an isolated client, and a local server in its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import wandb

from seqbench.running.loggers import wandb_connection
from tests.wandb_stub import KEY, WandbStub, isolate_wandb


@pytest.fixture
def isolated_wandb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Keep the settings and the files of W&B inside the test."""
    isolate_wandb(monkeypatch, tmp_path)
    monkeypatch.setattr(wandb, "run", None)
    monkeypatch.setattr(wandb_connection, "FINISH_SECONDS", 5.0)
    yield
    wandb.teardown()


@pytest.fixture
def online(isolated_wandb: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbStub]:
    """Run a local server in the place of W&B's, with an API key set."""
    with WandbStub() as stub:
        monkeypatch.setenv("WANDB_BASE_URL", stub.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        yield stub
