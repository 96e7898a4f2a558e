"""Accepted values of options; this module does not import pydantic, so that help texts are shown quickly."""

from __future__ import annotations

from collections.abc import Mapping

TIERS = ("smoke", "small", "medium", "paper")
OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
SCHEDULES = ("constant", "cosine", "plateau")

LOGGERS = ("wandb", "tensorboard", "trackio", "csv", "none")
"""Names for ``--logger``; several with commas. ``csv`` writes ``metrics.csv``, as all others but ``none`` do."""

WANDB_MODES = ("online", "offline", "disabled")
"""Values of ``--wandb.mode``."""

KEPT = ("best", "last", "none", "all")
"""Checkpoints that stay in the folder of a finished run; ``all`` means the best and the last one."""

DECODER_ONLY = "decoder-only"
CROSS_ATTENTION = "cross-attention"
BRIDGES = ("vector", "additive", "multihead", CROSS_ATTENTION, DECODER_ONLY)
"""Names of the bridges between an encoder and its decoder."""


def model_name(architecture: str, encoder: str | None, body: Mapping[str, object]) -> str:
    """Return the name under which boards and lists show a model.

    Args:
        architecture: name of the architecture.
        encoder: name of an encoder that is not the default one of the architecture; None for none.
        body: options of the body; a decoder without an encoder has a row of its own.

    >>> model_name("gru", "bilstm", {}), model_name("gru", None, {"bridge": "decoder-only"})
    ('gru+bilstm', 'gru+decoder-only')
    """
    second = DECODER_ONLY if body.get("bridge") == DECODER_ONLY else encoder
    return f"{architecture}+{second}" if second else architecture
