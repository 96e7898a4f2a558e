"""What a module is built from: the run's configuration, the task's spec, and the assembly around a backbone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from seqbench.models import objectives
from seqbench.models.bodies import Body, DecoderOnly, EncoderDecoder, OutputFeedback, SingleBackbone
from seqbench.models.bodies.both_directions import BothDirections, half_width
from seqbench.models.bodies.embedding import EmbeddingOptions
from seqbench.models.bodies.output_feedback import build_feedback_embeddings
from seqbench.models.objectives import Objective
from seqbench.models.tied_head import tie_head
from seqbench.protocol.backbones import (
    Backbone,
    FeedbackBackbone,
    feeds_back_output,
    is_causal,
    requires_memory,
)
from seqbench.protocol.cards import Optim
from seqbench.protocol.choices import CROSS_ATTENTION, DECODER_ONLY
from seqbench.protocol.config import RunConfig
from seqbench.protocol.registry import brings_training
from seqbench.protocol.specs import SequenceSpec, TokenSequence
from seqbench.utils.errors import SeqbenchError, one_line

BackboneClass = Callable[..., Any]
"""A registered class of backbones; only instances can be checked against the protocols of ``protocol.backbones``."""


@dataclass(frozen=True)
class ModuleContext:
    """The configuration and the task that a module is built for; ``SequenceModule.__init__`` takes it.

    A subclass of ``SequenceModule`` gets it as the first argument of its ``__init__`` and passes it on.

    Args:
        config: configuration of the run.
        spec: input and output of the task.
    """

    config: RunConfig
    spec: SequenceSpec

    @property
    def d_model(self) -> int:
        """The width of the backbone, ``--arch.d_model``."""
        return int(self.config.arch_options["d_model"])

    @property
    def optim(self) -> Optim:
        """The optimiser, the schedule and the number of steps of the card, with the user's changes."""
        return self.config.optim

    @property
    def seed(self) -> int:
        """The seed of the run; the caller has seeded PyTorch's random numbers with it."""
        return self.config.seed

    @property
    def needs_encoder(self) -> bool:
        """True if the task has pairs of sequences, which an encoder and a decoder translate."""
        return isinstance(self.spec.output, TokenSequence) and self.config.body["bridge"] != DECODER_ONLY

    def assemble(self, backbone: Any, encoder: Any = None) -> tuple[Body, Objective]:
        """Return the body around a backbone, and the objective; both draw their initial weights in this order.

        Args:
            backbone: the backbone; the kind of its class is known only at run time.
            encoder: the encoder of a task with pairs of sequences; None for the one that the configuration names. Other
                tasks do not use it.

        Raises:
            SeqbenchError: the backbone or the encoder does not suit the task.
        """
        config, spec = self.config, self.spec
        d_model, embedding = self.d_model, _embedding_options(config.body)
        if not self.needs_encoder or feeds_back_output(backbone):
            _require_optional_memory(config.arch, backbone, "--arch")
        if feeds_back_output(backbone):
            feedback: FeedbackBackbone = backbone
            if config.body.get("tie"):
                raise SeqbenchError(f"architecture '{config.arch}' feeds its output back; leave out --body.tie.")
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
            encoder = _find_encoder(config, encoder)
            bridge, heads = config.body["bridge"], config.body["heads"]
            if bridge != CROSS_ATTENTION:
                _require_optional_memory(config.arch, backbone, "--body.bridge")
            body = EncoderDecoder(spec, encoder, backbone, d_model, bridge, heads, **embedding)
        objective = objectives.build_objective(spec, d_model)
        if config.body.get("tie"):
            if not isinstance(body, SingleBackbone | DecoderOnly):
                raise SeqbenchError("body.tie has no effect with an encoder; leave out --body.tie.")
            tie_head(body.embedding, objective)
        return body, objective


def build_backbone(name: str, backbone_class: BackboneClass, options: Mapping[str, Any]) -> Any:
    """Call the class of an architecture with its options.

    Args:
        name: name of the architecture.
        backbone_class: its class.
        options: arguments of its ``__init__``.

    Raises:
        SeqbenchError: the class raised an error.
    """
    try:
        return backbone_class(**options)
    # The class of a plug-in may raise any error and even exit; each error becomes one sentence for the user.
    except (Exception, SystemExit) as error:
        raise SeqbenchError(f"architecture '{name}' refuses its options: {one_line(error) or repr(error)}.") from error


def _find_encoder(config: RunConfig, own: Any) -> Backbone:
    """Return the encoder that ``config.encoder_entry`` names, or that a module brings, or two of the decoder's class.

    Without a name, one backbone of the decoder's class reads the source forwards, and another one backwards.

    Raises:
        SeqbenchError: there is none, there are two, or the encoder cannot be one.
    """
    if config.encoder_entry is not None:
        if own is not None:
            raise SeqbenchError(
                f"architecture '{config.arch}' builds its own encoder, so --encoder {config.encoder_entry.name} would "
                f"have no effect; leave out --encoder."
            )
        name, options = config.encoder_entry.name, {**config.encoder_options, "d_model": config.arch_options["d_model"]}
        encoder = build_backbone(name, config.encoder_entry.load(), options)
    elif own is not None:
        name, encoder = config.arch, own
    else:
        name, architecture = config.arch, config.arch_entry.load()
        if brings_training(architecture):
            raise SeqbenchError(
                f"architecture '{name}' builds no encoder, and task '{config.card.name}' has pairs of sequences; add "
                f"--encoder NAME, or pass an encoder to super().__init__(context, backbone, encoder=...)."
            )
        encoder = _build_both_directions(name, architecture, config.arch_options)
    if feeds_back_output(encoder):
        raise SeqbenchError(
            f"architecture '{name}' feeds its output back, and an encoder has no output; choose another --encoder."
        )
    _require_optional_memory(name, encoder, "--encoder")
    checked: Backbone = encoder
    return checked


def _build_both_directions(name: str, architecture: BackboneClass, options: Mapping[str, Any]) -> Any:
    """Return two backbones of an architecture as one encoder; a single one if it cannot be an encoder."""
    if feeds_back_output(architecture) or requires_memory(architecture):
        return build_backbone(name, architecture, options)
    half = {**options, "d_model": half_width(int(options["d_model"]), name)}
    forwards, backwards = (build_backbone(name, architecture, half) for _ in range(2))
    return BothDirections(int(options["d_model"]), forwards, backwards)


def _require_optional_memory(name: str, backbone: object, option: str) -> None:
    if requires_memory(backbone):
        raise SeqbenchError(
            f"architecture '{name}' requires a memory, and only a decoder beside an encoder gets one; choose another "
            f"{option}, or let memory and memory_lengths in its forward default to None."
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
