"""Weights & Biases as a view of a run: online where a key is set and the server answers, else offline."""

from __future__ import annotations

import netrc
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from seqbench import network
from seqbench.config import RunConfig

PROJECT = "seqbench"


def mode() -> tuple[str, str]:
    """``online`` or ``offline`` (or what ``WANDB_MODE`` says), and why; never a prompt."""
    chosen = os.environ.get("WANDB_MODE", "")
    if chosen:
        return chosen, f"WANDB_MODE={chosen}"
    url = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")
    if not _has_key(url):
        return "offline", "no API key is set"
    # Left to itself, wandb tries for 102 s before it gives up.
    if not network.answers(url):
        return "offline", f"{urlparse(url).hostname} does not answer"
    return "online", "an API key is set"


def start(config: RunConfig, folder: Path, run_id: str | None) -> Any:
    """A WandbLogger for one run, started.

    Args:
        config: named, grouped and stored nested as in YAML.
        folder: the run folder, in which W&B keeps its own.
        run_id: the W&B run to go on with, for a resumed run.
    """
    import wandb
    from lightning.pytorch.loggers import WandbLogger

    # A run left open by someone else in this process would swallow ours.
    wandb.finish(quiet=True)
    how, _ = mode()
    logger = WandbLogger(
        project=PROJECT,
        group=f"{config.card.name}/{config.arch}",
        name=config.name,
        tags=[config.card.name, config.arch, config.tier],
        save_dir=str(folder),
        config=config.options(),
        id=run_id,
        resume="allow" if run_id else None,
        mode=how,
        settings=wandb.Settings(silent=True, console="off", init_timeout=30),
    )
    logger.experiment.define_metric("*", step_metric="trainer/global_step")
    return logger


def finish(logger: Any, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Put the final figures into the summary and close the run; return what names it for the record."""
    import wandb

    run = logger.experiment
    run.summary.update(dict(summary))
    named = {"id": run.id, "project": run.project, "name": run.name, "mode": "offline" if run.offline else "online"}
    named["url"] = run.url
    wandb.finish(quiet=True)
    return named


def _has_key(url: str) -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators(urlparse(url).hostname or "") is not None
    except (OSError, netrc.NetrcParseError):
        return False
