"""Every registered architecture keeps its contract."""

from __future__ import annotations

import pytest
import torch

from seqbench.protocol import registry
from seqbench.protocol.registry import MissingLibrary
from seqbench.testing import check_architecture
from seqbench.utils.errors import SeqbenchError


@pytest.mark.parametrize("name", registry.list_entries(registry.ARCHITECTURES))
def test_it_keeps_its_contract(name: str) -> None:
    try:
        check_architecture(name, d_model=16)
    except MissingLibrary as error:
        pytest.skip(str(error))
    except SeqbenchError as error:
        # A few run on kernels of CUDA alone, and say so when they are made.
        if torch.cuda.is_available() or "needs a CUDA device" not in str(error):
            raise
        pytest.skip(str(error))
