"""A checkpoint holds all that is needed to build its module again."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import seqbench
from seqbench.models import rebuild
from seqbench.models.module import SequenceModule
from seqbench.protocol import cards, run_folder
from seqbench.protocol.config import RunConfig
from seqbench.running import run_config
from seqbench.running.run_request import RunRequest
from seqbench.utils.errors import SeqbenchError
from tests.models.modules import (
    CHARACTERS,
    COPY,
    SMALL,
    build_copy,
    build_pairs,
    build_small_module,
    build_trainer,
)
from tests.models.own_modules import Plain

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def save(module: SequenceModule, path: Path) -> Path:
    """Train a module for two steps and save a checkpoint."""
    own = build_trainer(max_steps=2, limit_val_batches=0)
    own.fit(module)
    own.save_checkpoint(path)
    return path


def test_a_checkpoint_is_loaded_without_further_arguments(tmp_path: Path) -> None:
    module = seqbench.build(
        {"name": "lstm", "d_model": 8, "num_layers": 2, "dropout": 0.1}, COPY, tier="smoke", optim=SMALL, seed=3
    )
    path = save(module, tmp_path / "own.ckpt")
    state = torch.get_rng_state()
    loaded = SequenceModule.load_from_checkpoint(path)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(module.parameters(), loaded.parameters(), strict=True))
    assert (loaded.spec, loaded.optim, loaded.seed) == (module.spec, module.optim, 3)
    assert loaded.data is None
    (again,), (scores,) = (build_trainer().test(one, verbose=False) for one in (loaded, module))
    assert again == scores
    assert loaded.data is not None


def test_a_loaded_module_may_train_on(tmp_path: Path) -> None:
    loaded = SequenceModule.load_from_checkpoint(save(build_copy("gru"), tmp_path / "own.ckpt"))
    own = build_trainer(max_steps=7)
    own.fit(loaded)
    assert own.global_step == 7


def test_an_open_file_and_a_device_are_accepted(tmp_path: Path) -> None:
    path = save(build_copy("gru"), tmp_path / "own.ckpt")
    loaded = SequenceModule.load_from_checkpoint(io.BytesIO(path.read_bytes()), map_location="cpu")
    assert loaded.device.type == "cpu"


def test_a_checkpoint_of_a_run_is_loaded_as_well(tmp_path: Path) -> None:
    run = seqbench.run({"name": "gru", "d_model": 8}, COPY, tier="smoke", optim=SMALL, logger="none", runs=tmp_path)
    loaded = SequenceModule.load_from_checkpoint(run.folder / run_folder.BEST)
    (scores,) = build_trainer().test(loaded, verbose=False)
    assert scores["test/accuracy"] == pytest.approx(run.record.results.metrics["test"]["accuracy"].value)


def test_a_pair_of_encoder_and_decoder_is_rebuilt(small_data: Path, tmp_path: Path) -> None:
    module = build_pairs(small_data, "multihead", encoder="bigru")
    loaded = SequenceModule.load_from_checkpoint(save(module, tmp_path / "own.ckpt"))
    assert [p.shape for p in loaded.parameters()] == [p.shape for p in module.parameters()]


def test_a_module_with_training_of_its_own_is_rebuilt(tmp_path: Path) -> None:
    arch = {"name": "tests.models.own_modules:Plain", "d_model": 8, "share": 0.25}
    path = save(seqbench.build(arch, COPY, tier="smoke", optim=SMALL), tmp_path / "own.ckpt")
    for module_class in (SequenceModule, Plain):
        loaded = module_class.load_from_checkpoint(path)
        assert isinstance(loaded, Plain)
        assert loaded.share == 0.25
    with pytest.raises(SeqbenchError, match=r"holds a SequenceModule, not a Plain"):
        Plain.load_from_checkpoint(save(build_copy("gru"), tmp_path / "other.ckpt"))


class Scaled(torch.nn.Module):
    """A net whose output depends on an argument that is no weight."""

    causal = True

    def __init__(self, d_model: int, gain: float = 1.0) -> None:
        super().__init__()
        self.d_model, self.gain, self.inner = d_model, gain, torch.nn.Linear(d_model, d_model)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.gain * self.inner(x)
        return outputs


def test_a_module_around_an_object_is_not_rebuilt_with_other_arguments(tmp_path: Path) -> None:
    def build(gain: float) -> SequenceModule:
        return seqbench.build(Scaled(8, gain=gain), COPY, tier="smoke", optim=SMALL)

    module = build(50.0)
    path = save(module, tmp_path / "own.ckpt")
    with pytest.raises(SeqbenchError, match=r"object of Scaled .* build it again and load the state_dict"):
        SequenceModule.load_from_checkpoint(path)
    again = build(50.0)
    again.load_state_dict(torch.load(path, weights_only=True)["state_dict"])
    x = torch.ones(1, 2, 8)
    (net,), (other,) = ([p for p in m.modules() if isinstance(p, Scaled)] for m in (module, again))
    assert torch.equal(net(x), other(x))
    arch = {"name": f"{__name__}:Scaled", "d_model": 8, "gain": 50.0}
    by_name = save(seqbench.build(arch, COPY, tier="smoke", optim=SMALL), tmp_path / "name.ckpt")
    assert SequenceModule.load_from_checkpoint(by_name).spec == module.spec


def test_the_state_of_streams_is_restored(text_folder: Path, tmp_path: Path) -> None:
    module = build_small_module("gru", CHARACTERS, text_folder)
    loaded = SequenceModule.load_from_checkpoint(save(module, tmp_path / "own.ckpt"))
    carried, expected = loaded._carried, module._carried
    assert isinstance(carried, torch.Tensor)
    assert isinstance(expected, torch.Tensor)
    assert torch.equal(carried, expected)


def test_other_data_are_refused(text_folder: Path, tmp_path: Path) -> None:
    """The same number of characters, but other ones: the ids of the inputs would have other meanings."""
    path = save(build_small_module("gru", CHARACTERS, text_folder), tmp_path / "own.ckpt")
    text = text_folder / "story.txt"
    text.write_text(text.read_text().replace("t", "z"))
    loaded = SequenceModule.load_from_checkpoint(path)
    with pytest.raises(SeqbenchError, match="the data of task 'char-lm-shakespeare' have changed since"):
        build_trainer().test(loaded, verbose=False)
    shutil.rmtree(text_folder)
    with pytest.raises(SeqbenchError, match=str(text_folder)):
        build_trainer().test(SequenceModule.load_from_checkpoint(path), verbose=False)


def test_another_card_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(build_copy("gru"), tmp_path / "own.ckpt")
    monkeypatch.setattr(cards.Card, "digest", lambda card, tier, architectures=(): "another")
    loaded = SequenceModule.load_from_checkpoint(path)
    with pytest.raises(SeqbenchError, match=r"the card of task 'copy' has changed .* module.data = seqbench.data"):
        build_trainer().test(loaded, verbose=False)
    loaded.data = seqbench.data(COPY, tier="smoke")
    build_trainer().test(loaded, verbose=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({rebuild.DESCRIPTION: None}, "does not say what its module is"),
        ({rebuild.DESCRIPTION: {}}, "describes no module that can be built"),
        ({rebuild.DESCRIPTION: {"options": {"arch": {"name": "gru"}}, "spec": {}}}, "describes no module"),
    ],
)
def test_a_checkpoint_without_a_valid_description_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = save(build_copy("gru"), tmp_path / "own.ckpt")
    torch.save({**torch.load(path, weights_only=True), **change}, path)
    with pytest.raises(SeqbenchError, match=message):
        SequenceModule.load_from_checkpoint(path)


def test_an_architecture_that_is_not_installed_is_named(tmp_path: Path) -> None:
    path = save(build_copy("gru"), tmp_path / "own.ckpt")
    checkpoint = torch.load(path, weights_only=True)
    checkpoint[rebuild.DESCRIPTION]["options"]["arch"]["name"] = "gruu"
    torch.save(checkpoint, path)
    with pytest.raises(SeqbenchError, match=r"unknown architecture 'gruu'.*Did you mean"):
        SequenceModule.load_from_checkpoint(path)


NET = """from torch import nn


class Net(nn.Module):
    causal = True

    def __init__(self, d_model: int = 8) -> None:
        super().__init__()
        self.layer = nn.Linear(d_model, d_model)

    def forward(self, x, lengths=None):
        return self.layer(x).tanh()
"""


def test_an_edited_class_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "edited_net.py"
    file.write_text(NET)
    monkeypatch.syspath_prepend(tmp_path)
    path = save(build_copy("edited_net:Net"), tmp_path / "own.ckpt")
    SequenceModule.load_from_checkpoint(path)
    file.write_text(NET.replace("tanh", "relu"))
    with pytest.raises(SeqbenchError, match=r"source of edited_net:Net has changed since .*\.py; restore it"):
        SequenceModule.load_from_checkpoint(path)


def test_arguments_that_would_change_the_module_are_refused(tmp_path: Path) -> None:
    path = save(build_copy("gru"), tmp_path / "own.ckpt")
    with pytest.raises(SeqbenchError, match="fixes the options of its module; leave out d_model"):
        SequenceModule.load_from_checkpoint(path, d_model=9)
    with pytest.raises(SeqbenchError, match="leave out hparams_file"):
        SequenceModule.load_from_checkpoint(path, hparams_file="hparams.yaml")


@pytest.mark.parametrize(
    "options",
    [
        {"arch": "gru", "task": "copy", "tier": "smoke", "seed": 5, "optim": {"lr": 0.5, "betas": [0.8, 0.9]}},
        {"arch": {"name": "lstm", "num_layers": 2}, "task": {"name": "plan", "length": 9}, "body": {"dropout": 0.5}},
    ],
    ids=str,
)
def test_options_give_the_same_configuration_again(options: dict[str, Any]) -> None:
    config: RunConfig = run_config.resolve_config(RunRequest.from_mapping(options))
    again = rebuild.config_from_options(config.options())
    assert again.digest() == config.digest()
