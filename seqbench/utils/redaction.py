"""Secrets out of what is written or said: a stranger's error may repeat a key, no file and no screen shows it.

Secret is what the environment says is: the values of variables such as ``WANDB_API_KEY`` or ``HF_TOKEN``, and user and
password of every URL, also where only the password of a proxy's URL is repeated.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from urllib.parse import quote, unquote, urlsplit

HIDDEN = "***"
SHORTEST = 8
"""Characters from which on a value is a secret: shorter ones stand in innocent words."""

_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL)S?$", re.IGNORECASE)
# A password may hold an @ of its own: up to the last one before the host ends.
_IN_URL = re.compile(r"(?<=://)[^\s/?#\"'<>]+(?=@)")


def redact(text: str) -> str:
    """The text with ``***`` for each secret; call it before the text is cut, lest half of one be left."""
    hidden = _IN_URL.sub(HIDDEN, text)
    # The longest first: one secret may begin with another.
    for secret in sorted(set(_written(text)), key=lambda secret: (-len(secret), secret)):
        hidden = hidden.replace(secret, HIDDEN)
    return hidden


def secret_in(text: str) -> str | None:
    """What a text holds that it should not: ``the value of $NAME``, or the login of a URL; None if it is clean."""
    for name, secret in _secrets():
        if any(form in text for form in _forms(secret)):
            return f"the value of ${name}"
    return "the user and password of a URL" if re.search(r"://[^\s/?#\"'<>:]*:[^\s/?#\"'<>]+@", text) else None


def _written(text: str) -> Iterator[str]:
    for _, secret in _secrets():
        yield from (form for form in _forms(secret) if form in text)


def _secrets() -> Iterator[tuple[str, str]]:
    """Names of variables and the secrets they hold; read each time, as a test or a library may set one late."""
    for name, value in os.environ.items():
        found = [value.strip()] if _SECRET_NAME.search(name) else []
        found += [_password(value)] if "://" in value and "@" in value else []
        yield from ((name, secret) for secret in found if len(secret) >= SHORTEST)


def _password(url: str) -> str:
    try:
        return urlsplit(url.strip()).password or ""
    except ValueError:  # No URL at all.
        return ""


def _forms(secret: str) -> set[str]:
    """A secret as it may be written: as it is, in a URL, in JSON or in Python's quotes, and in one line."""
    plain = {secret, unquote(secret), " ".join(secret.split())}
    # The environment's bytes need not be UTF-8.
    in_url = {quote(form, safe=safe, errors="surrogateescape") for form in plain for safe in ("", "/")}
    quoted = {text[1:-1] for form in plain for text in (json.dumps(form), repr(form))}
    return {form for form in plain | in_url | quoted if len(form) >= SHORTEST}
