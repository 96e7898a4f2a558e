from __future__ import annotations

import pytest

from seqbench.cli import parse_options
from seqbench.utils.errors import SeqbenchError


def test_names_seeds_times_and_grids_are_read() -> None:
    assert parse_options.parse_names(" gru, lstm,") == ["gru", "lstm"]
    assert [parse_options.parse_seeds(text) for text in ("3", "3,4,3", "7,", None)] == [[0, 1, 2], [3, 4], [7], None]
    assert [parse_options.parse_time_limit(text) for text in ("90s", "1.5m", "none", None)] == [
        90,
        90,
        float("inf"),
        None,
    ]
    grid = parse_options.parse_grid(["arch.channels=[[1, 2], [3]]", "--arch.num_layers=1, 2", "optim.lr=1e-3"])
    assert grid == {"arch.channels": ["[1, 2]", "[3]"], "arch.num_layers": ["1", "2"], "optim.lr": ["1e-3"]}


def test_values_of_an_engine_have_their_types() -> None:
    given = [
        "mem_gb=16",
        "exclusive=true",
        "slurm_partition=gpu",
        "slurm_time=1:30:00",
        'slurm_setup=["module load x"]',
    ]
    assert parse_options.parse_pairs(given, "--engine-option") == {
        "mem_gb": 16,
        "exclusive": True,
        "slurm_partition": "gpu",
        "slurm_time": "1:30:00",
        "slurm_setup": ["module load x"],
    }


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["arch.x=[2020-01-01]"], "--grid arch.x: .* holds what is no option"),
        (["arch.x=[2020-13-01]"], "--grid arch.x: .* is no list"),
        (["arch.x=[1,"], "--grid arch.x: .* is no list"),
        (["trainer.devices=1,2"], "where they run is given once, as --trainer.devices VALUE"),
    ],
)
def test_a_grid_that_cannot_be_is_named(given: list[str], sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        parse_options.parse_grid(given)
    with pytest.raises(SeqbenchError, match="expected names"):
        parse_options.parse_names(" , ")
