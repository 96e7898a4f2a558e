"""The datamodule class of a card, and the datamodule of a run."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from torch import Tensor, nn

from seqbench.datamodules import loading
from seqbench.datamodules.characters import Characters
from seqbench.datamodules.copying import Copy
from seqbench.protocol import cards, registry
from seqbench.protocol.batches import Keys
from seqbench.protocol.config import RunConfig
from seqbench.running import run_config
from seqbench.running.run_request import Options, RunRequest
from seqbench.utils.errors import SeqbenchError


def card_with(datamodule: str) -> cards.Card:
    return dataclasses.replace(cards.load_card("copy"), datamodule=datamodule)


def test_the_class_is_the_one_that_the_card_names() -> None:
    assert loading.import_datamodule_class(cards.load_card("copy")) is Copy


@pytest.mark.parametrize("name", sorted(registry.list_entries(registry.TASKS)))
def test_the_class_of_each_card_can_be_imported(name: str) -> None:
    assert loading.import_datamodule_class(cards.load_card(name)).__abstractmethods__ == frozenset()


@pytest.mark.parametrize(
    ("datamodule", "message"),
    [
        ("math:pi", "math:pi is no class that extends seqbench.datamodules.base.SequenceDataModule"),
        ("seqbench.protocol.batches:Keys", "is no class that extends"),
        ("seqbench.datamodules.base:SequenceDataModule", "lacks best, chance, steps, stream"),
        ("no_such_module:Copy", "no_such_module"),
    ],
)
def test_a_class_that_is_no_datamodule_is_refused(datamodule: str, message: str) -> None:
    with pytest.raises(SeqbenchError, match=message):
        loading.import_datamodule_class(card_with(datamodule))


def build_config(name: str, **options: Options) -> RunConfig:
    return run_config.resolve_config(RunRequest("gru", name, tier="smoke", seed=7, options=options))


def test_a_run_gets_the_batch_size_of_its_optimiser_and_keys_of_its_seed_and_card() -> None:
    data = loading.build_datamodule(build_config("copy", optim={"batch_size": 9}))
    assert isinstance(data, Copy)
    assert (data.batch_size, data.delay, data.keys) == (9, 5, Keys(7, "copy", 2))


class WithoutUnroll(nn.Module):
    """A backbone that cannot carry state."""

    causal = True

    def __init__(self, d_model: int) -> None:
        super().__init__()

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return x


@pytest.mark.parametrize(("arch", "carries"), [("gru", True), (f"{__name__}:WithoutUnroll", False)])
def test_state_is_carried_for_backbones_with_unroll(text_folder: Path, arch: str, carries: bool) -> None:
    config = build_config("char-lm", task={"data_dir": str(text_folder), "length": 16, "window": 32})
    entry = registry.find_entry(registry.ARCHITECTURES, arch)
    data = loading.build_datamodule(dataclasses.replace(config, arch_entry=entry))
    assert isinstance(data, Characters)
    assert data.carry_state is carries


def test_an_option_that_the_class_does_not_know_is_refused() -> None:
    config = build_config("copy")
    wrong = dataclasses.replace(config, task_options={**config.task_options, "colour": "red"})
    with pytest.raises(SeqbenchError, match=r"task 'copy' refuses its options: .*colour"):
        loading.build_datamodule(wrong)
