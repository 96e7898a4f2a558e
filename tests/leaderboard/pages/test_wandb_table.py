from __future__ import annotations

from typing import Any

import pytest
import wandb

from seqbench.leaderboard.pages import wandb_table
from seqbench.utils.errors import SeqbenchError
from tests.wandb_stub import ENTITY, WandbStub

pytestmark = pytest.mark.usefixtures("isolated_wandb")


def test_without_an_api_key_no_request_is_sent(online: WandbStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_API_KEY")
    with pytest.raises(SeqbenchError, match="no API key is set"):
        wandb_table.publish_table([], ["a"], "boards", "small")
    assert online.requests == []


def test_a_board_is_published_as_a_table(online: WandbStub, capfd: pytest.CaptureFixture[str]) -> None:
    left_open = wandb.init(project="mine", mode="offline", settings=wandb.Settings(silent=True))
    rows: list[dict[str, Any]] = [
        {"architecture": "gru", "score": 0.5, "note": 1},
        {"architecture": "<b>", "note": "n/a"},
    ]
    columns = ["architecture", "score", "note"]
    url = wandb_table.publish_table(rows, columns, f"wandb:{ENTITY}/boards", "small board")
    (run,) = online.runs.values()
    assert run.id != left_open.id
    assert url == f"{online.url}/{ENTITY}/boards/runs/{run.id}"
    assert (run.name, run.job_type, run.state) == ("small board", "leaderboard", "finished")
    for kind in ("leaderboard", "run_table"):
        table = online.table(kind)
        assert table["columns"] == columns
        assert table["data"] == [["gru", 0.5, 1], ["<b>", None, "n/a"]]
    assert next(iter(online.artifacts.values()))["artifactCollectionName"] == "small-board"
    assert run.summary["leaderboard"]["nrows"] == 2
    assert any(f"/upload/{run.id}/{run.summary['leaderboard']['path']}" == path for path in online.uploads)
    assert online.unknown_operations == []
    assert "wandb" not in "".join(capfd.readouterr())


def test_a_refused_upload_is_an_error(online: WandbStub) -> None:
    online.rejects_artifacts = True
    with pytest.raises(
        SeqbenchError, match=r"'b' was not published at wandb:boards: W&B says .*storage limit exceeded"
    ):
        wandb_table.publish_table([{"a": 1}], ["a"], "boards", "b")
    assert wandb.run is None
    (run,) = online.runs.values()
    assert run.state == "failed"


def test_offline_nothing_is_published(online: WandbStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    with pytest.raises(SeqbenchError, match=r"W&B is offline \(WANDB_MODE=offline\)"):
        wandb_table.publish_table([{"a": 1}], ["a"], "boards", "b")
    assert online.requests == []
