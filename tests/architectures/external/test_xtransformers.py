from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._pytree import tree_leaves

from seqbench.testing import architecture_checks

pytest.importorskip("x_transformers", reason="the extra x-transformers is not installed")

from seqbench.architectures.external.xtransformers import XTransformer

# The library requests an autocast on the meta device, which PyTorch refuses.
CHECKS = [
    check
    for options in ({}, {"num_layers": 1, "max_context": 5})
    for check in architecture_checks(XTransformer, options=options)
    if check.name != "meta_device"
]


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_it_passes_the_conformance_kit(check: Any) -> None:
    check()


def test_values_equal_the_library() -> None:
    from x_transformers import ContinuousTransformerWrapper

    net = XTransformer(12, num_layers=2, heads=3).eval()
    # The library's wrapper for vectors, without positions of its own and with its own mask of padding.
    wrapper = ContinuousTransformerWrapper(attn_layers=net.decoder, max_seq_len=0, use_abs_pos_emb=False).eval()
    x, lengths = torch.randn(3, 9, 12), torch.tensor([9, 4, 1])
    y, expected = net(x, lengths), wrapper(x, lens=lengths)
    valid = torch.arange(9) < lengths[:, None]
    torch.testing.assert_close(y[valid], expected[valid], atol=1e-5, rtol=1e-5)


def test_an_output_depends_on_max_context_steps() -> None:
    net, x = XTransformer(8, num_layers=1, max_context=4).eval(), torch.randn(1, 9, 8, requires_grad=True)
    # The direction is random, because the sum of a layer norm's output is always 0.
    (gradient,) = torch.autograd.grad((net(x)[0, 7] * torch.randn(8)).sum(), x)
    assert (gradient[0].abs().amax(1) > 0).tolist() == [4 <= step <= 7 for step in range(9)]


def test_a_short_sequence_after_a_long_one_has_no_window() -> None:
    narrow, x = XTransformer(8, max_context=4).eval(), torch.randn(2, 9, 8)
    wide = XTransformer(8, max_context=100).eval()
    wide.load_state_dict(narrow.state_dict())
    narrow(x)
    torch.testing.assert_close(narrow(x[:, :4]), wide(x[:, :4]))
    assert not torch.allclose(narrow(x)[:, 8], wide(x)[:, 8], atol=1e-3)


def test_a_state_is_bounded() -> None:
    net, state = XTransformer(8, max_context=5), None
    for time in (2, 9, 1):
        _, state = net.unroll(torch.randn(3, time, 8), state)
        assert {leaf.shape[2] for leaf in tree_leaves(state)} == {min(4, time if time == 2 else 4)}


def test_dropout_acts_in_training_only() -> None:
    net, x = XTransformer(16, dropout=0.5), torch.randn(2, 5, 16)
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


@pytest.mark.parametrize(
    "options",
    [{"d_model": 0}, {"num_layers": 0}, {"dropout": 1.0}, {"heads": 0}, {"max_context": 0}],
    ids=lambda options: next(iter(options)),
)
def test_values_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        XTransformer(**{"d_model": 8, **options})
