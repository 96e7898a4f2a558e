from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from seqbench.protocol.batches import Keys
from seqbench.protocol.identity.value_digests import digest_and_definitions, value_digest


def test_the_digests_of_large_values_do_not_stop_at_the_first_lines() -> None:
    one, other = torch.zeros(10_000), torch.zeros(10_000)
    other[5_000] = 1
    assert value_digest(one) != value_digest(other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.bool, torch.complex64, torch.int64])
def test_equal_tensors_have_equal_digests(dtype: torch.dtype) -> None:
    def build() -> dict[str, list[torch.Tensor]]:
        return {"tensors": [torch.ones(2, 3).to(dtype), torch.ones(()).to(dtype)]}

    assert value_digest(build()) == value_digest(build())
    assert value_digest(torch.ones(2, 3).to(dtype)) != value_digest(torch.ones(3, 2).to(dtype))
    assert value_digest(torch.as_strided(torch.ones(1).to(dtype), (1,), (0,))) == value_digest(torch.ones(1).to(dtype))


def test_values_that_differ_in_one_thing_have_different_digests() -> None:
    values: list[object] = [
        {1, 2},
        {1, 3},
        frozenset({1, 2}),
        (1, 2),
        np.ones(2),
        np.ones(2, np.float32),
        torch.ones(2),
    ]
    values += [nn.Linear(2, 2), nn.Linear(3, 2), functools.partial(max, 1), functools.partial(max, 2), {"a": {"b"}}]
    digests = [value_digest(value) for value in values]
    assert len(set(digests)) == len(digests)


def test_classes_and_functions_inside_of_a_value_are_found() -> None:
    class Inner:
        pass

    def function() -> None: ...

    found = digest_and_definitions({"a": [Inner()], "b": functools.partial(function)})[1]
    assert Inner in found
    assert function in found


def test_a_value_that_holds_itself_or_cannot_be_pickled_has_a_digest() -> None:
    own: list[object] = [{1}]
    own.append(own)
    assert value_digest(own) == value_digest(own)
    assert value_digest(open) != value_digest(memoryview(b""))


@pytest.mark.parametrize(
    "of", [lambda moved: moved, lambda moved: [moved, {moved}], lambda moved: {"a": moved(0, "x", 1)}]
)
def test_a_class_of_seqbench_that_moves_to_another_file_keeps_the_digest(
    of: Callable[[type], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = value_digest(of(Keys))
    monkeypatch.setattr(Keys, "__module__", "seqbench.protocol.elsewhere")
    assert value_digest(of(Keys)) == before
    monkeypatch.setattr(Keys, "__module__", "their_nets")
    assert value_digest(of(Keys)) != before
