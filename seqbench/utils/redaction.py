"""Remove secrets from text that is written or shown, because an error message of a library may contain a key.

Secrets are the values of environment variables such as ``WANDB_API_KEY`` or ``HF_TOKEN``, the passwords of URLs in the
environment, and the user and password of every URL in the text.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from urllib.parse import quote, unquote, urlsplit

from seqbench.utils.errors import one_line

HIDDEN = "***"
SHORTEST = 8
"""Smallest number of characters of a secret; a shorter value may occur in ordinary text."""

_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL)S?$", re.IGNORECASE)
# A password may contain an @, so the match ends at the last one before the host.
_IN_URL = re.compile(r"(?<=://)[^\s/?#\"'<>]+(?=@)")


def redact(text: str) -> str:
    """Return the text with ``***`` in place of each secret.

    A text must be redacted before it is cut, because a part of a secret is not recognised.

    >>> redact("cannot reach https://me:pass@example.org/data")
    'cannot reach https://***@example.org/data'
    """
    hidden = _IN_URL.sub(HIDDEN, text)
    # The longest secret first, because one secret may begin with another one.
    for secret in sorted(set(_secrets_in(text)), key=lambda secret: (-len(secret), secret)):
        hidden = hidden.replace(secret, HIDDEN)
    return hidden


def find_secret(text: str) -> str | None:
    """Return a description of the secret in a text, such as ``the value of $NAME``; None if there is no secret.

    >>> find_secret("https://me:pass@example.org")
    'the user and password of a URL'
    """
    for name, secret in _secrets():
        if any(form in text for form in _forms(secret)):
            return f"the value of ${name}"
    return "the user and password of a URL" if re.search(r"://[^\s/?#\"'<>:]*:[^\s/?#\"'<>]+@", text) else None


def _secrets_in(text: str) -> Iterator[str]:
    for _, secret in _secrets():
        yield from (form for form in _forms(secret) if form in text)


def _secrets() -> Iterator[tuple[str, str]]:
    """Yield the name of each environment variable that contains a secret, and the secret.

    The environment is read at each call, because a library may set a variable at any time.
    """
    for name, value in os.environ.items():
        secrets = [value.strip()] if _SECRET_NAME.search(name) else []
        secrets += [_password(value)] if "://" in value and "@" in value else []
        yield from ((name, secret) for secret in secrets if len(secret) >= SHORTEST)


def _password(url: str) -> str:
    try:
        return urlsplit(url.strip()).password or ""
    except ValueError:  # The value is not a URL.
        return ""


def _forms(secret: str) -> set[str]:
    """Return the forms of a secret: unchanged, in one line, and escaped for URLs, JSON and Python."""
    plain = {secret, unquote(secret), one_line(secret)}
    # The environment's bytes need not be UTF-8.
    in_url = {quote(form, safe=safe, errors="surrogateescape") for form in plain for safe in ("", "/")}
    quoted = {text[1:-1] for form in plain for text in (json.dumps(form), repr(form))}
    return {form for form in plain | in_url | quoted if len(form) >= SHORTEST}
