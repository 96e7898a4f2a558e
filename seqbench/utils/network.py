"""Check for network access, with a timeout of one second."""

from __future__ import annotations

import socket
import threading
from urllib.parse import urlparse

SECONDS = 1.0
"""Timeout in seconds."""


def is_reachable(url: str) -> bool:
    """Return whether a connection to the host of a URL can be opened within ``SECONDS``."""
    parts = urlparse(url)
    address = (parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443))
    opened = threading.Event()

    def connect() -> None:
        try:
            socket.create_connection(address, timeout=SECONDS).close()
        except OSError:
            return
        opened.set()

    # In a thread, because the timeout of a socket does not include the resolution of the host's name.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return opened.is_set()
