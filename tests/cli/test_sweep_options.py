from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from seqbench.cli import sweep_options
from seqbench.cli.main import build_parser
from seqbench.sweep.engines.engine_choice import EngineRequest
from seqbench.sweep.planning.plan_request import PlanRequest
from seqbench.utils.errors import SeqbenchError

DOTTED = ["--task.delay", "2", "--optim.steps=20"]


def parse(*words: str) -> sweep_options.SweepOptions:
    options: argparse.Namespace
    options, options.rest = build_parser(["sweep"]).parse_known_args(
        ["sweep", "--arch", "gru,lstm", "--task", "copy", *words]
    )
    return sweep_options.parse_sweep_options(options)


def test_the_options_are_parsed_into_their_types(tmp_path: Path) -> None:
    more = ["--limit", "2m", "--memory", "1G", "--engine-option", "mem_gb=4", "--grid", "arch.num_layers=1,2"]
    more += ["--tier", "smoke", "--logger", "none", "--seeds", "1-3", "--out", str(tmp_path / "t.md"), "--tune"]
    parsed = parse(*DOTTED, "--runs", str(tmp_path), *more)
    undotted = {"tier": "smoke", "logger": "none"}
    grid = {"arch.num_layers": ["1", "2"]}
    assert parsed.request == PlanRequest(["gru", "lstm"], ["copy"], tmp_path, [1, 2, 3], grid, undotted, DOTTED)
    assert parsed.engine == EngineRequest("local", {"mem_gb": 4}, None, 2**30)
    assert (parsed.limit, parsed.retries, parsed.out) == (120.0, 0, tmp_path / "t.md")
    assert (parsed.tune, parsed.probe, parsed.dry_run) == (True, True, False)


def test_a_table_that_cannot_be_written_is_refused_before_anything_runs() -> None:
    with pytest.raises(SeqbenchError, match="--out must name a file that ends in"):
        parse("--out", "table.txt")


def test_the_checkpoints_that_stay_are_an_option_of_all_cells() -> None:
    assert parse("--keep", "best").request.options == {"keep": "best"}
