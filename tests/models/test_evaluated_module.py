"""The evaluation of a module: predictions, carried state, metrics and decoded sequences."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from tests.models.modules import CHARACTERS, COPY, PAIRS, PARITY_LAST, build_small_module, build_trainer, training_batch

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def test_the_forward_gives_log_probabilities(text_folder: Path) -> None:
    module = build_small_module("gru", COPY, text_folder)
    distribution = module(training_batch(module))
    torch.testing.assert_close(distribution.exp().sum(-1), torch.ones(distribution.shape[:2]))


@pytest.mark.parametrize("arch", ["narx", "jordan"])
def test_where_one_step_is_scored_no_target_is_fed_back(arch: str, text_folder: Path) -> None:
    """The targets of the steps before would give the answer away."""
    module = build_small_module(arch, PARITY_LAST, text_folder)
    batch = training_batch(module)
    hidden = module.body(batch)[batch.valid()]
    batch.targets = 1 - batch.targets
    assert torch.equal(module.body(batch)[batch.valid()], hidden)


@pytest.mark.parametrize("training", [True, False])
def test_a_stream_carries_the_last_output_of_a_backbone_without_state(training: bool, text_folder: Path) -> None:
    arch = {"name": "tests.models.bodies.test_output_feedback:Echo", "d_model": 8}
    module = build_small_module(arch, CHARACTERS, text_folder).train(training)
    _, carried = module._hidden_and_state(training_batch(module, 0), None)
    hidden, _ = module._hidden_and_state(training_batch(module, 1), carried)
    assert isinstance(carried, tuple)
    torch.testing.assert_close(hidden[:, :1], carried[1])


def test_state_is_carried_between_chunks_and_dropped_where_a_stream_starts(text_folder: Path) -> None:
    module = build_small_module("gru", CHARACTERS, text_folder)
    assert module.data is not None
    first, second = module.data.stream("test", 0), module.data.stream("test", 1)
    other_stream = torch.ones(len(first), 1, module.body(first).shape[-1])
    _, state = module._hidden_and_state(first, other_stream)
    hidden, _ = module._hidden_and_state(second, state)
    both = dataclasses.replace(first, inputs=torch.cat([first.inputs, second.inputs], 1))
    torch.testing.assert_close(hidden, module.body(both)[:, first.inputs.shape[1] :])
    assert isinstance(state, torch.Tensor)
    assert not state.requires_grad


def test_the_carried_state_does_not_keep_the_chunk_in_memory(text_folder: Path) -> None:
    # The state of this backbone is a view of all its hidden states.
    arch = {"name": "tests.testing.backbones:Conforming", "d_model": 8}
    module = build_small_module(arch, CHARACTERS, text_folder)
    _, state = module._hidden_and_state(training_batch(module), None)
    assert isinstance(state, torch.Tensor)
    assert state.untyped_storage().nbytes() == state.numel() * state.element_size()


def test_evaluation_gives_the_metrics_of_all_batches_of_each_split(text_folder: Path) -> None:
    module = build_small_module("gru", PARITY_LAST, text_folder)
    build_trainer().test(module, verbose=False)
    assert module.data is not None
    metrics = module.objective.build_metrics()
    module.eval()
    with torch.no_grad():
        for step in range(module.data.steps("test")):
            batch = module.data.stream("test", step)
            module.objective.update_metrics(metrics, module.body(batch), batch)
    expected = {name: float(value) for name, value in metrics.compute().items()}
    assert module.evaluated["test"] == pytest.approx(expected)


def test_decoded_sequences_are_kept_by_sample_and_scored(text_folder: Path, small_data: Path) -> None:
    module = build_small_module({"name": "gru", "d_model": 8}, PAIRS, text_folder, small_data)
    build_trainer().test(module, verbose=False)
    assert sorted(module.decoded["test"]) == list(range(10))
    assert module.evaluated["test"].keys() > {"token_loss", "token_accuracy"}


def test_a_module_without_data_has_no_batches(text_folder: Path) -> None:
    module = build_small_module("gru", COPY, text_folder)
    module.data = None
    with pytest.raises(RuntimeError, match="loaded without the data of its task"):
        module.train_dataloader()
