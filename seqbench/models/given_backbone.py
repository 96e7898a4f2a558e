"""A backbone that the user has built: ``seqbench.build(MyNet(64), "copy")``."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from seqbench.models.module import SequenceModule
from seqbench.utils.errors import SeqbenchError

TRIED_STEPS = 3
"""Time steps of the inputs with which a width is tried."""


def replace_object(arch: str | type | nn.Module | Mapping[str, object]) -> str | type | Mapping[str, object]:
    """Return an architecture as ``RunRequest.from_mapping`` takes it: an object is replaced by a class that returns it.

    Args:
        arch: a name, a class or an object, or a mapping with one of them as ``name``.

    Raises:
        SeqbenchError: the width of the object is unknown, or it is given together with options.
    """
    options = dict(arch) if isinstance(arch, Mapping) else {"name": arch}
    backbone = options.pop("name", None)
    if not isinstance(backbone, nn.Module):
        assert not isinstance(arch, nn.Module)
        return arch
    if isinstance(backbone, SequenceModule):
        raise SeqbenchError("this is a SequenceModule already; give a backbone, or use the module itself.")
    width = options.pop("d_model", None)
    if options:
        raise SeqbenchError(
            f"the options {', '.join(options)} are given with an object of {type(backbone).__name__}, which is built "
            f"already; set them when you build it, or give the class."
        )
    return {"name": _class_that_returns(backbone), "d_model": find_width(backbone) if width is None else width}


def find_width(backbone: nn.Module) -> int:
    """Return the width of a backbone: its attribute ``d_model``, or the only size of inputs that it keeps.

    The sizes of its parameters are tried with inputs of zeros.

    Raises:
        SeqbenchError: no width or more than one is possible.
    """
    declared = getattr(backbone, "d_model", None)
    if isinstance(declared, int):
        return declared
    sizes = sorted({size for parameter in backbone.parameters() for size in parameter.shape})
    possible = [size for size in sizes if _keeps_width(backbone, size)]
    if len(possible) == 1:
        return possible[0]
    found = f"{' and '.join(map(str, possible))} are possible" if possible else "no size of its parameters is kept"
    name = type(backbone).__name__
    raise SeqbenchError(
        f"the width of this {name} is unknown, because it has no attribute d_model and {found}; give it as "
        f'{{"name": net, "d_model": 64}}.'
    )


def _keeps_width(backbone: nn.Module, width: int) -> bool:
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        try:
            outputs: object = copy.deepcopy(backbone).cpu().eval()(torch.zeros(1, TRIED_STEPS, width))
        except Exception:  # The backbone may raise any error for a wrong width.
            return False
    return isinstance(outputs, torch.Tensor) and outputs.shape == (1, TRIED_STEPS, width)


def _class_that_returns(backbone: nn.Module) -> type[nn.Module]:
    """Return a class whose only object is the backbone."""
    built: list[nn.Module] = []
    owner = type(backbone)

    class Given(owner):  # type: ignore[misc, valid-type]  # The base is known only at run time.
        class_of_object = owner

        def __new__(cls, d_model: int) -> Any:  # It returns the backbone, whose class is another one.
            if built:
                raise SeqbenchError("an object can be used once, and this task has an encoder too; give the class")
            built.append(backbone)
            return backbone

        def __init__(self, d_model: int) -> None:
            raise AssertionError("an object that was built already is not built again")

    Given.__module__, Given.__name__, Given.__qualname__ = owner.__module__, owner.__name__, owner.__qualname__
    return Given
