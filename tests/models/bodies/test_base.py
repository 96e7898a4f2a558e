"""What a body does by default."""

from __future__ import annotations

import pytest
import torch

from tests.models.bodies.sequence_pairs import WIDTH, CausalMean, build_body, random_pairs


def test_a_body_of_pairs_does_not_read_streams() -> None:
    with pytest.raises(TypeError, match="EncoderDecoder reads whole sequences"):
        build_body("vector").unroll(random_pairs(), None)


def test_a_body_that_feeds_nothing_back_keeps_its_state() -> None:
    state = (torch.ones(1, 2), torch.zeros(1))
    assert build_body("vector").replace_output(state, torch.tensor([[3]])) is state


def test_a_body_can_unroll_if_its_decoding_backbone_can() -> None:
    assert build_body("decoder-only").can_unroll
    assert not build_body("decoder-only", CausalMean(WIDTH)).can_unroll
