"""Names of the splits that the data of every task have."""

from __future__ import annotations

SPLITS = ("train", "validation", "test")
SCORED_SPLITS = ("validation", "test")
"""The splits that a finished run is scored on."""
