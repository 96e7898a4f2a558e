"""Build the module of a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from seqbench.datamodules import loading
from seqbench.models import objectives
from seqbench.models.bodies import Body, DecoderOnly, EncoderDecoder, Feedback, Single
from seqbench.models.module import SequenceModule
from seqbench.protocol import registry
from seqbench.protocol.config import DECODER_ONLY, RunConfig
from seqbench.protocol.specs import SequenceSpec, TokenSequence
from seqbench.utils.errors import SeqbenchError, one_line


def build_module(config: RunConfig) -> SequenceModule:
    """The module of a configuration, with its task's data and its seed's initial weights.

    Raises:
        SeqbenchError: the backbone or the datamodule refuses its options.
    """
    data = loading.build_datamodule(config)
    module = build_module_from_spec(config, data.spec)
    module.data = data
    return module


def build_module_from_spec(config: RunConfig, spec: SequenceSpec) -> SequenceModule:
    """The module of a configuration on a spec, without data; its weights are its seed's.

    Raises:
        SeqbenchError: the backbone refuses its options, or does not suit the task.
    """
    # The seed decides the weights, and leaves the caller's random numbers alone.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(config.seed)
        body = _body(config, spec, _backbone(config.arch, config.arch_options))
        objective = objectives.build_objective(spec, config.arch_options["d_model"])
        if isinstance(body, Feedback):
            body.answer = objective.answer
    return SequenceModule(spec, body, objective, config.optim, config.seed)


def build_on_meta_device(config: RunConfig, spec: SequenceSpec) -> SequenceModule:
    """The same module on the meta device: shapes without numbers, so that any width costs next to nothing.

    Raises:
        SeqbenchError: as ``make``.
    """
    with torch.device("meta"):
        return build_module_from_spec(config, spec)


def _body(config: RunConfig, spec: SequenceSpec, backbone: nn.Module) -> Body:
    d_model, settings = config.arch_options["d_model"], dict(config.body)
    if getattr(backbone, "feeds_back_output", False):
        return Feedback(spec, backbone, d_model, **{k: v for k, v in settings.items() if k not in ("bridge", "heads")})
    if isinstance(spec.output, TokenSequence):
        if settings["bridge"] == DECODER_ONLY:
            del settings["bridge"], settings["heads"]
            return DecoderOnly(spec, backbone, d_model, **settings)
        options = config.arch_options if config.encoder is None else {**config.encoder_options, "d_model": d_model}
        encoder = _backbone(config.encoder or config.arch, options)
        if getattr(encoder, "feeds_back_output", False):
            raise SeqbenchError(
                f"architecture '{config.encoder}' feeds its output back, and an encoder has none; "
                f"choose another --encoder."
            )
        return EncoderDecoder(spec, encoder, backbone, d_model, **settings)
    if getattr(backbone, "causal", True) is False and not spec.look_ahead:
        raise SeqbenchError(
            f"architecture '{config.arch}' looks ahead (its causal is False), and task '{config.card.name}' "
            f"asks each step before the next is seen; choose a causal architecture."
        )
    return Single(spec, backbone, d_model, **settings)


def _backbone(name: str, options: Mapping[str, Any]) -> nn.Module:
    try:
        backbone: nn.Module = registry.find_entry(registry.ARCHITECTURES, name).load()(**options)
        return backbone
    # A stranger's class refuses with whatever error it likes, and may even exit.
    except (Exception, SystemExit) as error:
        raise SeqbenchError(f"architecture '{name}' refuses its options: {one_line(error) or repr(error)}.") from error
