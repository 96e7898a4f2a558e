from __future__ import annotations

import pytest

import seqbench
from seqbench.cli.main import main
from seqbench.utils import supported_system
from seqbench.utils.errors import SeqbenchError


class Windows:
    """The part of the module ``os`` that names the system."""

    name = "nt"


def test_this_system_is_supported() -> None:
    supported_system.require_supported_system()


def test_windows_is_refused_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(supported_system, "os", Windows)
    with pytest.raises(SeqbenchError, match="Linux and macOS"):
        seqbench.run("gru", "copy")
    assert main(["list"]) == 2
    assert capsys.readouterr().err == (
        "seqbench: seqbench runs on Linux and macOS, and this is Windows; use the Windows Subsystem for Linux.\n"
    )
