"""The architecture reservoir for seqbench."""

from seqbench_reservoir.module import Reservoir

__all__ = ["Reservoir"]
