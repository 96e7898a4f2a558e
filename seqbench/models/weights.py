"""The weights of a module: their number and their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from seqbench.protocol.specs import Batch


class HasParameters(Protocol):
    """An object with parameters, such as a ``torch.nn.Module``."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return the parameters."""


def count_parameters(module: HasParameters) -> int:
    """Return the number of trainable parameters.

    >>> count_parameters(nn.Linear(3, 2))
    8
    """
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def weights_digest(module: nn.Module) -> str:
    """Return the SHA-256 digest (hex) of all weights and buffers: their names, types, shapes and bits.

    >>> weights_digest(nn.Identity())[:8]
    'e3b0c442'
    """
    return state_digest(module.state_dict())


def state_digest(state: Mapping[str, Tensor]) -> str:
    """Return the digest of weights and buffers by name, as ``weights_digest`` of the module that has them.

    >>> layer = nn.Linear(3, 2)
    >>> state_digest(layer.state_dict()) == weights_digest(layer)
    True
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        # A copy has its own strides. An axis of size 1 may have the stride 0, of which no bytes can be viewed.
        copied = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        digest.update(copied.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def batch_digest(batch: Batch) -> str:
    """Return the digest of the inputs, targets, lengths and weights of a batch: their types, shapes and bits.

    Args:
        batch: a batch, whole and not the rows of one process.
    """
    names = ("inputs", "targets", "lengths", "weights")
    return state_digest({name: getattr(batch, name) for name in names})
