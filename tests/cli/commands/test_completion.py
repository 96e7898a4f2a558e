from __future__ import annotations

import pytest

from seqbench.cli.main import main


@pytest.mark.parametrize(
    ("shell", "registration"),
    [("bash", "complete -o nospace"), ("zsh", "#compdef seqbench"), ("fish", "complete --command seqbench")],
)
def test_the_code_registers_the_completion_in_each_shell(
    shell: str, registration: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    out = capsys.readouterr().out
    assert registration in out
    assert "seqbench" in out


def test_an_unknown_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "invalid choice: 'tcsh'" in capsys.readouterr().err
