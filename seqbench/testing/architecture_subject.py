"""A backbone class under test: how the checks build it and call it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property

import torch
from torch import Tensor, nn

from seqbench.protocol import registry
from seqbench.protocol.backbones import State, call_forward, feeds_back_output, is_causal, is_streaming
from seqbench.protocol.random_keys import generator_seed
from seqbench.testing.report import Skip, describe_error
from seqbench.utils.errors import SeqbenchError

ROUNDING = 1e-5
"""Largest allowed difference between two ways to compute the same outputs, relative to the largest number."""


class ArchitectureSubject:
    """A backbone class with its options.

    A backbone that feeds its output back takes two inputs, ``x`` and ``y_previous``. The checks concatenate both in one
    tensor ``(batch, time, width)``, which is split for each call. So each check is the same for both kinds of backbone,
    and its requirements on ``x`` also hold for ``y_previous``.

    Args:
        backbone: the class.
        d_model: width of input and output.
        options: other options of its ``__init__``.
        parameters: expected number of trainable parameters; None where it was not declared.
        seed: seed of weights and inputs.
    """

    def __init__(
        self,
        backbone: type[nn.Module],
        d_model: int = 16,
        options: Mapping[str, object] | None = None,
        parameters: int | None = None,
        seed: int = 0,
    ) -> None:
        self.architecture: type[nn.Module] = backbone
        self.backbone, self.d_model, self.options = backbone, d_model, dict(options or {})
        self.parameters, self.seed = parameters, seed
        self.inputs = ("x", "y_previous") if feeds_back_output(backbone) else ("x",)

    @property
    def name(self) -> str:
        """The name of the class."""
        return self.architecture.__name__

    @cached_property
    def causal(self) -> bool:
        """Whether an instance declares that it is causal; an option may decide it."""
        return is_causal(self.build())

    @property
    def takes_dropout(self) -> bool:
        """Whether ``dropout`` is one of the options."""
        return "dropout" in inspect.signature(self.architecture).parameters

    @contextmanager
    def seeded(self, seed: int | None = None) -> Iterator[None]:
        """Seed PyTorch's random numbers inside the block; the caller's state is restored after it."""
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(self.seed if seed is None else seed)
            yield

    def build(self, changed: Mapping[str, object] | None = None, seed: int | None = None) -> nn.Module:
        """Return a new instance in evaluation mode.

        Args:
            changed: options that replace the subject's.
            seed: seed of its weights; None takes the subject's.
        """
        with self.seeded(seed):
            return self.backbone(**{"d_model": self.d_model, **self.options, **(changed or {})}).eval()

    def build_perturbed(self, changed: Mapping[str, object] | None = None) -> nn.Module:
        """Return a new instance with slightly changed parameters, because a weight of 0 could hide a dependence.

        Args:
            changed: options that replace the subject's.
        """
        net = self.build(changed)
        generator = torch.Generator().manual_seed(generator_seed("perturbation", self.seed))
        with torch.no_grad():
            for p in net.parameters():
                p.add_(0.05 * torch.randn(p.shape, generator=generator).to(p))
        return net

    def deterministic_modes(self, net: nn.Module) -> list[nn.Module]:
        """Return the net in evaluation mode, and a copy in training mode if the copy draws no random numbers."""
        trained = self.build_perturbed({"dropout": 0.0} if self.takes_dropout else None).train()
        trained.load_state_dict(net.state_dict())
        random = self._draws_random_numbers(trained)
        # The forward passes of the test change a net that keeps running statistics.
        trained.load_state_dict(net.state_dict())
        return [net] if random else [net, trained]

    def _draws_random_numbers(self, net: nn.Module) -> bool:
        """Return whether a forward pass draws random numbers, from PyTorch or from another generator."""
        # Two equal outputs do not prove that nothing is drawn: rows that are dropped rarely may be kept twice. So the
        # state of PyTorch's generator is compared. Other generators are detected by the outputs of many rows.
        x = self.random_inputs(64, 4)
        with torch.no_grad(), self.seeded():
            before = torch.get_rng_state()
            first = self.forward(net, x)
            if not torch.equal(before, torch.get_rng_state()):
                return True
            return not torch.equal(first, self.forward(net, x))

    def random_inputs(self, batch: int, time: int, number: int = 0, d_model: int | None = None) -> Tensor:
        """Return standard normal inputs ``(batch, time, width)``.

        Args:
            batch: number of sequences.
            time: number of steps.
            number: another number gives other inputs.
            d_model: width of the backbone; None takes the subject's.
        """
        generator = torch.Generator().manual_seed(generator_seed("inputs", self.seed, number))
        return torch.randn(batch, time, len(self.inputs) * (d_model or self.d_model), generator=generator)

    def forward(self, net: nn.Module, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the outputs of whole sequences, ``(batch, time, d_model)``.

        Args:
            net: the backbone.
            x: inputs ``(batch, time, width)``.
            lengths: number of valid steps, ``(batch,)``; None, or a ``forward`` without it, leaves out the argument.
        """
        inputs = self._split_inputs(x)
        y: Tensor = net(*inputs) if lengths is None else call_forward(net, *inputs, lengths=lengths)
        return y

    def forward_seeded(self, net: nn.Module, x: Tensor, seed: int = 0) -> Tensor:
        """Return the outputs of ``forward`` with PyTorch's random numbers from a seed.

        Args:
            net: the backbone.
            x: inputs ``(batch, time, width)``.
            seed: the seed.
        """
        with self.seeded(seed):
            return self.forward(net, x)

    def unroll(self, net: nn.Module, x: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Return the outputs of one chunk, ``(batch, time, d_model)``, and the state after it.

        Args:
            net: the backbone.
            x: inputs of the chunk, ``(batch, time, width)``.
            state: the state before the chunk; None leaves out the argument.

        Raises:
            Skip: the backbone has no ``unroll``.
        """
        if not is_streaming(net):
            raise Skip("the backbone has no unroll: it reads whole windows")
        unroll: Callable[..., tuple[Tensor, State]] = net.unroll
        return unroll(*self._split_inputs(x)) if state is None else unroll(*self._split_inputs(x), state)

    def _split_inputs(self, x: Tensor) -> list[Tensor]:
        return [part.contiguous() for part in torch.chunk(x, len(self.inputs), dim=-1)]


def load_backbone_class(backbone: type | str) -> type[nn.Module]:
    """Return the class itself, or the class of a registered name or of ``package.module:Class``.

    Raises:
        SeqbenchError: the name is unknown or cannot be imported, or it is not a class of modules.

    >>> load_backbone_class("gru").__name__
    'GRU'
    """
    candidate: object = backbone
    if isinstance(backbone, str):
        candidate = registry.find_entry(registry.ARCHITECTURES, backbone).load()
    if not (isinstance(candidate, type) and issubclass(candidate, nn.Module)):
        raise SeqbenchError(
            f"a backbone is a class that extends torch.nn.Module, got {candidate!r}; give the class itself."
        )
    return candidate


def require_constructible(subject: ArchitectureSubject) -> None:
    """Build the backbone once.

    Raises:
        SeqbenchError: its ``__init__`` raised an error; the text names it in one line.
    """
    try:
        subject.build()
    # The class may belong to a plug-in and may raise any error or exit; the user gets one sentence.
    except (Exception, SystemExit) as error:
        options = {"d_model": subject.d_model, **subject.options}
        arguments = ", ".join(f"{key}={value!r}" for key, value in options.items())
        raise SeqbenchError(
            f"{subject.name}({arguments}) cannot be built, it raised {describe_error(error)}."
        ) from error


def relative_difference(a: Tensor, b: Tensor) -> float:
    """Return the largest difference of two tensors of one shape, relative to their largest number or to 1.

    NaN in either tensor gives NaN.

    >>> relative_difference(torch.tensor([1.0, 4.0]), torch.tensor([1.0, 3.0]))
    0.25
    """
    if a.numel() == 0:
        return 0.0
    a, b = a.detach(), b.detach()
    scale = max(1.0, float(a.abs().max()), float(b.abs().max()))
    return float((a - b).abs().max()) / scale
