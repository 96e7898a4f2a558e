"""Bodies: a batch in, one hidden vector per target out; they wrap backbones."""

from seqbench.bodies.base import Body
from seqbench.bodies.decoder_only import DecoderOnly
from seqbench.bodies.encoder_decoder import EncoderDecoder
from seqbench.bodies.feedback import Feedback
from seqbench.bodies.single import Single

__all__ = ["Body", "DecoderOnly", "EncoderDecoder", "Feedback", "Single"]
