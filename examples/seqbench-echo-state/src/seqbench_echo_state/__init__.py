"""echo-state, an architecture for seqbench."""

from seqbench_echo_state.backbone import EchoState

__all__ = ["EchoState"]
