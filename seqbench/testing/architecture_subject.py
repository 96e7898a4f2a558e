"""A backbone under test: how it is made, shown inputs and called, whichever kind it is."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from seqbench.protocol import registry
from seqbench.testing.report import Skip, error_message
from seqbench.utils.errors import SeqbenchError

State = Any
ROUNDING = 1e-5
"""What two ways of computing one thing may differ by, relative to the largest number."""


class ArchitectureSubject:
    """A backbone class with its options.

    A backbone that feeds its output back reads two streams, its input and its previous output. The kit holds both in
    one tensor ``(batch, time, width)``, the streams side by side, and parts them only at the call: so every check is
    the same for either kind, and what holds for ``x`` is asked of both.

    Args:
        backbone: the class.
        d_model: width of input and output.
        options: other options of its ``__init__``.
        parameters: how many trainable numbers it should have; None where nobody says.
        seed: of weights and inputs.
    """

    def __init__(
        self,
        backbone: type[nn.Module],
        d_model: int = 16,
        options: Mapping[str, Any] | None = None,
        parameters: int | None = None,
        seed: int = 0,
    ) -> None:
        self.backbone, self.d_model, self.options = backbone, d_model, dict(options or {})
        self.parameters, self.seed = parameters, seed
        self.streams = ("x", "y_previous") if getattr(backbone, "feeds_back_output", False) else ("x",)

    @property
    def name(self) -> str:
        """The class's name."""
        return self.backbone.__name__

    @cached_property
    def causal(self) -> bool:
        """What it claims once it is made: an option may decide it."""
        return bool(getattr(self.make(), "causal", True))

    @property
    def takes_dropout(self) -> bool:
        """Whether ``dropout`` is one of its options."""
        return "dropout" in inspect.signature(self.backbone).parameters

    @contextmanager
    def seeded(self, seed: int | None = None) -> Iterator[None]:
        """Random numbers of torch from a seed within, and the caller's own untouched after."""
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(self.seed if seed is None else seed)
            yield

    def make(self, seed: int | None = None, **changed: Any) -> nn.Module:
        """A fresh one, in evaluation mode; ``changed`` options replace its own."""
        with self.seeded(seed):
            return self.backbone(**{"d_model": self.d_model, **self.options, **changed}).eval()

    def stirred(self, **changed: Any) -> nn.Module:
        """A fresh one whose parameters have moved a little, so that nothing hides behind a weight that starts at 0."""
        net = self.make(**changed)
        generator = torch.Generator().manual_seed(self.seed + 1)
        with torch.no_grad():
            for p in net.parameters():
                p.add_(0.05 * torch.randn(p.shape, generator=generator).to(p))
        return net

    def modes(self, net: nn.Module) -> list[nn.Module]:
        """The net in evaluation, and one in training where training draws nothing at random (no dropout)."""
        trained = self.stirred(**({"dropout": 0.0} if self.takes_dropout else {})).train()
        trained.load_state_dict(net.state_dict())
        drawn = self._draws(trained)
        # Nets that keep statistics change by being looked at.
        trained.load_state_dict(net.state_dict())
        return [net] if drawn else [net, trained]

    def _draws(self, net: nn.Module) -> bool:
        """Whether a forward draws random numbers, of torch or of a generator of its own."""
        # What is dropped seldom (a layer in ten, for a row) may be kept twice by luck: so torch is asked whether
        # anything was drawn. Other generators show in outputs alone, of rows enough that luck is out.
        x = self.inputs(64, 4)
        with torch.no_grad(), self.seeded():
            before = torch.get_rng_state()
            first = self.forward(net, x)
            if not torch.equal(before, torch.get_rng_state()):
                return True
            return not torch.equal(first, self.forward(net, x))

    def inputs(self, batch: int, time: int, number: int = 0, d_model: int | None = None) -> Tensor:
        """Standard normal inputs ``(batch, time, width)``; another ``number``, other ones."""
        generator = torch.Generator().manual_seed(1000 * (self.seed + 1) + number)
        return torch.randn(batch, time, len(self.streams) * (d_model or self.d_model), generator=generator)

    def forward(self, net: nn.Module, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Outputs ``(batch, time, d_model)`` of whole sequences; without ``lengths``, called as without any."""
        y: Tensor = net(*self._parted(x)) if lengths is None else net(*self._parted(x), lengths)
        return y

    def forward_seeded(self, net: nn.Module, x: Tensor, seed: int = 0) -> Tensor:
        """``forward`` with torch's random numbers from a seed."""
        with self.seeded(seed):
            return self.forward(net, x)

    def unroll(self, net: nn.Module, x: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Outputs of one chunk and the state after it.

        Raises:
            Skip: it has no ``unroll``.
        """
        if not hasattr(net, "unroll"):
            raise Skip("it has no unroll: it reads whole windows")
        unroll: Any = net.unroll
        y, after = unroll(*self._parted(x)) if state is None else unroll(*self._parted(x), state)
        return y, after

    def _parted(self, x: Tensor) -> list[Tensor]:
        return [part.contiguous() for part in x.chunk(len(self.streams), dim=-1)]


def backbone_class(backbone: type | str) -> type[nn.Module]:
    """The class: itself, or what a registered name or ``package.module:Class`` stands for.

    Raises:
        SeqbenchError: the name is unknown, cannot be imported, or is no class of modules.
    """
    found = registry.find_entry(registry.ARCHITECTURES, backbone).load() if isinstance(backbone, str) else backbone
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise SeqbenchError(
            f"a backbone is a class that extends torch.nn.Module, got {found!r}; give the class itself."
        )
    return found


def check_constructs(subject: ArchitectureSubject) -> None:
    """Refuse what cannot even be made.

    Raises:
        SeqbenchError: its ``__init__`` raised; one line says what.
    """
    try:
        subject.make()
    # A stranger's class refuses with whatever error it likes, and may even exit.
    except (Exception, SystemExit) as error:
        options = ", ".join(
            f"{key}={value!r}" for key, value in {"d_model": subject.d_model, **subject.options}.items()
        )
        raise SeqbenchError(f"{subject.name}({options}) cannot be made, it raised {error_message(error)}.") from error


def difference(a: Tensor, b: Tensor) -> float:
    """The largest difference of two tensors of one shape, relative to their largest number or 1; nan where one is."""
    if a.numel() == 0:
        return 0.0
    scale = max(1.0, float(a.detach().abs().max()), float(b.detach().abs().max()))
    return float((a.detach() - b.detach()).abs().max()) / scale
