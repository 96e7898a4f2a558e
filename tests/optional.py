"""Values that may be missing in general and are there in a test."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def not_none(value: T | None) -> T:
    """Return a value that is not None; fail the test otherwise."""
    assert value is not None
    return value
