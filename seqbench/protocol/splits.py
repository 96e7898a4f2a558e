"""Names of the splits of every task's data."""

from __future__ import annotations

SPLITS = ("train", "validation", "test")
SCORED_SPLITS = ("validation", "test")
"""The splits that a finished run is scored on."""
