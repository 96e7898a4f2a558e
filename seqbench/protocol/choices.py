"""Names that an option may have; this module imports no pydantic, so that help texts are shown at once."""

from __future__ import annotations

TIERS = ("smoke", "small", "medium", "paper")
OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
SCHEDULES = ("constant", "cosine")
LOGGERS = ("wandb", "csv", "none")

DECODER_ONLY = "decoder-only"
BRIDGES = ("vector", "additive", "multihead", DECODER_ONLY)
"""How an encoder is joined to its decoder."""
