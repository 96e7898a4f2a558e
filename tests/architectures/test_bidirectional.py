from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from seqbench.architectures.bidirectional import BiGRU, BiLSTM, BiRNN

CELLS = {BiRNN: nn.RNN, BiLSTM: nn.LSTM, BiGRU: nn.GRU}
LENGTHS = torch.tensor([9, 4, 1, 9])


@pytest.fixture(params=CELLS, ids=lambda cls: cls.__name__)
def backbone(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    return request.param(6, num_layers=2)


def valid() -> Tensor:
    """Return which steps of a batch with these lengths are not padding."""
    return torch.arange(9) < LENGTHS[:, None]


def reference(backbone: Any) -> nn.RNNBase:
    """Return PyTorch's bidirectional module with the same weights."""
    net = CELLS[type(backbone)](6, 3, 2, batch_first=True, bidirectional=True)
    with torch.no_grad():
        for suffix, cells in (("", backbone.forwards), ("_reverse", backbone.backwards)):
            for layer, cell in enumerate(cells):
                for name, value in cell.named_parameters():
                    getattr(net, f"{name.removesuffix('_l0')}_l{layer}{suffix}").copy_(value)
    return net


def test_it_equals_pytorchs_bidirectional_module_on_packed_sequences(backbone: Any) -> None:
    x = torch.randn(4, 9, 6)
    packed = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(reference(backbone)(packed)[0], batch_first=True)
    torch.testing.assert_close(backbone(x, LENGTHS)[valid()], expected[valid()])
    torch.testing.assert_close(backbone(x), reference(backbone)(x)[0])


def test_without_lengths_all_steps_are_valid(backbone: Any) -> None:
    x = torch.randn(4, 9, 6)
    assert torch.equal(backbone(x), backbone(x, torch.full((4,), 9)))


def test_padding_does_not_change_outputs(backbone: Any) -> None:
    x = torch.randn(4, 9, 6)
    other = torch.where(valid()[..., None], x, 100.0)
    assert torch.equal(backbone(x, LENGTHS)[valid()], backbone(other, LENGTHS)[valid()])
    for row, length in enumerate(LENGTHS.tolist()):
        alone = backbone(x[row : row + 1, :length])
        torch.testing.assert_close(backbone(x, LENGTHS)[row : row + 1, :length], alone)
    assert torch.isfinite(backbone(x, LENGTHS)).all()


def test_an_output_depends_on_its_whole_sequence_and_on_no_other(backbone: Any) -> None:
    x = torch.randn(4, 9, 6, requires_grad=True)
    (gradient,) = torch.autograd.grad(backbone(x, LENGTHS)[1, 1].sum(), x)
    assert torch.equal(gradient.abs().amax(2) > 0, valid() & (torch.arange(4) == 1)[:, None])
    assert not type(backbone).causal
    assert not hasattr(backbone, "unroll")


def test_each_half_of_the_output_is_one_direction() -> None:
    net, x = BiGRU(6), torch.randn(2, 5, 6)
    moved = x.clone()
    moved[:, 3] += 1
    changed = (net(moved) - net(x)).abs().amax(0) > 0
    assert changed[:, :3].any(1).tolist() == [False, False, False, True, True]
    assert changed[:, 3:].any(1).tolist() == [True, True, True, True, False]


def test_gradients_reach_every_parameter(backbone: Any) -> None:
    backbone(torch.randn(2, 4, 6)).square().sum().backward()
    assert [name for name, p in backbone.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_dropout_acts_in_training_only() -> None:
    for cls in CELLS:
        backbone: Any = cls(64, dropout=0.5)
        x = torch.randn(2, 3, 64)
        assert 0.3 < float((backbone(x) == 0).float().mean()) < 0.7
        assert not (backbone.eval()(x) == 0).any()


def test_skip_adds_a_residual_to_all_layers_but_the_first(backbone: Any) -> None:
    x, one = torch.randn(4, 9, 6), type(backbone)(6)
    one.load_state_dict({name: p for name, p in backbone.state_dict().items() if ".1." not in name})
    both = type(backbone)(6, num_layers=2, skip=True)
    both.load_state_dict(backbone.state_dict())
    torch.testing.assert_close(both(x, LENGTHS)[valid()], (one(x, LENGTHS) + backbone(x, LENGTHS))[valid()])


def test_the_lstm_starts_with_the_given_forget_bias() -> None:
    net = BiLSTM(10, num_layers=2)
    for cell in (*net.forwards, *net.backwards):
        total = cell.bias_ih_l0 + cell.bias_hh_l0
        assert total[5:10].tolist() == [1.0] * 5
        assert 0 < total[:5].abs().max() < 2 / math.sqrt(5)


def test_it_runs_in_half_precision_and_on_the_meta_device(backbone: Any) -> None:
    x = torch.randn(4, 9, 6)
    with torch.autocast("cpu", torch.bfloat16):
        y = backbone(x, LENGTHS)
    y.float().square().sum().backward()
    assert [name for name, p in backbone.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert backbone.bfloat16()(x.bfloat16(), LENGTHS).isfinite().all()
    assert backbone.float().to("meta")(x.to("meta")).shape == (4, 9, 6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"d_model": 7}, "even"),
        ({"d_model": 0}, "d_model must be at least 1"),
        ({"num_layers": 0}, "num_layers"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_values_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    for cls in CELLS:
        with pytest.raises(ValueError, match=message):
            cls(**{"d_model": 4, **options})


@pytest.mark.gpu
def test_cuda_and_cpu_agree(backbone: Any) -> None:
    x = torch.randn(4, 9, 6)
    whole = backbone(x, LENGTHS)
    moved = backbone.cuda()(x.cuda(), LENGTHS.cuda()).cpu()
    torch.testing.assert_close(moved[valid()], whole[valid()], atol=1e-4, rtol=1e-3)
