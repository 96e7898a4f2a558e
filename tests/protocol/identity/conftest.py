from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.protocol.identity.folders import user_folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, which is empty."""
    with user_folder(tmp_path / "user", monkeypatch) as folder:
        yield folder
