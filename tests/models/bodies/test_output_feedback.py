from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqbench.architectures.feedback import NARX, Jordan
from seqbench.models import objectives
from seqbench.models.bodies import OutputFeedback
from seqbench.models.bodies.output_feedback import build_feedback_embeddings
from seqbench.protocol.specs import (
    Batch,
    Context,
    SequenceClass,
    SequenceSpec,
    StepClasses,
    StepLabels,
    StepValues,
    Tokens,
)
from seqbench.utils.errors import SeqbenchError
from tests.models.objectives.test_step_classes import random_batch

SPEC = SequenceSpec(Tokens(4), StepClasses(4), max_length=7)


def make(backbone: Any, spec: SequenceSpec = SPEC, d_model: int = 6) -> tuple[OutputFeedback, Any]:
    torch.manual_seed(0)
    embeddings = build_feedback_embeddings(spec, d_model)
    objective = objectives.build_objective(spec, d_model)
    return OutputFeedback(backbone, embeddings, objective.predict), objective


class Echo(nn.Module):
    """Its output is its previous output."""

    causal = True
    feeds_back_output = True

    def __init__(self, d_model: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, y_previous: Tensor, lengths: Tensor | None = None) -> Tensor:
        return y_previous

    def unroll(self, x: Tensor, y_previous: Tensor, state: None = None) -> tuple[Tensor, None]:
        return y_previous, None


def test_in_training_the_previous_target_is_fed() -> None:
    body, _ = make(Echo(6))
    batch = random_batch(0)
    hidden = body(batch)
    torch.testing.assert_close(hidden[:, 0], body.start.expand(5, -1))
    torch.testing.assert_close(hidden[:, 1:], body.outputs(batch.targets[:, :-1]))


def test_in_evaluation_its_own_answer_is_fed_and_targets_are_not_read() -> None:
    body, objective = make(NARX(6))
    body.eval()
    batch, other = random_batch(0), random_batch(0)
    other.targets = (other.targets + 1) % 4
    hidden = body(batch)
    assert torch.equal(body(other), hidden)
    # By hand: taught with what it answered, it gives the same.
    answers = objective.predict(hidden)
    taught = body.train()(Batch(**{**vars(batch), "targets": answers}))
    torch.testing.assert_close(taught, hidden)
    assert not torch.equal(answers, batch.targets)


@pytest.mark.parametrize("training", [True, False])
def test_streams_go_on_from_the_last_output(training: bool) -> None:
    body, _ = make(Jordan(6))
    body.train(training)
    batch = random_batch(2)
    chunks = [
        Batch(**{**vars(batch), **{name: getattr(batch, name)[:, part] for name in ("inputs", "targets", "weights")}})
        for part in (slice(0, 3), slice(3, None))
    ]
    first, state = body.unroll(chunks[0], None)
    second, _ = body.unroll(chunks[1], state)
    torch.testing.assert_close(torch.cat([first, second], 1), body(batch))


def test_steps_equal_the_whole() -> None:
    body, _ = make(NARX(6))
    body.eval()
    batch = random_batch(1)
    whole = body(batch)
    memory, state = body.begin()
    for step in range(7):
        hidden, state = body.step(batch.inputs[:, step : step + 1], memory, state)
        torch.testing.assert_close(hidden, whole[:, step])


def test_several_inputs_that_are_no_outputs_are_taken_one_by_one() -> None:
    body, _ = make(NARX(6), SequenceSpec(Tokens(4), StepLabels(3), max_length=7))
    body.eval()
    inputs = torch.randint(4, (2, 7))
    at_once, _ = body.step(inputs, {}, None)
    state = None
    for step in inputs.split(1, dim=1):
        hidden, state = body.step(step, {}, state)
    torch.testing.assert_close(at_once, hidden)


def test_in_a_text_each_character_is_the_output_of_the_step_before() -> None:
    """A prompt, and what is drawn behind it, are fed back as they are, not as the likeliest answer."""
    body, _ = make(NARX(6))
    batch = random_batch(1)
    text = batch.inputs
    batch.targets = torch.cat([text[:, 1:], text[:, :1]], dim=1)
    taught = body(batch)  # In training the previous target is fed: the present character.
    body.eval()
    hidden, state = body.step(text[:, :3], {}, None)
    torch.testing.assert_close(hidden, taught[:, 2])
    for step in range(3, 7):
        drawn = text[:, step : step + 1]
        hidden, state = body.step(drawn, {}, body.replace_output(state, drawn))
        torch.testing.assert_close(hidden, taught[:, step])


@pytest.mark.parametrize("training", [True, False])
def test_where_nothing_is_asked_nothing_is_fed_back(training: bool) -> None:
    body, _ = make(Echo(6))
    body.train(training)
    batch = random_batch(0)
    batch.weights = torch.zeros_like(batch.weights)
    batch.weights[:, 2] = 1
    hidden = body(batch)
    start = body.start.expand(5, -1)
    assert [bool(torch.equal(hidden[:, t], start)) for t in range(7)] == [True, True, True, False, True, True, True]


@pytest.mark.parametrize("output", [StepLabels(3), StepValues(3)])
def test_numbers_are_fed_back_in_the_nets_precision(output: Any) -> None:
    body, objective = make(Jordan(6), SequenceSpec(Context(3), output, max_length=5))
    body, objective = body.to(torch.bfloat16).eval(), objective.to(torch.bfloat16)
    ones, context = torch.ones(2, 5), torch.randn(2, 3, dtype=torch.bfloat16)
    batch = Batch(context, torch.zeros(2, 5, 3), torch.full((2,), 5), ones, 10.0, torch.arange(2))
    assert body(batch).isfinite().all()


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        (StepClasses(3), lambda hidden, head: head(hidden).argmax(-1)),
        (StepLabels(3), lambda hidden, head: (torch.sigmoid(head(hidden)) > 0.5).float()),
        (StepValues(3), lambda hidden, head: head(hidden)),
    ],
)
def test_what_is_fed_back_of_each_kind(output: Any, answer: Any) -> None:
    objective, hidden = objectives.build_objective(SequenceSpec(Tokens(2), output, 5), 6), torch.randn(2, 5, 6)
    torch.testing.assert_close(objective.predict(hidden), answer(hidden, objective.head))


def test_a_plan_is_there_at_every_step() -> None:
    body, _ = make(Jordan(6), SequenceSpec(Context(3), StepValues(1), max_length=5))
    ones = torch.ones(2, 5)
    batch = Batch(torch.randn(2, 3), torch.randn(2, 5, 1), torch.full((2,), 5), ones, 10.0, torch.arange(2))
    assert body(batch).shape == (2, 5, 6)
    assert torch.equal(body.embedding.embed_steps(batch)[:, 0], body.embedding.embed_steps(batch)[:, 4])


def test_one_output_for_the_sequence_is_refused_with_the_reason() -> None:
    with pytest.raises(SeqbenchError, match=r"asks for SequenceClass.*has no output before it"):
        build_feedback_embeddings(SequenceSpec(Tokens(4), SequenceClass(2), max_length=7), 6)


def test_a_backbone_without_unroll_is_refused() -> None:
    with pytest.raises(SeqbenchError, match="must have unroll"):
        make(nn.Linear(6, 6))
