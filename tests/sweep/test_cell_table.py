from __future__ import annotations

from pathlib import Path

from seqbench.sweep import cell_table
from tests.sweep.helpers import build_small_plan, write_record


def test_each_cell_has_a_line_with_its_options_scores_and_folder(tmp_path: Path) -> None:
    cells = build_small_plan(tmp_path, seeds=[0, 1], arch__num_layers=["1", "2"]).cells()
    write_record(cells[0], value=0.75, seconds=2.0)
    write_record(cells[1], "diverged")
    lines = cell_table.cell_lines(cells, {"bigru on copy": "it looks ahead"})
    first = {
        "cell": "gru on copy, arch.num_layers=1, seed 0",
        "architecture": "gru",
        "task": "copy",
        "tier": "smoke",
        "seed": 0,
        "arch.num_layers": "1",
        "status": "ok",
        "metric": "accuracy",
        "test": 0.75,
        "validation": 0.75,
        "chance": 0.125,
        "best": 1.0,
        "parameters": 123,
        "seconds": 2.0,
        "folder": str(cells[0].folder),
    }
    assert first.items() <= lines[0].items()
    assert [line["status"] for line in lines] == ["ok", "diverged", "not run", "not run", "refused"]
    assert (lines[1]["reason"], lines[1]["test"], lines[2]["reason"]) == ("as scripted", None, None)
    assert lines[4] == {"cell": "bigru on copy", "status": "refused", "reason": "it looks ahead"}
    assert [line.get("arch.num_layers") for line in lines] == ["1", "2", "1", "2", None]
