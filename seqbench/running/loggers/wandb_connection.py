"""Find out how W&B can be used: online where an API key is set and the server answers, offline otherwise.

W&B never prompts the user, and a run waits a limited time for the server.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import netrc
import os
import shutil
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

from seqbench.protocol.choices import WANDB_MODES
from seqbench.utils import network
from seqbench.utils.errors import SeqbenchError

if TYPE_CHECKING:
    import wandb

INIT_SECONDS = 20.0
"""Longest time that the server may take to start a run (s)."""

FINISH_SECONDS = 120.0
"""Longest time for uploads at the end of a run (s); the rest stays on disk, for ``wandb sync``."""

EVERY_MODE = (*WANDB_MODES, "shared", "dryrun", "run")
"""Values of ``WANDB_MODE`` that W&B knows."""

_OLD_NAMES = {"dryrun": "offline", "run": "online"}
"""Modes by their old names, which Lightning's logger still sets."""


def check_environment() -> None:
    """Check ``WANDB_MODE`` without importing W&B, before a run starts.

    Raises:
        SeqbenchError: W&B has no such mode.
    """
    mode = os.environ.get("WANDB_MODE")
    if mode and mode not in EVERY_MODE:
        raise SeqbenchError(f"WANDB_MODE must be one of {', '.join(WANDB_MODES)}, got '{mode}'; change or unset it.")


def wandb_mode(requested: str | None = None) -> tuple[str, str]:
    """Return the mode for ``wandb.init`` (``online``, ``offline``, ``disabled``) and the reason for it.

    Args:
        requested: the mode that the user's options set, which overrides the environment.
    """
    chosen = requested or os.environ.get("WANDB_MODE", "")
    source = f"--wandb.mode {chosen}" if requested else f"WANDB_MODE={chosen}"
    if chosen == "disabled":
        return chosen, source
    import wandb

    # W&B's settings include the files that ``wandb login --host`` and ``wandb offline`` write.
    settings = wandb.setup().settings
    reason = source if chosen else f"W&B's settings say {settings.mode}"
    chosen = chosen or settings.mode
    chosen = _OLD_NAMES.get(chosen, chosen)
    if chosen not in ("online", "shared"):
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


@contextlib.contextmanager
def hide_messages() -> Iterator[None]:
    """Keep W&B's messages from the screen until the end of the block, also where the home folder cannot be used.

    W&B's own process writes its log into the cache of the user, and to the screen if that is not possible. It takes its
    environment from this process when it starts.
    """
    changed = {} if _has_cache_folder() else dict.fromkeys(("XDG_CACHE_HOME", "XDG_CONFIG_HOME"), _temporary_folder())
    earlier = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        # W&B prints to standard error, and prompts the user only if standard error is a terminal.
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        for name, value in earlier.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _has_cache_folder() -> bool:
    """Return whether the cache folder of the user exists or can be created, and can be written."""
    chosen, home = os.environ.get("XDG_CACHE_HOME"), os.environ.get("HOME")
    if not chosen and not home:
        return False
    folder = Path(chosen) if chosen else Path(str(home)) / ".cache"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@functools.cache
def _temporary_folder() -> str:
    """Return a folder for the log of W&B's process, which is removed at the end of this process."""
    folder = tempfile.mkdtemp(prefix="seqbench-wandb-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


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
