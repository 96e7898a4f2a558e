"""Greedy and beam search, against trying every target."""

from __future__ import annotations

import itertools

import pytest
import torch

from seqbench.architectures.recurrent import GRU
from seqbench.architectures.transformer import Transformer
from seqbench.models import objectives
from seqbench.models.bodies import Body
from seqbench.models.decoding import search
from seqbench.models.objectives import Objective
from seqbench.protocol.specs import Batch, SequenceSpec, Tokens, TokenSequence
from tests.models.bodies.sequence_pairs import END, VOCAB, WIDTH, build_body

NETS = {
    "gru, additive attention": ("additive", GRU),
    "transformer, cross-attention in every layer": ("cross-attending", Transformer),
    "transformer, decoder-only": ("decoder-only", Transformer),
}
"""Bridges and the kinds of decoders with which a net translates."""


def build_model(kind: str, seed: int = 0, sharp: float = 3.0) -> tuple[Body, Objective]:
    """Return a body and an objective whose predictions are more certain for a larger ``sharp``."""
    if kind in NETS:
        bridge, decoder = NETS[kind]
        torch.manual_seed(100 + seed)
        body = build_body(bridge, decoder(WIDTH))
        with torch.no_grad():
            # Initial weights hardly read earlier tokens, so that a wrong state would change no target.
            for parameter in body.parameters():
                parameter.mul_(3)
    else:
        body = build_body(kind)
    torch.manual_seed(seed)
    objective = objectives.build_objective(SequenceSpec(Tokens(VOCAB), output(), 7), d_model=8).eval()
    objective.head.get_parameter("weight").data *= sharp
    return body, objective


def output(beam: int = 1, length_penalty: float = 1.0, longest: int = 4) -> TokenSequence:
    return TokenSequence(VOCAB, 1, END, longest, 0.0, beam, length_penalty)


def sources(*lengths: int) -> Batch:
    generator = torch.Generator().manual_seed(len(lengths))
    inputs = torch.randint(3, VOCAB, (len(lengths), max(lengths)), generator=generator)
    targets = torch.zeros(len(lengths), 1, dtype=torch.long)
    return Batch(inputs, targets, torch.tensor(lengths), targets.float(), 1.0, torch.arange(len(lengths)))


def log_probabilities(body: Body, objective: Objective, batch: Batch, targets: list[list[int]]) -> list[float]:
    """Return the log-probability of each target of one source; a target may hold its end token."""
    lengths = torch.tensor([len(tokens) for tokens in targets])
    repeated = batch.rows(torch.zeros(len(targets), dtype=torch.long))
    repeated.targets = torch.tensor([tokens + [0] * (int(lengths.max()) - len(tokens)) for tokens in targets])
    repeated.target_lengths = lengths
    with torch.no_grad():
        logs = objective.predict_distribution(body(repeated)).gather(-1, repeated.targets[..., None])[..., 0]
    return (logs * repeated.valid()).sum(-1).tolist()


def all_targets(longest: int) -> list[list[int]]:
    """Return every target that decoding may give: ended by END, or of the greatest length."""
    others = [token for token in range(VOCAB) if token != END]
    ended = [[*words, END] for count in range(longest) for words in itertools.product(others, repeat=count)]
    return [*ended, *(list(words) for words in itertools.product(others, repeat=longest))]


@pytest.mark.parametrize("kind", ["vector", "additive", "multihead", "decoder-only", *NETS])
@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_a_beam_that_holds_every_hypothesis_gives_the_best_of_all_targets(kind: str, length_penalty: float) -> None:
    body, objective = build_model(kind)
    targets = all_targets(3)
    logs = log_probabilities(body, objective, sources(3), targets)
    scores = [log / len(tokens) ** length_penalty for log, tokens in zip(logs, targets, strict=True)]
    best = targets[scores.index(max(scores))]
    decoded = search.decode(body, objective, sources(3), output(200, length_penalty, longest=3))
    assert decoded == [[token for token in best if token != END]]


def test_beam_search_gives_no_less_likely_target_than_greedy_search() -> None:
    better = 0
    for seed in range(20):
        body, objective = build_model("additive", seed, sharp=6.0)
        scores = []
        for beam in (1, 5):
            (tokens,) = search.decode(body, objective, sources(4), output(beam, 0.0, 8))
            ended = [*tokens, END] if len(tokens) < 8 else tokens
            scores += log_probabilities(body, objective, sources(4), [ended])
        assert scores[1] >= scores[0] - 1e-5
        better += scores[1] > scores[0] + 1e-5
    assert better > 0


@pytest.mark.parametrize("beam", [1, 3])
@pytest.mark.parametrize("kind", ["multihead", "decoder-only", *NETS])
def test_a_source_is_decoded_in_a_batch_as_alone(kind: str, beam: int) -> None:
    body, objective = build_model(kind)
    batch = sources(5, 2, 5, 3, 2)
    together = search.decode(body, objective, batch, output(beam, longest=10))
    for row in range(5):
        alone = batch.rows(slice(row, row + 1))
        alone.inputs = alone.inputs[:, : int(alone.lengths[0])]
        assert search.decode(body, objective, alone, output(beam, longest=10)) == [together[row]]


def beam_search_without_state(body: Body, objective: Objective, batch: Batch, spec: TokenSequence) -> list[int]:
    """Return the target of one source by beam search that scores every hypothesis from its start."""
    hypotheses: list[list[int]] = [[]]
    finished: list[tuple[float, list[int]]] = []
    for step in range(1, spec.longest + 1):
        extended = [[*tokens, token] for tokens in hypotheses for token in range(VOCAB)]
        logs = log_probabilities(body, objective, batch, extended)
        ranked = sorted(zip(logs, extended, strict=True), reverse=True)[: 2 * spec.beam]
        for log, tokens in ranked:
            if tokens[-1] == END or step == spec.longest:
                finished.append((log / step**spec.length_penalty, tokens))
        hypotheses = [tokens for _, tokens in ranked if tokens[-1] != END][: spec.beam]
    return search.cut_at_end(max(finished)[1], END)


@pytest.mark.parametrize("kind", ["additive", "decoder-only", *NETS])
@pytest.mark.parametrize("seed", range(8))
def test_beam_search_carries_the_state_of_each_hypothesis(kind: str, seed: int) -> None:
    body, objective = build_model(kind, seed, sharp=6.0)
    spec = output(3, 1.0, longest=6)
    expected = beam_search_without_state(body, objective, sources(4), spec)
    assert search.decode(body, objective, sources(4), spec) == [expected]


def test_greedy_search_stops_at_the_end_token() -> None:
    body, objective = build_model("vector")
    objective.head.get_parameter("bias").data[END] = 100
    assert search.decode(body, objective, sources(3, 3), output()) == [[], []]
    objective.head.get_parameter("bias").data[END] = -100
    assert [len(row) for row in search.decode(body, objective, sources(3, 2), output(longest=6))] == [6, 6]


def test_greedy_search_gives_the_most_likely_token_at_each_step() -> None:
    body, objective = build_model("vector")
    (tokens,) = search.decode(body, objective, sources(3), output(longest=5))
    for step, token in enumerate(tokens):
        options = [[*tokens[:step], other] for other in range(VOCAB)]
        logs = log_probabilities(body, objective, sources(3), options)
        assert logs.index(max(logs)) == token


def test_the_length_penalty_prefers_longer_targets() -> None:
    lengths = []
    for penalty in (0.0, 3.0):
        body, objective = build_model("additive", seed=1, sharp=1.0)
        objective.head.get_parameter("bias").data[END] = 1.0
        (tokens,) = search.decode(body, objective, sources(4), output(5, penalty, 6))
        lengths.append(len(tokens))
    assert lengths[0] < lengths[1]


def test_tokens_after_the_first_end_token_are_cut() -> None:
    assert search.cut_at_end([5, 2, 6, 2], end=2) == [5]
    assert search.cut_at_end([5, 6], end=2) == [5, 6]


def test_rows_are_selected_in_every_tensor_of_a_state() -> None:
    state = (torch.arange(3), {"h": torch.arange(6).view(3, 2)}, None)
    selected = search.select_rows(state, torch.tensor([2, 2, 0]))
    assert selected[0].tolist() == [2, 2, 0]
    assert selected[1]["h"].tolist() == [[4, 5], [4, 5], [0, 1]]
    assert selected[2] is None
