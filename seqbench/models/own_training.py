"""What a subclass of ``SequenceModule`` may bring, and what stays seqbench's: the rules, in one place.

Training, optimisers, hooks and callbacks may be overridden. Evaluation, data and the assembly of body and objective may
not, because the scores of all architectures must come from the same code.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import lightning.pytorch as L
from torch import nn

from seqbench.utils.errors import SeqbenchError

EVALUATION = "the scores of all architectures come from the same evaluation"
DATA = "batches are those of the task"
TRANSFER = "it would change the batches of the evaluation too; change a batch in training_step instead"

FINAL_METHODS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("forward", "validation_step", "test_step"), EVALUATION),
        **dict.fromkeys(("on_validation_start", "on_validation_epoch_end"), EVALUATION),
        **dict.fromkeys(("on_test_start", "on_test_epoch_end"), EVALUATION),
        **dict.fromkeys(("train_dataloader", "val_dataloader", "test_dataloader"), DATA),
        **dict.fromkeys(("on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer"), TRANSFER),
    }
)
"""Methods that a subclass must not override, each with the reason. All methods of ``SequenceModule`` whose names start
with an underscore are final as well."""


def prepare_subclass(cls: type, base: type) -> None:
    """Check a new subclass, and let its hooks run after those of ``SequenceModule``.

    Args:
        cls: the subclass.
        base: ``SequenceModule``.

    Raises:
        SeqbenchError: the subclass overrides a final method.
    """
    members = _own_members(base)
    private = {name for name, value in members.items() if _is_private(name) and inspect.isfunction(value)}
    for name in [*FINAL_METHODS, *sorted(private)]:
        if inspect.getattr_static(cls, name) is not inspect.getattr_static(base, name):
            raise SeqbenchError(_refusal(cls.__name__, name))
    for name, value in members.items():
        if name.startswith("on_") and name not in FINAL_METHODS:
            _keep_hook(cls, name, value)


def check_instance(module: nn.Module, body: nn.Module, objective: nn.Module) -> None:
    """Check that an instance has the evaluation, the body and the objective that seqbench gave it.

    Args:
        module: a module of a subclass.
        body: the body that was assembled for it.
        objective: the objective that was assembled for it.

    Raises:
        SeqbenchError: one of them was replaced.
    """
    cls = type(module).__name__
    for name in FINAL_METHODS:
        # Lightning replaces ``forward`` while several processes evaluate; scores do not use it.
        if name in vars(module) and name != "forward":
            raise SeqbenchError(_refusal(cls, name))
    for name, assembled in (("body", body), ("objective", objective)):
        present = getattr(module, name)
        replaced = [key for key in vars(present) if callable(getattr(type(present), key, None))]
        if present is not assembled or replaced:
            what = name if present is not assembled else f"{name}.{replaced[0]}"
            raise SeqbenchError(
                f"{cls} replaces its {what}, but {EVALUATION}; change the backbone, objective.head, or training_step."
            )


def overridden_methods(cls: type) -> list[str]:
    """Return the names of the methods of Lightning and seqbench that a subclass of ``SequenceModule`` overrides.

    >>> overridden_methods(nn.Linear)
    []
    """
    base = next((part for part in cls.__mro__ if part.__name__ == "SequenceModule"), cls)
    names = [name for name in dir(base) if not name.startswith("_") and inspect.isroutine(getattr(base, name, None))]
    return [name for name in names if inspect.getattr_static(cls, name) is not inspect.getattr_static(base, name)]


def _own_members(base: type) -> dict[str, Any]:
    """Return the members of a class and of its bases up to Lightning's, by name; their types differ."""
    bases = base.__mro__[: base.__mro__.index(L.LightningModule)]
    return {name: value for part in reversed(bases) for name, value in vars(part).items()}


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _refusal(cls: str, name: str) -> str:
    reason = FINAL_METHODS.get(name, "the names of seqbench's own methods are taken")
    return (
        f"{cls} overrides {name}, but a seqbench.SequenceModule brings its training alone: {reason}. Remove {name}, or "
        f"give it another name; training_step, configure_optimizers, configure_callbacks, setup and other hooks are "
        f"free to override."
    )


def _keep_hook(cls: type, name: str, kept: Callable[..., Any]) -> None:
    """Let a hook of a subclass run after that of ``SequenceModule``, also if it does not call ``super()``.

    These hooks seed the random numbers of a step and save the carried state of streams, without which a resumed run
    would differ.
    """
    own = inspect.getattr_static(cls, name)
    if own is kept or hasattr(own, "__seqbench_kept__"):
        return

    @functools.wraps(own)
    def hook(self: nn.Module, *args: Any, **kwargs: Any) -> Any:  # The arguments and results are those of the hook.
        kept(self, *args, **kwargs)
        return own(self, *args, **kwargs)

    hook.__seqbench_kept__ = True  # type: ignore[attr-defined]  # A function has no such attribute of its own.
    setattr(cls, name, hook)
