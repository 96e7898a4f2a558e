"""Scores of simple predictors, compared with counts by hand and with the metrics of the objectives."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from seqbench.datamodules import roll_baselines
from seqbench.models import objectives
from seqbench.protocol.specs import Batch, Features, Output, SequenceSpec, StepClasses, StepLabels, Tokens

RNG = np.random.default_rng(3)
BEFORE = (RNG.random((200, 5)) < [0.1, 0.3, 0.5, 0.7, 0.9]).astype(np.uint8)
AFTER = np.where(RNG.random((200, 5)) < 0.3, 1 - BEFORE, BEFORE)


def objective_scores(output: Output, logits: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Return the metrics of an objective on one sequence of predictions."""
    inputs = Tokens(4) if isinstance(output, StepClasses) else Features(5)
    objective = objectives.build_objective(SequenceSpec(inputs, output, 1000), d_model=1)
    objective.head = torch.nn.Identity()
    scores = objective.build_metrics()
    target = torch.from_numpy(targets)[None]
    ones = torch.ones(1, len(targets))
    batch = Batch(ones, target, torch.tensor([len(targets)]), ones, float(len(targets)), torch.zeros(1).long())
    objective.update_metrics(scores, torch.from_numpy(logits).float()[None], batch)
    return {name: float(value) for name, value in scores.compute().items()}


def test_frequencies_are_counts_with_one_added() -> None:
    frequencies = roll_baselines.key_frequencies(BEFORE)
    for key in range(5):
        assert frequencies[key] == pytest.approx((sum(BEFORE[:, key].tolist()) + 1) / 202)


def test_transitions_are_counted_by_the_state_of_the_same_key() -> None:
    table = roll_baselines.transition_frequencies(BEFORE, AFTER)
    assert table.shape == (2, 5)
    for state in (0, 1):
        for key in range(5):
            following = [a for b, a in zip(BEFORE[:, key], AFTER[:, key], strict=True) if b == state]
            assert table[state, key] == pytest.approx((sum(following) + 1) / (len(following) + 2))


def test_the_scores_of_constant_probabilities_are_those_of_the_objective() -> None:
    probabilities = roll_baselines.key_frequencies(BEFORE)
    expected = objective_scores(
        StepLabels(5), np.tile(np.log(probabilities / (1 - probabilities)), (len(AFTER), 1)), AFTER.astype("f4")
    )
    assert roll_baselines.score_constant(probabilities, AFTER) == pytest.approx(expected, rel=1e-5)
    assert 0 < expected["frame_accuracy"] < 1


def test_the_scores_of_transitions_are_those_of_the_objective() -> None:
    table = roll_baselines.transition_frequencies(BEFORE, AFTER)
    chosen = table[BEFORE, np.arange(5)]
    expected = objective_scores(StepLabels(5), np.log(chosen / (1 - chosen)), AFTER.astype("f4"))
    assert roll_baselines.score_transitions(table, BEFORE, AFTER) == pytest.approx(expected, rel=1e-5)


def test_the_accuracy_without_any_key_is_unknown() -> None:
    silence = np.zeros((10, 5), np.uint8)
    assert roll_baselines.score_constant(np.full(5, 0.1), silence)["frame_accuracy"] is None


def test_token_frequencies_are_counts_with_one_added() -> None:
    assert roll_baselines.token_frequencies(np.array([2, 2, 0]), 4) == pytest.approx([2 / 7, 1 / 7, 3 / 7, 1 / 7])


def test_bigrams_are_interpolated_with_unigrams_by_the_number_of_successors() -> None:
    before, after = np.array([0, 0, 0, 1]), np.array([1, 1, 2, 0])
    unigrams = np.array([2, 3, 2, 1]) / 8
    table = roll_baselines.bigram_frequencies(before, after, 4)
    assert table.sum(1) == pytest.approx([1, 1, 1, 1])
    assert table[0] == pytest.approx((np.array([0, 2, 1, 0]) + 2 * unigrams) / 5)
    assert table[1] == pytest.approx((np.array([1, 0, 0, 0]) + 1 * unigrams) / 2)
    assert table[3] == pytest.approx(unigrams)


def test_the_scores_of_token_distributions_are_those_of_the_objective() -> None:
    probabilities, tokens = RNG.dirichlet(np.ones(4), size=50), RNG.integers(0, 4, 50)
    result = roll_baselines.score_tokens(probabilities, tokens)
    expected = objective_scores(StepClasses(4), np.log(probabilities), tokens)
    assert result == pytest.approx(expected, rel=1e-5)
    assert result["loss"] == pytest.approx(
        -sum(math.log(row[token]) for row, token in zip(probabilities, tokens, strict=True)) / 50
    )
