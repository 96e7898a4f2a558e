from __future__ import annotations

import pytest
import torch

from seqbench.utils.errors import SeqbenchError
from seqbench.verification.blind.raw_tensors import DTYPES, from_raw, to_raw


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
def test_tensors_of_each_type_come_back_bit_for_bit(dtype: torch.dtype) -> None:
    tensor = (torch.randn(3, 4, 2) * 10).to(dtype)
    back = from_raw(to_raw(tensor))
    assert back.dtype == dtype
    assert torch.equal(back, tensor)


def test_signs_of_zero_and_nan_come_back() -> None:
    tensor = torch.tensor([-0.0, float("nan"), float("inf")])
    assert torch.equal(from_raw(to_raw(tensor)).view(torch.int32), tensor.view(torch.int32))


def test_empty_and_single_tensors_come_back_with_their_shapes() -> None:
    broadcast = torch.as_strided(torch.tensor([3]), (1,), (0,))  # Its stride is 0.
    for tensor in (torch.empty(0, 3), torch.tensor(2.5), torch.zeros(4, 6).T[1:], broadcast):
        assert torch.equal(from_raw(to_raw(tensor)), tensor)


@pytest.mark.filterwarnings("ignore:ComplexHalf")
def test_a_tensor_of_another_type_is_refused_by_name() -> None:
    with pytest.raises(SeqbenchError, match="tensors of type complex32 cannot be sent"):
        to_raw(torch.zeros(2, dtype=torch.complex32))
