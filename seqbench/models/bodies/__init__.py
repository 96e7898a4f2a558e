"""Bodies, which wrap backbones and turn a batch into one hidden vector for each target."""

from seqbench.models.bodies.base import Body
from seqbench.models.bodies.decoder_only import DecoderOnly
from seqbench.models.bodies.encoder_decoder import EncoderDecoder
from seqbench.models.bodies.output_feedback import OutputFeedback
from seqbench.models.bodies.single_backbone import SingleBackbone

__all__ = ["Body", "DecoderOnly", "EncoderDecoder", "OutputFeedback", "SingleBackbone"]
