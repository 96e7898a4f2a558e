"""Log a run to Weights & Biases: online where an API key is set and the server answers, offline otherwise.

W&B never prompts the user, and a run waits a limited time for the server. A finished W&B run also holds the record,
which ``leaderboard.data.wandb_runs`` can read back.
"""

from __future__ import annotations

import contextlib
import html
import io
import netrc
import os
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import urlparse

from seqbench.protocol.config import RunConfig
from seqbench.protocol.records import Record
from seqbench.utils import network, redaction
from seqbench.utils.errors import one_line
from seqbench.utils.number_format import counted

if TYPE_CHECKING:
    import wandb
    from lightning.pytorch.loggers import WandbLogger

PROJECT = "seqbench"

INIT_SECONDS = 20.0
"""Longest time that the server may take to start a run (s)."""

FINISH_SECONDS = 120.0
"""Longest time for uploads at the end of a run (s); the rest stays on disk, for ``wandb sync``."""

RECORD = "record"
"""Key of the record in the summary of a W&B run, as text; the W&B configuration also holds the section ``config``."""
LEFT_OUT = "record_left_out"
"""Key of the summary of a W&B run that states why the summary holds no record."""
MOST_LETTERS = 500_000
"""Longest text of a record for W&B (characters): a value must be below 1 MB, and each quotation mark is escaped."""

Mode = Literal["online", "offline", "disabled", "shared"]


@dataclass(frozen=True)
class StartedLogger:
    """A logger whose W&B run has started.

    Args:
        logger: logger for the Trainer.
        mode: ``online``, ``offline`` or ``disabled``.
        reason: why W&B runs in this mode.
    """

    logger: WandbLogger
    mode: str
    reason: str


def wandb_mode() -> tuple[str, str]:
    """Return the mode for ``wandb.init`` (``online``, ``offline``, ``disabled``) and the reason for it."""
    chosen = os.environ.get("WANDB_MODE", "")
    if chosen == "disabled":
        return chosen, f"WANDB_MODE={chosen}"
    import wandb

    # W&B's settings include the files that ``wandb login --host`` and ``wandb offline`` write.
    settings = wandb.setup().settings
    reason = f"WANDB_MODE={chosen}" if chosen else f"W&B's settings say {settings.mode}"
    chosen = chosen or settings.mode
    if chosen not in ("online", "run", "shared"):
        return chosen, reason
    missing = out_of_reach()
    return ("offline", missing) if missing else (chosen, "an API key is set")


def out_of_reach() -> str | None:
    """Return why the W&B server cannot be used: there is no API key, or it does not answer; None if it can be used."""
    import wandb

    settings = wandb.setup().settings
    # Without a key, wandb would prompt the user for one.
    if not _has_key(settings.base_url, settings.api_key):
        return "no API key is set"
    # wandb itself would try for 102 s.
    if not network.is_reachable(_proxy_or_url(settings.base_url)):
        return f"{urlparse(settings.base_url).hostname} does not answer"
    return None


def start_logger(config: RunConfig, folder: Path, run_id: str) -> StartedLogger:
    """Start the W&B run of a run, and return its logger for the Trainer.

    Args:
        config: configuration of the run, with the name, group and configuration of the W&B run.
        folder: the run's folder, in which W&B keeps a folder of its own.
        run_id: identifier of the W&B run; an existing one is continued.
    """
    import wandb
    from lightning.pytorch.loggers import WandbLogger
    from lightning.pytorch.utilities import rank_zero_only

    if getattr(rank_zero_only, "rank", 0) != 0:
        return StartedLogger(WandbLogger(project=PROJECT, save_dir=str(folder)), "disabled", "another process logs")
    # W&B prints to standard error, and prompts the user only if standard error is a terminal.
    with contextlib.redirect_stderr(io.StringIO()):
        # An open W&B run of this process would receive our metrics.
        wandb.finish()
        mode, reason = wandb_mode()
        try:
            run = _init(config, folder, run_id, mode)
        # The server was reachable, but refused the key, closed the connection or took too long.
        except wandb.Error as error:
            if mode in ("offline", "disabled"):
                raise
            mode, reason = "offline", redaction.redact(one_line(error))[:200]
            # W&B's service still holds the identifier of the run that failed to start.
            wandb.teardown()
            run = _init(config, folder, run_id, mode)
        # Without this, W&B would use the number of calls of ``log`` as the step.
        run.define_metric("trainer/global_step")
        run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
    return StartedLogger(WandbLogger(project=PROJECT, save_dir=str(folder), experiment=run), mode, reason)


def finish_logger(
    logger: WandbLogger, summary: Mapping[str, object], sample_files: Sequence[Path] = (), record: Record | None = None
) -> dict[str, str | None] | None:
    """Add the final scores and the record to the W&B run and close it; it is closed as failed unless ``ok``.

    Args:
        logger: the logger that ``start_logger`` returned.
        summary: status and final scores by flat names.
        sample_files: pictures and texts of the run's folder to show.
        record: record of the run, without the section on W&B, which is known only afterwards.

    Returns:
        Fields of ``protocol.record_fields.WandbRun``, with ``error`` if W&B could not close the run; None where there
        is no W&B run, because W&B is disabled or another process logs.
    """
    import wandb

    run: object = logger.experiment
    if not isinstance(run, wandb.Run):
        return None
    disabled = run.disabled
    fields: dict[str, str | None] = {
        "id": run.id,
        "project": run.project,
        "name": run.name,
        "mode": "offline" if run.offline else "online",
        # wandb prints a warning where an offline run is asked for its address.
        "url": None if run.offline else run.url,
    }
    try:
        run.summary.update(dict(summary))
        if record is not None:
            # A resumed W&B run holds the configuration of its last attempt.
            run.config.update(  # type: ignore[no-untyped-call]  # wandb has no annotation here.
                {RECORD: record.config.to_dict()}, allow_val_change=True
            )
            run.summary.update(_record_text(record))
        if sample_files:
            run.log({f"sample/{path.stem}": _media(path) for path in sample_files})
        run.finish(exit_code=0 if summary.get("status") == "ok" else 1)
    # W&B may raise any error; the record must still be written.
    except Exception as error:
        fields["error"] = f"{type(error).__name__}: {redaction.redact(one_line(error))[:200]}"
    return None if disabled else fields


def _record_text(record: Record) -> dict[str, str | None]:
    """Return the record as a text for the summary, without its sample, which may quote data that must stay private.

    The record is stored as text, because W&B turns 2.0 into 2 and drops empty mappings, so that a checksum would fail.
    """
    text = record.without_sample().to_json()
    if len(text) <= MOST_LETTERS:
        return {RECORD: text}
    return {
        RECORD: None,
        LEFT_OUT: f"it has {counted(len(text), 'letter')}, and at most {MOST_LETTERS:,} are given to W&B",
    }


def _media(path: Path) -> wandb.Image | wandb.Html:
    """Return a picture or a text as a media file; unlike a table, it needs no artifact."""
    import wandb

    if path.suffix == ".png":
        return wandb.Image(str(path))
    return wandb.Html(f"<pre>{html.escape(path.read_text(encoding='utf-8'))}</pre>")


def _init(config: RunConfig, folder: Path, run_id: str, mode: str) -> wandb.Run:
    import wandb

    # WandbLogger would pass arguments that newer versions of wandb warn about.
    return wandb.init(
        project=PROJECT,
        group=f"{config.card.name}/{config.model}",
        name=config.name,
        tags=[config.card.name, config.arch, config.tier, *(["modified"] if config.modified() else [])],
        dir=str(folder),
        config=config.options(),
        id=run_id,
        resume="allow",
        mode=cast(Mode, mode),
        settings=build_settings(),
    )


def build_settings(**more: object) -> wandb.Settings:
    """Return settings for ``wandb.init`` with which W&B prints nothing and ends in time.

    Args:
        more: further settings.
    """
    import wandb

    options = {"silent": True, "console": "off", "init_timeout": INIT_SECONDS, "finish_timeout": FINISH_SECONDS, **more}
    # Older versions lack some settings, and an unknown one is an error.
    known = {name: value for name, value in options.items() if name in wandb.Settings.model_fields}
    return wandb.Settings.model_validate(known)


def _has_key(url: str, configured: str | None) -> bool:
    """Return whether wandb will find credentials for the server in the places that it reads."""
    if configured or os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    chosen = os.environ.get("NETRC")
    paths = [Path(chosen)] if chosen else [Path("~/.netrc"), Path("~/_netrc")]
    path = next((path for path in (p.expanduser() for p in paths) if path.exists()), None)
    if path is None:
        return False
    try:
        # An entry with a port is for this port only.
        credentials = netrc.netrc(path).authenticators(urlparse(url).netloc)
    except (OSError, netrc.NetrcParseError):
        return False
    return bool(credentials and credentials[2])


def _proxy_or_url(url: str) -> str:
    """Return the address of the URL's proxy if one is set, or else the URL."""
    parts = urlparse(url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if not proxy or urllib.request.proxy_bypass(parts.netloc):
        return url
    return proxy if "://" in proxy else f"http://{proxy}"
