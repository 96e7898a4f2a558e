"""A body that feeds outputs back: targets in training, its own outputs in evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from seqbench.architectures.feedback import NARX, Jordan
from seqbench.models import objectives
from seqbench.models.bodies import OutputFeedback
from seqbench.models.bodies.output_feedback import build_feedback_embeddings
from seqbench.models.objectives import Objective
from seqbench.protocol.backbones import FeedbackBackbone, State
from seqbench.protocol.specs import (
    Batch,
    Context,
    Output,
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


def build(backbone: FeedbackBackbone, spec: SequenceSpec = SPEC, d_model: int = 6) -> tuple[OutputFeedback, Objective]:
    torch.manual_seed(0)
    embeddings = build_feedback_embeddings(spec, d_model)
    objective = objectives.build_objective(spec, d_model)
    return OutputFeedback(backbone, embeddings, objective.predict), objective


class Echo(nn.Module):
    """Returns its previous output."""

    causal = True
    feeds_back_output = True

    def __init__(self, d_model: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, y_previous: Tensor, lengths: Tensor | None = None) -> Tensor:
        return y_previous

    def unroll(self, x: Tensor, y_previous: Tensor, state: None = None) -> tuple[Tensor, None]:
        return y_previous, None


def test_in_training_the_previous_target_is_fed_back() -> None:
    body, _ = build(Echo(6))
    batch = random_batch(0)
    hidden = body(batch)
    torch.testing.assert_close(hidden[:, 0], body.start.expand(5, -1))
    torch.testing.assert_close(hidden[:, 1:], body.outputs(batch.targets[:, :-1]))


def test_in_evaluation_the_models_own_output_is_fed_back_and_targets_are_not_read() -> None:
    body, objective = build(NARX(6))
    body.eval()
    batch, other = random_batch(0), random_batch(0)
    other.targets = (other.targets + 1) % 4
    hidden = body(batch)
    assert torch.equal(body(other), hidden)
    # Teacher forcing on the predicted outputs gives the same hidden vectors.
    predictions = objective.predict(hidden)
    forced = body.train()(replace(batch, targets=predictions))
    torch.testing.assert_close(forced, hidden)
    assert not torch.equal(predictions, batch.targets)


@pytest.mark.parametrize("training", [True, False])
def test_a_chunk_of_a_stream_continues_from_the_last_output(training: bool) -> None:
    body, _ = build(Jordan(6))
    body.train(training)
    batch = random_batch(2)
    chunks = [
        replace(batch, inputs=batch.inputs[:, part], targets=batch.targets[:, part], weights=batch.weights[:, part])
        for part in (slice(0, 3), slice(3, None))
    ]
    first, state = body.unroll(chunks[0], None)
    second, _ = body.unroll(chunks[1], state)
    torch.testing.assert_close(torch.cat([first, second], 1), body(batch))


def test_decoding_step_by_step_equals_the_whole() -> None:
    body, _ = build(NARX(6))
    body.eval()
    batch = random_batch(1)
    whole = body(batch)
    memory, state = body.begin()
    for step in range(7):
        hidden, state = body.step(batch.inputs[:, step : step + 1], memory, state)
        torch.testing.assert_close(hidden, whole[:, step])


def test_a_prompt_of_another_kind_than_the_outputs_is_read_step_by_step() -> None:
    body, _ = build(NARX(6), SequenceSpec(Tokens(4), StepLabels(3), max_length=7))
    body.eval()
    inputs = torch.randint(4, (2, 7))
    at_once, _ = body.step(inputs, {}, None)
    state: State = None
    for step in torch.split(inputs, 1, dim=1):
        hidden, state = body.step(step, {}, state)
    torch.testing.assert_close(at_once, hidden)


def test_in_a_text_each_character_is_fed_back_as_the_output_of_the_step_before() -> None:
    """The characters of the prompt and the drawn ones are fed back, not the most likely ones."""
    body, _ = build(NARX(6))
    batch = random_batch(1)
    text = batch.inputs
    batch.targets = torch.cat([text[:, 1:], text[:, :1]], dim=1)
    forced = body(batch)  # In training the previous target is fed back, which is the present character.
    body.eval()
    hidden, state = body.step(text[:, :3], {}, None)
    torch.testing.assert_close(hidden, forced[:, 2])
    for step in range(3, 7):
        drawn = text[:, step : step + 1]
        hidden, state = body.step(drawn, {}, body.replace_output(state, drawn))
        torch.testing.assert_close(hidden, forced[:, step])


@pytest.mark.parametrize("training", [True, False])
def test_after_a_step_of_weight_0_the_start_vector_is_fed(training: bool) -> None:
    body, _ = build(Echo(6))
    body.train(training)
    batch = random_batch(0)
    batch.weights = torch.zeros_like(batch.weights)
    batch.weights[:, 2] = 1
    hidden = body(batch)
    start = body.start.expand(5, -1)
    assert [bool(torch.equal(hidden[:, t], start)) for t in range(7)] == [True, True, True, False, True, True, True]


@pytest.mark.parametrize("output", [StepLabels(3), StepValues(3)])
def test_values_are_fed_back_in_the_precision_of_the_weights(output: Output) -> None:
    body, objective = build(Jordan(6), SequenceSpec(Context(3), output, max_length=5))
    body, objective = body.to(torch.bfloat16).eval(), objective.to(torch.bfloat16)
    ones, context = torch.ones(2, 5), torch.randn(2, 3, dtype=torch.bfloat16)
    batch = Batch(context, torch.zeros(2, 5, 3), torch.full((2,), 5), ones, 10.0, torch.arange(2))
    assert body(batch).isfinite().all()


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (StepClasses(3), lambda hidden, head: head(hidden).argmax(-1)),
        (StepLabels(3), lambda hidden, head: (torch.sigmoid(head(hidden)) > 0.5).float()),
        (StepValues(3), lambda hidden, head: head(hidden)),
    ],
)
def test_each_kind_of_output_is_fed_back_in_its_own_form(
    output: Output, expected: Callable[[Tensor, nn.Module], Tensor]
) -> None:
    objective, hidden = objectives.build_objective(SequenceSpec(Tokens(2), output, 5), 6), torch.randn(2, 5, 6)
    torch.testing.assert_close(objective.predict(hidden), expected(hidden, objective.head))


def test_a_context_is_an_input_at_every_step() -> None:
    body, _ = build(Jordan(6), SequenceSpec(Context(3), StepValues(1), max_length=5))
    ones = torch.ones(2, 5)
    batch = Batch(torch.randn(2, 3), torch.randn(2, 5, 1), torch.full((2,), 5), ones, 10.0, torch.arange(2))
    assert body(batch).shape == (2, 5, 6)
    assert torch.equal(body.embedding.embed_steps(batch)[:, 0], body.embedding.embed_steps(batch)[:, 4])


def test_one_output_for_the_whole_sequence_is_refused() -> None:
    with pytest.raises(SeqbenchError, match=r"has SequenceClass.*has no previous output"):
        build_feedback_embeddings(SequenceSpec(Tokens(4), SequenceClass(2), max_length=7), 6)


def test_a_backbone_without_unroll_is_refused() -> None:
    with pytest.raises(SeqbenchError, match="must have unroll"):
        build(nn.Linear(6, 6))  # type: ignore[arg-type]
