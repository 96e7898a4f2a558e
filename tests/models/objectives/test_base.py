from __future__ import annotations

import math

import pytest
import torch

from seqbench.models.objectives import RatioMetrics


def test_a_ratio_is_of_the_sums_not_the_mean_of_ratios() -> None:
    scores = RatioMetrics({"a": 1})
    scores.update({"a": (torch.tensor(1.0), torch.tensor(1.0))})
    scores.update({"a": (torch.tensor(0.0), torch.tensor(3.0))})
    assert float(scores.compute()["a"]) == 0.25


def test_a_vector_is_averaged_where_it_is_defined() -> None:
    scores = RatioMetrics({"plain": 1, "vector": 3})
    parts = {
        "vector": (torch.tensor([1.0, 0, 0]), torch.tensor([2.0, 4, 0])),
        "plain": (torch.ones(()), torch.ones(())),
    }
    scores.update(parts)
    assert float(scores.compute()["vector"]) == 0.25
    assert float(scores.compute()["plain"]) == 1.0


@pytest.mark.filterwarnings("ignore:.*before the ``update``.*:UserWarning")
def test_nothing_added_is_no_number() -> None:
    assert math.isnan(RatioMetrics({"a": 2}).compute()["a"])


def test_many_small_numbers_do_not_drown() -> None:
    scores = RatioMetrics({"a": 1})
    scores.update({"a": (torch.tensor(1e8), torch.tensor(1e8))})
    for _ in range(1000):
        scores.update({"a": (torch.tensor(1.0), torch.tensor(0.0))})
    assert float(scores.compute()["a"]) == pytest.approx(1 + 1e-5, rel=1e-12)
