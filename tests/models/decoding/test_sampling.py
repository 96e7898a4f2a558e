"""Sampling: seeds, temperature, forbidden outputs, the carried state and the drawn outputs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from seqbench.architectures.feedback import NARX
from seqbench.architectures.recurrent import GRU
from seqbench.models.bodies import Body, OutputFeedback, SingleBackbone
from seqbench.models.bodies.output_feedback import build_feedback_embeddings
from seqbench.models.decoding.sampling import sample_continuation
from seqbench.models.objectives.step_classes import StepClassesObjective
from seqbench.protocol.specs import SequenceSpec, StepClasses, Tokens

SPEC = SequenceSpec(Tokens(4), StepClasses(4), max_length=9)
PROMPT = torch.tensor([[1, 2]])


class Copying(nn.Module):
    """Returns its input."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return x


class Counting(nn.Module):
    """Returns the one-hot number of steps so far, modulo the width; the number is its state."""

    def unroll(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        start = torch.zeros(len(x), dtype=torch.long) if state is None else state
        steps = start[:, None] + torch.arange(1, x.shape[1] + 1)
        return nn.functional.one_hot(steps % x.shape[2], x.shape[2]).float(), steps[:, -1]

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.unroll(x)[0]


def sample(
    body: Body,
    objective: StepClassesObjective,
    seed: int = 0,
    temperature: float = 1.0,
    forbidden: tuple[int, ...] = (),
) -> list[int]:
    """Return 30 tokens after the prompt."""
    generator = torch.Generator().manual_seed(seed)
    drawn: list[list[int]] = sample_continuation(
        body, objective, PROMPT, 30, generator, temperature, forbidden
    ).tolist()
    return drawn[0]


def random_model() -> tuple[SingleBackbone, StepClassesObjective]:
    torch.manual_seed(0)
    return SingleBackbone(SPEC, GRU(6), 6), StepClassesObjective(StepClasses(4), 6)


def test_a_seed_gives_one_text_and_another_seed_another_text() -> None:
    model = random_model()
    assert sample(*model) == sample(*model)
    assert sample(*model) != sample(*model, seed=1)
    assert len(sample(*model)) == 30


def test_temperature_zero_takes_the_most_likely_token_and_feeds_it_back() -> None:
    body, objective = SingleBackbone(SPEC, Copying(), 4), StepClassesObjective(StepClasses(4), 4)
    body.embedding.table.get_parameter("weight").data = torch.eye(4)
    # After token i comes token i + 1.
    objective.head.get_parameter("weight").data = 9 * torch.eye(4).roll(1, 0)
    assert sample(body, objective, temperature=0)[:6] == [3, 0, 1, 2, 3, 0]


def test_the_state_is_carried_from_each_step_to_the_next() -> None:
    body, objective = SingleBackbone(SPEC, Counting(), 4), StepClassesObjective(StepClasses(4), 4)
    objective.head.get_parameter("weight").data = 9 * torch.eye(4)
    objective.head.get_parameter("bias").data.zero_()
    # The prompt has two steps, so the count is 2 at the first drawn token.
    assert sample(body, objective, temperature=0)[:6] == [2, 3, 0, 1, 2, 3]


def test_the_drawn_output_replaces_the_most_likely_one_in_the_state() -> None:
    torch.manual_seed(0)
    embeddings = build_feedback_embeddings(SPEC, 6)
    objective = StepClassesObjective(StepClasses(4), 6)
    body = OutputFeedback(NARX(6), embeddings, objective.predict).eval()
    drawn = sample(body, objective, seed=3)
    text = torch.cat([PROMPT, torch.tensor([drawn])], dim=1)
    # A prompt feeds each of its tokens back, so reading prompt and drawn tokens at once gives the same distributions.
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for step, token in enumerate(drawn):
            hidden, _ = body.step(text[:, : 2 + step], {}, None)
            distribution = objective.predict_distribution(hidden)
            assert int(objective.sample(distribution, generator, 1.0, ())) == token


def test_forbidden_tokens_are_never_drawn() -> None:
    body, objective = random_model()
    objective.head.get_parameter("bias").data = torch.tensor([50.0, 0, 0, 0])
    assert 0 in sample(body, objective)
    assert 0 not in sample(body, objective, forbidden=(0,))


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_tokens_are_drawn_with_their_probabilities(temperature: float) -> None:
    body, objective = random_model()
    objective.head.get_parameter("weight").data.zero_()
    probabilities = torch.tensor([0.05, 0.15, 0.2, 0.6])
    objective.head.get_parameter("bias").data = probabilities.log()
    generator = torch.Generator().manual_seed(3)
    prompt = torch.ones(200, 1, dtype=torch.long)
    drawn = sample_continuation(body, objective, prompt, 100, generator, temperature)
    shares = torch.bincount(drawn.flatten(), minlength=4) / drawn.numel()
    expected = probabilities ** (1 / temperature)
    torch.testing.assert_close(shares, expected / expected.sum(), atol=0.015, rtol=0)


def test_no_steps_give_an_empty_continuation() -> None:
    body, objective = random_model()
    assert sample_continuation(body, objective, PROMPT, 0, torch.Generator()).shape == (1, 0)
