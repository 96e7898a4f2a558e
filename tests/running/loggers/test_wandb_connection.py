from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from seqbench.running.loggers import wandb_connection
from seqbench.utils.errors import SeqbenchError


def test_an_unknown_mode_of_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "onlin")
    with pytest.raises(SeqbenchError, match="WANDB_MODE must be one of online, offline, disabled, got 'onlin'"):
        wandb_connection.check_environment()


def test_an_option_overrides_the_mode_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    assert wandb_connection.wandb_mode("disabled") == ("disabled", "--wandb.mode disabled")


@pytest.mark.parametrize("home", [None, "/proc"])
def test_without_a_usable_home_wandb_writes_its_log_elsewhere(
    monkeypatch: pytest.MonkeyPatch, home: str | None
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", home) if home else monkeypatch.delenv("HOME")
    with wandb_connection.hide_messages():
        assert Path(os.environ["XDG_CACHE_HOME"]).is_dir()
    assert "XDG_CACHE_HOME" not in os.environ


def test_a_usable_home_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with wandb_connection.hide_messages():
        assert "XDG_CACHE_HOME" not in os.environ


def test_messages_on_standard_error_are_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    with wandb_connection.hide_messages():
        print("wandb: a line", file=sys.stderr)
    assert capsys.readouterr().err == ""
