from __future__ import annotations

import pytest

from seqbench.utils.errors import SeqbenchError
from seqbench.utils.strict_model import validate
from seqbench.verification.blind.net_description import NetDescription

VALUES = {
    "parameters": {"head.weight": [3, 2], "head.bias": [3], "scale": []},
    "trainable": 10,
    "initial_digest": "ab",
    "weights_digest": "cd",
    "looks_ahead": False,
    "streaming": True,
    "feeds_back_output": False,
    "own_training": None,
    "options": {"arch": {"d_model": 2}},
    "class_files": {},
    "device": "cpu",
    "precision": "32-true",
    "own_head": False,
    "costs": {},
    "matched_width": None,
    "isolation": "not confined",
    "confined_by_kernel": False,
}


def test_sizes_are_those_of_the_shapes() -> None:
    assert validate(NetDescription, VALUES).sizes == {"head.weight": 6, "head.bias": 3, "scale": 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"trainable": "10"},
        {"trainable": 2**70},
        {"looks_ahead": 0},
        {"parameters": {"x": [1.5]}},
        {"options": {"arch": 3}},
        {"own_training": "training_step"},
        {"score": 1.0},
    ],
)
def test_a_statement_of_another_type_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(SeqbenchError, match="the description of the net"):
        validate(NetDescription, {**VALUES, **changes}, "the description of the net")


def test_a_missing_statement_is_refused() -> None:
    values = {key: value for key, value in VALUES.items() if key != "isolation"}
    with pytest.raises(SeqbenchError, match="lacks the key 'isolation'"):
        validate(NetDescription, values, "the description of the net")
