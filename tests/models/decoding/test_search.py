from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from seqbench.models import objectives
from seqbench.models.decoding import search
from seqbench.protocol.specs import Batch, SequenceSpec, Tokens, TokenSequence
from tests.models.bodies.test_encoder_decoder import make as make_body

VOCAB, END = 9, 2


def model(kind: str, seed: int = 0, sharp: float = 3.0) -> tuple[Any, Any]:
    body = make_body(kind)
    torch.manual_seed(seed)
    objective = objectives.build_objective(SequenceSpec(Tokens(VOCAB), output(), 7), d_model=8).eval()
    objective.head.weight.data *= sharp
    return body, objective


def output(beam: int = 1, length_penalty: float = 1.0, longest: int = 4) -> TokenSequence:
    return TokenSequence(VOCAB, 1, END, longest, 0.0, beam, length_penalty)


def sources(*lengths: int) -> Batch:
    generator = torch.Generator().manual_seed(len(lengths))
    inputs = torch.randint(3, VOCAB, (len(lengths), max(lengths)), generator=generator)
    none = torch.zeros(len(lengths), 1, dtype=torch.long)
    return Batch(inputs, none, torch.tensor(lengths), none.float(), 1.0, torch.arange(len(lengths)))


def log_probabilities(body: Any, objective: Any, batch: Batch, targets: list[list[int]]) -> list[float]:
    """Of targets of one source (their end among the tokens where they have one), under teacher forcing."""
    lengths = torch.tensor([len(tokens) for tokens in targets])
    alike = batch.rows(torch.zeros(len(targets), dtype=torch.long))
    alike.targets = torch.tensor([tokens + [0] * (int(lengths.max()) - len(tokens)) for tokens in targets])
    alike.target_lengths = lengths
    with torch.no_grad():
        logs = objective.predict_distribution(body(alike)).gather(-1, alike.targets[..., None])[..., 0]
    return (logs * alike.valid()).sum(-1).tolist()


def all_targets(longest: int) -> list[list[int]]:
    """Every target that can be written: ended by END, or as long as may be."""
    others = [token for token in range(VOCAB) if token != END]
    ended = [[*words, END] for count in range(longest) for words in itertools.product(others, repeat=count)]
    return [*ended, *(list(words) for words in itertools.product(others, repeat=longest))]


@pytest.mark.parametrize("kind", ["vector", "additive", "multihead", "decoder-only"])
@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_a_beam_wide_enough_finds_what_trying_everything_finds(kind: str, length_penalty: float) -> None:
    body, objective = model(kind)
    targets = all_targets(3)
    logs = log_probabilities(body, objective, sources(3), targets)
    scores = [log / len(tokens) ** length_penalty for log, tokens in zip(logs, targets, strict=True)]
    best = targets[scores.index(max(scores))]
    found = search.decode(body, objective, sources(3), output(200, length_penalty, longest=3))
    assert found == [[token for token in best if token != END]]


def test_a_beam_finds_no_less_likely_target_than_greedy_search() -> None:
    better = 0
    for seed in range(20):
        body, objective = model("additive", seed, sharp=6.0)
        scores = []
        for beam in (1, 5):
            (tokens,) = search.decode(body, objective, sources(4), output(beam, 0.0, 8))
            ended = [*tokens, END] if len(tokens) < 8 else tokens
            scores += log_probabilities(body, objective, sources(4), [ended])
        assert scores[1] >= scores[0] - 1e-5
        better += scores[1] > scores[0] + 1e-5
    assert better > 0


@pytest.mark.parametrize("beam", [1, 3])
@pytest.mark.parametrize("kind", ["multihead", "decoder-only"])
def test_each_sentence_is_decoded_as_if_alone(kind: str, beam: int) -> None:
    body, objective = model(kind)
    batch = sources(5, 2, 5, 3, 2)
    together = search.decode(body, objective, batch, output(beam, longest=10))
    for row in range(5):
        alone = batch.rows(slice(row, row + 1))
        alone.inputs = alone.inputs[:, : int(alone.lengths[0])]
        assert search.decode(body, objective, alone, output(beam, longest=10)) == [together[row]]


def test_greedy_search_takes_the_likeliest_and_stops_at_the_end() -> None:
    body, objective = model("vector")
    objective.head.bias.data[END] = 100
    assert search.decode(body, objective, sources(3, 3), output()) == [[], []]
    objective.head.bias.data[END] = -100
    assert [len(row) for row in search.decode(body, objective, sources(3, 2), output(longest=6))] == [6, 6]
