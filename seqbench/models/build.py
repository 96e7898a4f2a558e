"""Build the module of a run's configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from seqbench.datamodules import loading
from seqbench.models import objectives
from seqbench.models.bodies import Body, DecoderOnly, EncoderDecoder, OutputFeedback, SingleBackbone
from seqbench.models.bodies.embedding import EmbeddingOptions
from seqbench.models.bodies.output_feedback import build_feedback_embeddings
from seqbench.models.module import SequenceModule
from seqbench.models.objectives import Objective
from seqbench.protocol.backbones import (
    Backbone,
    FeedbackBackbone,
    feeds_back_output,
    is_causal,
    is_cross_attending,
    requires_memory,
)
from seqbench.protocol.choices import DECODER_ONLY
from seqbench.protocol.config import PairOptions, RunConfig
from seqbench.protocol.specs import SequenceSpec, TokenSequence
from seqbench.utils.errors import SeqbenchError, one_line

BackboneClass = Callable[..., Any]
"""A registered class of backbones; only instances can be checked against the protocols of ``protocol.backbones``."""


def build_module(config: RunConfig) -> SequenceModule:
    """Return the module of a configuration, with the data of its task; its seed determines the initial weights.

    Raises:
        SeqbenchError: the backbone or the datamodule refuses its options, or the backbone does not suit the task.
    """
    data = loading.build_datamodule(config)
    module = build_module_from_spec(config, data.spec)
    module.data = data
    return module


def build_module_from_spec(config: RunConfig, spec: SequenceSpec) -> SequenceModule:
    """Return the module of a configuration for a spec, without data; its seed determines the initial weights.

    The caller's random number generators do not change.

    Raises:
        SeqbenchError: the backbone refuses its options, or does not suit the task.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(config.seed)
        body, objective = _build_body_and_objective(config, spec)
    return SequenceModule(spec, body, objective, config.optim, config.seed)


def build_on_meta_device(config: RunConfig, spec: SequenceSpec) -> SequenceModule:
    """Return the module of a configuration on the meta device: shapes without values, which takes milliseconds.

    Raises:
        SeqbenchError: the backbone refuses its options, or does not suit the task.
    """
    with torch.device("meta"):
        return build_module_from_spec(config, spec)


def _build_body_and_objective(config: RunConfig, spec: SequenceSpec) -> tuple[Body, Objective]:
    """Build the backbone, the rest of the body and the objective; this order determines their initial weights."""
    backbone_class: BackboneClass = config.arch_entry.load()
    backbone = _build_backbone(config.arch, backbone_class, config.arch_options)
    d_model, embedding = config.arch_options["d_model"], _embedding_options(config.body)
    has_encoder = isinstance(spec.output, TokenSequence) and config.body["bridge"] != DECODER_ONLY
    if not has_encoder or feeds_back_output(backbone):
        _require_optional_memory(config.arch, backbone, "--arch")
    if feeds_back_output(backbone):
        feedback: FeedbackBackbone = backbone
        embeddings = build_feedback_embeddings(spec, d_model, **embedding)
        objective = objectives.build_objective(spec, d_model)
        return OutputFeedback(feedback, embeddings, objective.predict), objective
    body: Body
    if not isinstance(spec.output, TokenSequence):
        _require_causal(config, spec, backbone)
        body = SingleBackbone(spec, backbone, d_model, **embedding)
    elif config.body["bridge"] == DECODER_ONLY:
        body = DecoderOnly(spec, backbone, d_model, **embedding)
    else:
        _require_default_bridge(config, backbone)
        encoder = _build_encoder(config, backbone_class)
        bridge, heads = config.body["bridge"], config.body["heads"]
        body = EncoderDecoder(spec, encoder, backbone, d_model, bridge, heads, **embedding)
    return body, objectives.build_objective(spec, d_model)


def _build_encoder(config: RunConfig, backbone_class: BackboneClass) -> Backbone:
    """Build the encoder from the class that ``config.encoder_entry`` names, or else from the decoder's class."""
    if config.encoder_entry is None:
        name, options = config.arch, dict(config.arch_options)
    else:
        name, backbone_class = config.encoder_entry.name, config.encoder_entry.load()
        options = {**config.encoder_options, "d_model": config.arch_options["d_model"]}
    encoder: Backbone = _build_backbone(name, backbone_class, options)
    if feeds_back_output(encoder):
        raise SeqbenchError(
            f"architecture '{name}' feeds its output back, and an encoder has no output; choose another --encoder."
        )
    _require_optional_memory(name, encoder, "--encoder")
    return encoder


def _require_optional_memory(name: str, backbone: object, option: str) -> None:
    if requires_memory(backbone):
        raise SeqbenchError(
            f"architecture '{name}' requires a memory, and only a decoder beside an encoder gets one; choose another "
            f"{option}, or let memory and memory_lengths in its forward default to None."
        )


def _require_default_bridge(config: RunConfig, backbone: object) -> None:
    """Check that the user chose no bridge for a cross-attending decoder, which does not use one."""
    default = config.card.tier(config.tier).body.get("bridge", PairOptions.bridge)
    if is_cross_attending(backbone) and config.body["bridge"] != default:
        raise SeqbenchError(
            f"architecture '{config.arch}' attends to the encoder's outputs itself, so body.bridge "
            f"'{config.body['bridge']}' would have no effect; leave out --body.bridge."
        )


def _require_causal(config: RunConfig, spec: SequenceSpec, backbone: Backbone) -> None:
    if not is_causal(backbone) and not spec.look_ahead:
        raise SeqbenchError(
            f"architecture '{config.arch}' looks ahead (its causal is False), but in task '{config.card.name}' an "
            f"output must not depend on later inputs; choose a causal architecture."
        )


def _embedding_options(body: Mapping[str, Any]) -> EmbeddingOptions:
    options: EmbeddingOptions = {}
    if "d_embed" in body:
        options["d_embed"] = body["d_embed"]
    if "dropout" in body:
        options["dropout"] = body["dropout"]
    if "embedding_std" in body:
        options["embedding_std"] = body["embedding_std"]
    return options


def _build_backbone(name: str, backbone_class: BackboneClass, options: Mapping[str, Any]) -> Any:
    """Call the class of an architecture with its options.

    Raises:
        SeqbenchError: the class raised an error.
    """
    try:
        return backbone_class(**options)
    # The class of a plug-in may raise any error and even exit; each error becomes one sentence for the user.
    except (Exception, SystemExit) as error:
        raise SeqbenchError(f"architecture '{name}' refuses its options: {one_line(error) or repr(error)}.") from error
