"""The systems that seqbench supports."""

from __future__ import annotations

import os

from seqbench.utils.errors import SeqbenchError


def require_supported_system() -> None:
    """Check that this is not Windows, which lacks the signals and file locks that a run uses.

    Raises:
        SeqbenchError: this is Windows.
    """
    if os.name == "nt":
        raise SeqbenchError(
            "seqbench runs on Linux and macOS, and this is Windows; use the Windows Subsystem for Linux."
        )
