from __future__ import annotations

import torch
from torch import Tensor, nn

from seqbench.architectures.recurrent import GRU
from seqbench.models.bodies import SingleBackbone
from seqbench.models.decoding.sampling import sample_continuation
from seqbench.models.objectives.step_classes import StepClassesObjective
from seqbench.protocol.specs import SequenceSpec, StepClasses, Tokens

SPEC = SequenceSpec(Tokens(4), StepClasses(4), max_length=9)


def draw(body: SingleBackbone, objective: StepClassesObjective, seed: int = 0, **options: object) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    prompt = torch.tensor([[1, 2]])
    return sample_continuation(body, objective, prompt, 30, generator, **options).tolist()  # type: ignore[arg-type]


def random_model() -> tuple[SingleBackbone, StepClassesObjective]:
    torch.manual_seed(0)
    return SingleBackbone(SPEC, GRU(6), 6), StepClassesObjective(StepClasses(4), 6)


def test_a_seed_gives_one_text_and_another_seed_another() -> None:
    model = random_model()
    assert draw(*model) == draw(*model)
    assert draw(*model) != draw(*model, seed=1)
    assert len(draw(*model)[0]) == 30


def test_temperature_zero_takes_the_likeliest_and_feeds_it_back() -> None:
    class Next(nn.Module):
        def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
            return x

    body, objective = SingleBackbone(SPEC, Next(), 4), StepClassesObjective(StepClasses(4), 4)
    body.embedding.table.weight.data = torch.eye(4)
    objective.head.weight.data = 9 * torch.eye(4).roll(1, 0)  # After token i comes i + 1.
    assert draw(body, objective, temperature=0)[0][:6] == [3, 0, 1, 2, 3, 0]


def test_forbidden_tokens_never_come() -> None:
    body, objective = random_model()
    objective.head.bias.data = torch.tensor([50.0, 0, 0, 0])
    assert 0 in draw(body, objective)[0]
    assert 0 not in draw(body, objective, forbidden=(0,))[0]


def test_draws_follow_the_probabilities() -> None:
    body, objective = random_model()
    objective.head.weight.data.zero_()
    chances = torch.tensor([0.1, 0.2, 0.3, 0.4])
    objective.head.bias.data = chances.log()
    generator = torch.Generator().manual_seed(3)
    drawn = sample_continuation(body, objective, torch.ones(200, 1, dtype=torch.long), 100, generator)
    share = torch.bincount(drawn.flatten(), minlength=4) / drawn.numel()
    torch.testing.assert_close(share, chances, atol=0.015, rtol=0)
