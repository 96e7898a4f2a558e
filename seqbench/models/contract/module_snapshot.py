"""Use a module without changing it: its attributes and the values of its tensors are restored afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn


@contextlib.contextmanager
def restore_afterwards(module: nn.Module, parameters: bool = True) -> Iterator[None]:
    """Restore a module when the block ends, also by an error.

    The forward pass of a plug-in may count its calls, keep a mask for later calls, or update a buffer. Restored are, in
    the module and in all its submodules, the training mode, the attributes, the contents of lists, dictionaries and
    sets that are attributes, and the values of parameters, buffers and other dense tensors. Objects inside of these
    containers are not restored.

    Args:
        module: the module.
        parameters: whether the values of parameters are restored too, which a forward pass does not change.

    >>> module = nn.BatchNorm1d(2)
    >>> with restore_afterwards(module):
    ...     _ = module(torch.ones(3, 2))
    >>> module.num_batches_tracked
    tensor(0)
    """
    attributes = [(vars(part), dict(vars(part))) for part in module.modules()]
    values = [value for _, saved in attributes for value in saved.values()]
    lists = [(value, value.copy()) for value in values if isinstance(value, list)]
    dicts = [(value, value.copy()) for value in values if isinstance(value, dict)]
    sets = [(value, value.copy()) for value in values if isinstance(value, set)]
    tensors = [*module.buffers(), *(value for value in values if isinstance(value, Tensor))]
    if parameters:
        tensors += module.parameters()
    clones = [(tensor, tensor.detach().clone()) for tensor in tensors if tensor.layout is torch.strided]
    try:
        yield
    finally:
        for list_now, items in lists:
            list_now[:] = items
        for dict_now, mapping in [*attributes, *dicts]:
            dict_now.clear()
            dict_now.update(mapping)
        for set_now, members in sets:
            set_now.clear()
            set_now.update(members)
        with torch.no_grad():
            for tensor, clone in clones:
                # A tensor that is expanded from a smaller one refuses a copy.
                if not torch.equal(tensor, clone):
                    tensor.copy_(clone)
