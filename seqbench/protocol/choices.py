"""Accepted values of options; this module does not import pydantic, so that help texts are shown quickly."""

from __future__ import annotations

TIERS = ("smoke", "small", "medium", "paper")
OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
SCHEDULES = ("constant", "cosine")

LOGGERS = ("wandb", "tensorboard", "trackio", "csv", "none")
"""Names for ``--logger``; several with commas. ``csv`` writes ``metrics.csv``, as all others but ``none`` do."""

WANDB_MODES = ("online", "offline", "disabled")
"""Values of ``--wandb.mode``."""

KEPT = ("best", "last", "none", "all")
"""Checkpoints that stay in the folder of a finished run; ``all`` means the best and the last one."""

DECODER_ONLY = "decoder-only"
BRIDGES = ("vector", "additive", "multihead", DECODER_ONLY)
"""Names of the bridges between an encoder and its decoder."""
