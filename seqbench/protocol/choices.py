"""Accepted values of options; this module does not import pydantic, so that help texts are shown quickly."""

from __future__ import annotations

TIERS = ("smoke", "small", "medium", "paper")
OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
SCHEDULES = ("constant", "cosine")
LOGGERS = ("wandb", "csv", "none")

DECODER_ONLY = "decoder-only"
BRIDGES = ("vector", "additive", "multihead", DECODER_ONLY)
"""Names of the bridges between an encoder and its decoder."""
