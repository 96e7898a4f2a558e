"""Bodies: a batch in, one hidden vector per target out; they wrap backbones."""

from seqbench.models.bodies.base import Body
from seqbench.models.bodies.decoder_only import DecoderOnly
from seqbench.models.bodies.encoder_decoder import EncoderDecoder
from seqbench.models.bodies.output_feedback import Feedback
from seqbench.models.bodies.single import Single

__all__ = ["Body", "DecoderOnly", "EncoderDecoder", "Feedback", "Single"]
