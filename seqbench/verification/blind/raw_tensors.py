"""Tensors as bytes and back, for the messages between the processes of blind verification."""

from __future__ import annotations

import torch
from torch import Tensor

from seqbench.utils.errors import SeqbenchError
from seqbench.verification.blind.messages import ITEM_BYTES, RawArray

DTYPES: dict[str, torch.dtype] = {name: getattr(torch, name) for name in ITEM_BYTES}
"""PyTorch's types by their names in messages."""


def to_raw(tensor: Tensor) -> RawArray:
    """Return the bits of a tensor as an array of a message.

    Raises:
        SeqbenchError: a message cannot hold the type of the tensor.

    >>> to_raw(torch.tensor([[1.0, 2.0]])).shape
    (1, 2)
    """
    name = str(tensor.dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise SeqbenchError(f"tensors of type {name} cannot be sent; expected one of {', '.join(DTYPES)}")
    # A copy has its own strides. An axis of size 1 may have the stride 0, of which no bytes can be viewed.
    flat = tensor.detach().cpu().clone(memory_format=torch.contiguous_format).reshape(-1)
    # A memory view of an empty array has no address, and cannot be cast.
    data = flat.view(torch.uint8).numpy().data if flat.numel() else b""
    return RawArray(name, tuple(tensor.shape), data)


def from_raw(array: RawArray) -> Tensor:
    """Return the tensor of an array of a message; it may share the memory of the array.

    >>> from_raw(to_raw(torch.tensor([1, 2]))).tolist()
    [1, 2]
    """
    dtype = DTYPES[array.dtype]
    if not array.size:
        return torch.empty(array.shape, dtype=dtype)
    data = array.data if isinstance(array.data, bytearray) else bytearray(array.data)
    return torch.frombuffer(data, dtype=dtype).reshape(array.shape)
