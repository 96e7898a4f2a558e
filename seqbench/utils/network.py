"""Is anybody there? A look that never takes longer than a second."""

from __future__ import annotations

import socket
import threading
from urllib.parse import urlparse

SECONDS = 1.0


def url_answers(url: str) -> bool:
    """Whether a connection to the URL's host opens within ``SECONDS``."""
    parts = urlparse(url)
    address = (parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443))
    opened = threading.Event()

    def probe() -> None:
        try:
            socket.create_connection(address, timeout=SECONDS).close()
        except OSError:
            return
        opened.set()

    # In a thread, because no time-out of a socket covers the resolving of its name.
    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return opened.is_set()
