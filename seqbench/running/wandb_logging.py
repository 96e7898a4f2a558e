"""Weights & Biases as a view of a run: online where a key is set and the server answers, else offline.

Nothing here asks a question, and nothing here waits long: a run is never held up by its view. A finished run of W&B
holds the record as well, so that ``leaderboard.wandb_runs`` can read it back.
"""

from __future__ import annotations

import contextlib
import html
import io
import netrc
import os
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from seqbench.protocol.config import RunConfig
from seqbench.protocol.records import Record
from seqbench.utils import network, redaction
from seqbench.utils.errors import one_line

PROJECT = "seqbench"

INIT_SECONDS = 20.0
"""How long a server that answers may take to begin a run."""

FINISH_SECONDS = 120.0
"""How long the rest may take to upload when a run ends; it stays on disk, for ``wandb sync``."""

RECORD = "record"
"""Where W&B has a run's record: as a text in the summary; its ``config`` section, to filter by, in the config too."""
LEFT_OUT = "record_left_out"
"""Where its summary says why there is none."""
MOST_LETTERS = 500_000
"""Of a record's text; W&B asks for values below 1 MB, and each quotation mark becomes two."""


def wandb_mode() -> tuple[str, str]:
    """What ``wandb.init`` gets for a mode (``online``, ``offline``, ``disabled``), and why; never a prompt."""
    chosen = os.environ.get("WANDB_MODE", "")
    if chosen == "disabled":
        return chosen, f"WANDB_MODE={chosen}"
    import wandb

    # The files that ``wandb login --host`` and ``wandb offline`` write, below the environment.
    settings = wandb.setup().settings
    why = f"WANDB_MODE={chosen}" if chosen else f"W&B's settings say {settings.mode}"
    chosen = chosen or settings.mode
    if chosen not in ("online", "run", "shared"):
        return chosen, why
    missing = out_of_reach()
    return ("offline", missing) if missing else (chosen, "an API key is set")


def out_of_reach() -> str | None:
    """Why the server cannot be asked for anything, whatever the mode; None if it can."""
    import wandb

    settings = wandb.setup().settings
    # Online without a key, wandb would ask for one.
    if not _has_key(settings.base_url, settings.api_key):
        return "no API key is set"
    # Left to itself, wandb tries for 102 s before it gives up.
    if not network.is_reachable(_gate(settings.base_url)):
        return f"{urlparse(settings.base_url).hostname} does not answer"
    return None


def start_logger(config: RunConfig, folder: Path, run_id: str) -> tuple[Any, str, str]:
    """A WandbLogger for one run, started; with it its mode, and why.

    Args:
        config: named, grouped and stored nested as in YAML.
        folder: the run folder, in which W&B keeps its own.
        run_id: of the W&B run; one that is there already is gone on with.
    """
    import wandb
    from lightning.pytorch.loggers import WandbLogger
    from lightning.pytorch.utilities import rank_zero_only

    if rank_zero_only.rank != 0:  # type: ignore[attr-defined]
        return WandbLogger(project=PROJECT, save_dir=str(folder)), "disabled", "another process logs"
    # The screen is the run's own, and a W&B that sees no terminal asks no question.
    with contextlib.redirect_stderr(io.StringIO()):
        # A run left open by someone else in this process would swallow ours.
        wandb.finish()
        how, why = wandb_mode()
        try:
            run = _init(config, folder, run_id, how)
        # The server was there, but would not have us: it broke off, took too long, or does not know the key.
        except wandb.Error as error:
            if how in ("offline", "disabled"):
                raise
            how, why = "offline", redaction.redact(one_line(error))[:200]
            run = _init(config, folder, run_id, how)
        # W&B's own step counts calls of ``log``.
        run.define_metric("trainer/global_step")
        run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
    return WandbLogger(project=PROJECT, save_dir=str(folder), experiment=run), how, why


def finish_logger(
    logger: Any, summary: Mapping[str, Any], shown: Sequence[Path] = (), record: Record | None = None
) -> dict[str, Any] | None:
    """Put the final figures and the record into the run and close it, as failed unless its status is ``ok``.

    Args:
        logger: as ``start`` gave it.
        summary: final figures by flat names.
        shown: pictures and texts of the run's folder to show with it.
        record: of the run, without W&B's part, which is known only afterwards.

    Returns:
        What names the W&B run, for the record, with ``error`` if W&B could not close it; None where there is
        no W&B run (it is disabled, or another process logs).
    """
    import wandb

    run = logger.experiment
    if not isinstance(run, wandb.Run):
        return None
    disabled = run.disabled
    named = {
        "id": run.id,
        "project": run.project,
        "name": run.name,
        "mode": "offline" if run.offline else "online",
        # Offline it has none, and says so on the screen.
        "url": None if run.offline else run.url,
    }
    try:
        run.summary.update(dict(summary))
        if record is not None:
            # A resumed run has that of its last attempt.
            run.config.update({RECORD: record.config.to_dict()}, allow_val_change=True)
            run.summary.update(_recorded(record))
        if shown:
            run.log({f"sample/{path.stem}": _media(path) for path in shown})
        run.finish(exit_code=0 if summary.get("status") == "ok" else 1)
    # The record is yet to be written, and is worth more than its view.
    except Exception as error:
        named["error"] = f"{type(error).__name__}: {redaction.redact(one_line(error))[:200]}"
    return None if disabled else named


def _recorded(record: Record) -> dict[str, str | None]:
    """A record for the summary, as a text: W&B makes 2 of 2.0 and drops empty mappings, and the checksum would be lost.

    Its sample stays here, as it may quote data that nobody may publish.
    """
    text = record.without_sample().to_json()
    if len(text) <= MOST_LETTERS:
        return {RECORD: text}
    return {RECORD: None, LEFT_OUT: f"it has {len(text):,} letters, and at most {MOST_LETTERS:,} are given to W&B"}


def _media(path: Path) -> Any:
    """A picture, or a text as it stands: media files, which need no artifact as a table would."""
    import wandb

    if path.suffix == ".png":
        return wandb.Image(str(path))
    return wandb.Html(f"<pre>{html.escape(path.read_text(encoding='utf-8'))}</pre>")


def _init(config: RunConfig, folder: Path, run_id: str, how: str) -> Any:
    import wandb

    # Not left to WandbLogger, which passes on what newer versions warn of.
    return wandb.init(
        project=PROJECT,
        group=f"{config.card.name}/{config.model}",
        name=config.name,
        tags=[config.card.name, config.arch, config.tier, *(["modified"] if config.modified() else [])],
        dir=str(folder),
        config=config.options(),
        id=run_id,
        resume="allow",
        mode=how,  # type: ignore[arg-type]
        settings=settings(),
    )


def settings(**more: Any) -> Any:
    """Settings for ``wandb.init`` with which it is silent and ends in time, and more of them."""
    import wandb

    options = {"silent": True, "console": "off", "init_timeout": INIT_SECONDS, "finish_timeout": FINISH_SECONDS, **more}
    # An unknown setting is an error, and older versions know fewer.
    return wandb.Settings(**{name: value for name, value in options.items() if name in wandb.Settings.model_fields})


def _has_key(url: str, configured: str | None) -> bool:
    """Whether wandb will find credentials for the server where it looks for them."""
    if configured or os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    named = os.environ.get("NETRC")
    paths = [Path(named)] if named else [Path("~/.netrc"), Path("~/_netrc")]
    path = next((path for path in (p.expanduser() for p in paths) if path.exists()), None)
    if path is None:
        return False
    try:
        # An entry with a port is of that port alone.
        found = netrc.netrc(path).authenticators(urlparse(url).netloc)
    except (OSError, netrc.NetrcParseError):
        return False
    return bool(found and found[2])


def _gate(url: str) -> str:
    """What has to answer for the URL to be reached: its proxy, where one is set."""
    parts = urlparse(url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if not proxy or urllib.request.proxy_bypass(parts.netloc):
        return url
    return proxy if "://" in proxy else f"http://{proxy}"
