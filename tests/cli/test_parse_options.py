from __future__ import annotations

import pytest

from seqbench.cli import parse_options
from seqbench.utils.errors import SeqbenchError


def test_names_are_separated_by_commas() -> None:
    assert parse_options.parse_names(" gru, lstm,") == ["gru", "lstm"]
    with pytest.raises(SeqbenchError, match="expected names"):
        parse_options.parse_names(" , ")


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("3", [0, 1, 2]),
        ("3,4,3", [3, 4]),
        ("7,", [7]),
        ("1-3", [1, 2, 3]),
        ("0-2,7,1-3", [0, 1, 2, 7, 3]),
        ("5-5", [5]),
        (None, None),
    ],
)
def test_seeds_are_a_count_or_a_list(text: str | None, seeds: list[int] | None) -> None:
    assert parse_options.parse_seeds(text) == seeds


def test_a_run_has_one_seed_and_several_are_a_sweep() -> None:
    assert parse_options.parse_seed("12") == 12
    for text in ("1,2", "0-4", "3,"):
        with pytest.raises(SeqbenchError, match=f"for several: `seqbench sweep --seeds {text}`"):
            parse_options.parse_seed(text)
    with pytest.raises(SeqbenchError, match="must be a whole number, got 'x'"):
        parse_options.parse_seed("x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", "from 1 to 10000"),
        ("10001", "from 1 to 10000"),
        ("1.5", "count"),
        ("1-", "ranges"),
        ("-3", "ranges"),
        ("1 - 3", "without spaces"),
        ("3-1", "smaller seed first: 1-3"),
        ("0-10000", "at most 10000 seeds"),
        ("0-9999,10000", "at most 10000 seeds"),
        ("0-9999999999", "at most 10000 seeds"),
    ],
)
def test_seeds_that_are_no_positive_numbers_are_refused(text: str, message: str) -> None:
    with pytest.raises(SeqbenchError, match=message):
        parse_options.parse_seeds(text)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1.5m", 90), ("none", float("inf")), (None, None)])
def test_a_time_limit_is_in_seconds(text: str | None, seconds: float | None) -> None:
    assert parse_options.parse_time_limit(text) == seconds


def test_the_values_of_a_grid_are_texts() -> None:
    assignments = ["arch.channels=[[1, 2], [3]]", "--arch.num_layers=1, 2", "optim.lr=1e-3"]
    assert parse_options.parse_grid(assignments) == {
        "arch.channels": ["[1, 2]", "[3]"],
        "arch.num_layers": ["1", "2"],
        "optim.lr": ["1e-3"],
    }


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("arch.x=[2020-01-01]", "--grid arch.x: .* holds a value that no option takes"),
        ("arch.x=[2020-13-01]", "--grid arch.x: .* is not a YAML list"),
        ("arch.x=[!!bool x]", "--grid arch.x: .* is not a YAML list"),
        ("arch.x=[1,", "--grid arch.x: .* is not a YAML list"),
        ("trainer.devices=1,2", "give trainer.devices once, as --trainer.devices VALUE"),
    ],
)
def test_a_malformed_grid_is_an_error(assignment: str, message: str) -> None:
    with pytest.raises(SeqbenchError, match=message):
        parse_options.parse_grid([assignment])


def test_the_values_of_pairs_have_the_types_of_json() -> None:
    assignments = [
        "mem_gb=16",
        "exclusive=true",
        "slurm_partition=gpu",
        "slurm_time=1:30:00",
        'slurm_setup=["module load x"]',
    ]
    assert parse_options.parse_pairs(assignments, "--engine-option") == {
        "mem_gb": 16,
        "exclusive": True,
        "slurm_partition": "gpu",
        "slurm_time": "1:30:00",
        "slurm_setup": ["module load x"],
    }
