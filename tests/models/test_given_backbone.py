from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import seqbench
from seqbench.models.given_backbone import find_width, replace_object
from seqbench.utils.errors import SeqbenchError

COPY = {"name": "copy", "delay": 2, "samples": 40}


class Net(nn.Module):
    causal = True

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        outputs: Tensor = self.outer(torch.tanh(self.inner(x)))
        return outputs


class Declared(Net):
    def __init__(self) -> None:
        super().__init__(6, 3)
        self.d_model = 6


def test_a_module_is_built_around_the_object_itself() -> None:
    net = Net(6, 3)
    weights = net.inner.weight.clone()
    module = seqbench.build(net, COPY, tier="smoke")
    assert any(part is net for part in module.modules())
    assert torch.equal(net.inner.weight, weights)
    batch = module.data.stream("train", 0) if module.data else None
    assert batch is not None
    assert module.body(batch).shape[-1] == 6


def test_the_width_is_found_or_declared_or_given() -> None:
    assert find_width(Net(6, 3)) == 6
    assert find_width(Declared()) == 6
    replaced = replace_object({"name": Net(6, 3), "d_model": 6})
    assert isinstance(replaced, dict)
    assert replaced["d_model"] == 6
    net, state = Net(6, 3), torch.random.get_rng_state()
    find_width(net)
    assert torch.equal(state, torch.random.get_rng_state())


class AnyWidth(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(4))

    def forward(self, x: Tensor) -> Tensor:
        return x


@pytest.mark.parametrize(
    ("backbone", "reason"),
    [
        (nn.ReLU(), "no size of its parameters is kept"),
        (nn.Embedding(3, 4), "no size of its parameters is kept"),
        (AnyWidth(), "3 and 4 are possible"),
    ],
)
def test_an_unknown_width_must_be_given(backbone: nn.Module, reason: str) -> None:
    with pytest.raises(SeqbenchError, match=rf'is unknown.*{reason}; give it as \{{"name": net, "d_model": 64\}}'):
        find_width(backbone)


def test_options_of_an_object_are_refused() -> None:
    with pytest.raises(SeqbenchError, match="the options hidden are given with an object of Net"):
        seqbench.build({"name": Net(6, 3), "hidden": 4}, COPY, tier="smoke")


def test_names_and_classes_are_returned_as_they_are() -> None:
    for arch in ("gru", Net, {"name": "gru", "d_model": 4}):
        assert replace_object(arch) is arch


def test_a_module_of_seqbench_is_no_backbone() -> None:
    with pytest.raises(SeqbenchError, match="this is a SequenceModule already"):
        seqbench.build(seqbench.build("gru", COPY, tier="smoke"), COPY)


def test_a_run_takes_no_object() -> None:
    with pytest.raises(SeqbenchError, match=r"got an object of Net.*Give the class, Net; seqbench\.build also"):
        seqbench.run(Net(6, 3), COPY)  # type: ignore[arg-type]


def test_an_object_is_not_used_twice(small_data: object) -> None:
    task = {"name": "translation", "source": "synthetic"}
    with pytest.raises(SeqbenchError, match="an object can be used once, and this task has an encoder too"):
        seqbench.build(Net(6, 3), task, tier="smoke")
