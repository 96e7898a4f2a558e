"""What a net process says of its net; code of the plug-in may have changed each statement."""

from __future__ import annotations

import math

from pydantic import Field

from seqbench.utils.strict_model import PlainMapping, StrictModel, WholeNumber


class NetDescription(StrictModel):
    """The net of a net process, in its own words.

    The process may be hostile, so a statement proves nothing that the process with the targets cannot check: the
    weights, for example, are those that this process has sent.
    """

    parameters: dict[str, list[WholeNumber]] = Field(description="Shape of each parameter by its name.")
    trainable: WholeNumber = Field(description="Number of trainable parameters.")
    initial_digest: str = Field(description="Digest of the initial weights, which the seed determines.")
    weights_digest: str = Field(description="Digest of the weights that were loaded.")
    looks_ahead: bool = Field(description="Whether the backbone declares that outputs depend on later inputs.")
    streaming: bool = Field(description="Whether the net can continue from a state, and so reads chunks of streams.")
    feeds_back_output: bool = Field(description="Whether the net reads its own previous outputs.")
    own_training: list[str] | None = Field(
        description="Methods that the architecture overrides, if it brings its own training; null for a backbone."
    )
    own_head: bool = Field(
        description="Whether the architecture brings the head of the task, whose outputs are then those of the net."
    )
    options: dict[str, PlainMapping] = Field(
        description="Options of the architectures by group, with the defaults of their signatures."
    )
    class_files: dict[str, dict[str, str]] = Field(
        description="SHA-256 (hex) of the files of each class that is given by its path, by the name of the class."
    )
    device: str = Field(description="Device of the net, as PyTorch writes it.")
    precision: str = Field(description="Precision of the arithmetic, as Lightning writes it.")
    costs: PlainMapping = Field(description="`state_bytes` and `flops_per_token`; empty if they were not asked for.")
    matched_width: WholeNumber | None = Field(
        description="Width for the requested number of parameters; null if none was requested."
    )
    isolation: str = Field(description="How the process is confined, in words; said before the plug-in is imported.")
    confined_by_kernel: bool = Field(description="Whether the kernel keeps the process from files and network.")

    @property
    def sizes(self) -> dict[str, int]:
        """Number of entries of each parameter by its name."""
        return {name: math.prod(shape) for name, shape in self.parameters.items()}
