"""The architecture echo-state for seqbench."""

from seqbench_echo_state.backbone import EchoState

__all__ = ["EchoState"]
