"""Every registered architecture passes the conformance kit."""

from __future__ import annotations

import pytest
import torch

from seqbench.protocol import registry
from seqbench.protocol.registry import MissingLibrary
from seqbench.testing import check_architecture
from seqbench.utils.errors import SeqbenchError

LIMITS_OF_LIBRARIES = {"x-transformers": {"meta_device"}}
"""Checks that a library may fail: x-transformers requests an autocast on the meta device, which PyTorch refuses."""


@pytest.mark.parametrize("name", registry.list_entries(registry.ARCHITECTURES))
def test_it_passes_the_conformance_kit(name: str) -> None:
    try:
        report = check_architecture(name, d_model=16, strict=False)
    except MissingLibrary as error:
        pytest.skip(str(error))
    except SeqbenchError as error:
        # A few architectures have CUDA kernels only, and refuse to be created elsewhere.
        if torch.cuda.is_available() or "needs a CUDA device" not in str(error):
            raise
        pytest.skip(str(error))
    allowed = LIMITS_OF_LIBRARIES.get(name, set())
    assert {outcome.name: outcome.reason for outcome in report.failed if outcome.name not in allowed} == {}
