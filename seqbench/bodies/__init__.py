"""Bodies: a batch in, one hidden vector per target out; they wrap backbones."""

from seqbench.bodies.single import Single

__all__ = ["Single"]
