"""Wrong values that a backbone returns, and the sentence that each of them gives."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from seqbench.architectures.recurrent import GRU
from seqbench.models.contract import backbone_outputs
from seqbench.utils.errors import SeqbenchError

X = torch.zeros(4, 5, 6)
EXPECTED = r"forward of MyNet must return one tensor \(batch, time, d_model\) = \(4, 5, 6\), got "


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ((X, None), "a tuple of 2; return its first item"),
        ([X], "a list of 1; return its first item"),
        ({"y": X}, "a dict of 1; return the outputs of all steps as one tensor"),
        ((X[:1], X), "a tuple of 2; return the outputs of all steps"),
        (None, "None; end forward with a return statement"),
        (X.numpy(), "a value of type numpy.ndarray; stay in PyTorch"),
        (SimpleNamespace(last_hidden_state=X), "a value of type types.SimpleNamespace; return its last_hidden_state"),
        (X.transpose(0, 1), r"one of shape \(5, 4, 6\); time comes first in it: use batch_first=True"),
        (X.transpose(1, 2), r"one of shape \(4, 6, 5\); time comes last in it"),
        (X[:, -1], r"one of shape \(4, 6\); it has one step: return the outputs of all steps"),
        (X[:, -1:], r"one of shape \(4, 1, 6\); it has one step"),
        (torch.zeros(4, 5, 12), r"map it to the width d_model .* \(a bidirectional layer has twice its hidden_size\)"),
        (torch.zeros(4, 5, 7), "map it to the width d_model by a linear layer"),
        (torch.zeros(4, 3, 6), "return one output for each input step"),
        (torch.zeros(4), r"one of shape \(4,\); return one output of width d_model for each input step"),
    ],
)
def test_each_wrong_output_gives_what_was_expected_what_came_and_what_to_do(output: object, sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=EXPECTED.removesuffix("got ") + f"got .*{sentence.split('; ')[-1]}"):
        backbone_outputs.require_outputs(output, X, "forward of MyNet")
    with pytest.raises(SeqbenchError, match=sentence):
        backbone_outputs.require_outputs(output, X, "forward of MyNet")


def test_another_dtype_or_device_is_refused_and_autocast_is_not() -> None:
    with pytest.raises(SeqbenchError, match="keep the dtype of its input, float32, got float64; return y"):
        backbone_outputs.require_outputs(X.double(), X, "forward of MyNet")
    with pytest.raises(SeqbenchError, match="float32, got int64"):
        backbone_outputs.require_outputs(X.long(), X, "forward of MyNet")
    with pytest.raises(SeqbenchError, match="on the device of its input, cpu, got one on meta"):
        backbone_outputs.require_outputs(X.to("meta"), X, "forward of MyNet")
    with torch.autocast("cpu", torch.bfloat16):
        backbone_outputs.require_outputs(X.bfloat16(), X, "forward of MyNet")
        with pytest.raises(SeqbenchError, match="got int64"):
            backbone_outputs.require_outputs(X.long(), X, "forward of MyNet")


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        (X, r"must return a pair \(outputs, state\), got one tensor; return the state after the chunk as well"),
        ((X, X, X), "got a tuple of 3; return two values"),
        ((X[:, :2], X), r"as the first of its pair, must return one tensor .* got one of shape \(4, 2, 6\)"),
        ((X, (X, 3)), "tensors only, in tuples, lists or dictionaries, got a value of type int in it"),
        ((X, torch.zeros(2, 4, 6)), r"its first axis, 4, got shape \(2, 4, 6\); swap its axes, as by h.transpose"),
        ((X, torch.zeros(())), r"its first axis, 4, got shape \(\); swap"),
    ],
)
def test_each_wrong_pair_of_unroll_gives_a_sentence(returned: object, sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        backbone_outputs.require_outputs_and_state(returned, X, "unroll of MyNet")


def test_calls_are_checked_inside_the_block_only_and_the_backbone_is_left_as_it_was() -> None:
    class Tuple(GRU):
        def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
            return (x, x)  # type: ignore[return-value]

        def unroll(self, x: Tensor, state: object = None) -> tuple[Tensor, Tensor]:
            return x  # type: ignore[return-value]

    net = Tuple(6)
    before = dict(vars(net))
    with backbone_outputs.check_forward(net), pytest.raises(SeqbenchError, match="forward of Tuple"):
        net(X)
    with backbone_outputs.check_unroll(net), pytest.raises(SeqbenchError, match="unroll of Tuple"):
        net.unroll(X)
    net(X), net.unroll(X)
    assert vars(net) == before


def test_a_backbone_without_unroll_has_nothing_to_check() -> None:
    net = nn.Linear(6, 6)
    with backbone_outputs.check_unroll(net), backbone_outputs.check_forward(net):
        assert net(X).shape == X.shape
