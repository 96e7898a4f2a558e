"""Readouts: which hidden vectors answer for a sequence."""

from __future__ import annotations

import pytest
import torch

from seqbench.models.bodies import readout

HIDDEN = torch.randn(3, 5, 4)
LENGTHS = torch.tensor([5, 1, 3])


def test_the_last_valid_step_is_read() -> None:
    read = readout.build_readout("last", 4, causal=True)(HIDDEN, LENGTHS)
    assert read.shape == (3, 1, 4)
    for row, length in enumerate(LENGTHS):
        assert torch.equal(read[row, 0], HIDDEN[row, length - 1])


def test_the_first_and_the_last_valid_step_are_read_for_a_backbone_that_looks_ahead() -> None:
    ends = readout.build_readout("last", 4, causal=False)
    assert isinstance(ends, readout.Ends)
    read = ends(HIDDEN, LENGTHS)
    for row, length in enumerate(LENGTHS):
        pair = torch.cat([HIDDEN[row, 0], HIDDEN[row, length - 1]])
        torch.testing.assert_close(read[row, 0], ends.map(pair))


def test_the_mean_is_over_valid_steps() -> None:
    read = readout.build_readout("mean", 4, causal=True)(HIDDEN, LENGTHS)
    for row, length in enumerate(LENGTHS):
        torch.testing.assert_close(read[row, 0], HIDDEN[row, :length].mean(0))


def test_every_step_is_read_and_an_unknown_name_is_refused() -> None:
    assert torch.equal(readout.build_readout("every", 4, causal=True)(HIDDEN, LENGTHS), HIDDEN)
    with pytest.raises(ValueError, match="unknown readout 'first'"):
        readout.build_readout("first", 4, causal=True)
