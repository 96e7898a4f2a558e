"""The code of docs/lightning.md runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parent.parent / "docs" / "lightning.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_the_code_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block, str(PAGE), "exec"), namespace)
    shown = capsys.readouterr().out
    accuracy, chance = re.findall(r"test accuracy (\S+), chance (\S+)", shown)[0]
    assert float(accuracy) > 2 * float(chance)
    assert namespace["trainer"].callback_metrics["validation/accuracy"] > 2 * float(chance)
    assert 0 <= namespace["scores"]["test/accuracy"] <= 1
    assert list(tmp_path.glob("logs/wandb/offline-run-*"))


def test_the_page_names_the_tests_that_exist() -> None:
    root = PAGE.parent.parent
    named = re.findall(r"`(tests/\S+?\.py)`", PAGE.read_text(encoding="utf-8"))
    assert len(named) == 4
    assert all((root / name).is_file() for name in named)
