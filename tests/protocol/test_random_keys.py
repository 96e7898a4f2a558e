from __future__ import annotations

import itertools

import torch
from hypothesis import given
from hypothesis import strategies as st

from seqbench.protocol.batches import Keys
from seqbench.protocol.random_keys import generator_seed, random_key

NUMBERS = st.integers(0, 2**32 - 1)
PURPOSES = st.sampled_from(["dropout", "inputs", "weights"])
DRAWS = st.tuples(PURPOSES, NUMBERS, NUMBERS, st.integers(0, 1023))


def test_many_seeds_steps_ranks_and_purposes_have_different_keys() -> None:
    numbers = itertools.product(("dropout", "inputs"), range(10), range(5_000), range(3))
    seeds = [generator_seed(purpose, seed, step, rank) for purpose, seed, step, rank in numbers]
    assert len(set(seeds)) == len(seeds) == 300_000
    assert all(0 <= seed < 2**64 for seed in seeds)


@given(DRAWS, DRAWS)
def test_two_draws_have_one_key_only_if_they_are_the_same_draw(one: tuple[str, int], other: tuple[str, int]) -> None:
    assert (generator_seed(*one) == generator_seed(*other)) == (one == other)


@given(NUMBERS, NUMBERS, st.sampled_from([1, 10_007, 1_000_003, 2**32]))
def test_no_distance_between_steps_makes_up_for_another_seed(seed: int, step: int, distance: int) -> None:
    assert generator_seed("dropout", seed + 1, step, 0) != generator_seed("dropout", seed, step + distance, 0)
    assert generator_seed("dropout", seed, step + 1, 0) != generator_seed("dropout", seed, step, distance)


def test_the_lower_32_bits_collide_as_rarely_as_chance_allows() -> None:
    """The CPU generator of PyTorch uses these bits alone; 50,000 draws of 2**32 have .29 equal pairs on average."""
    lower = {generator_seed("dropout", seed, step, 0) & 0xFFFFFFFF for seed in range(5) for step in range(10_000)}
    assert len(lower) >= 50_000 - 5


def test_ranks_draw_independent_numbers() -> None:
    drawn = [
        torch.rand(10_000, generator=torch.Generator().manual_seed(generator_seed("dropout", 0, 0, rank)))
        for rank in range(8)
    ]
    correlations = torch.corrcoef(torch.stack(drawn)) - torch.eye(8)
    assert float(correlations.abs().max()) < 0.05


def test_no_purpose_has_the_key_of_a_batch() -> None:
    assert random_key("copy", "seed=0", "train", 7) != random_key("purpose=dropout", 0, 7, 0)
    own = Keys(seed=0, task="copy", version=1).generator("train", 7).bit_generator.state
    assert own["state"]["key"].tobytes() == random_key("copy", "seed=0", "train", 7)
