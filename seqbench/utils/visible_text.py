"""Texts of records as one visible line: records of others are not trusted."""

from __future__ import annotations

import re

from seqbench.utils import errors

_INVISIBLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
"""Characters that are not visible, or that change the direction of the text around them."""


def visible_line(text: object) -> str:
    r"""Return a text on one line, with U+FFFD in place of each invisible character.

    Every text of a record passes through this function before it is shown: records of others are not trusted.

    >>> visible_line("a\n  b\u202e")
    'a b\ufffd'
    """
    return _INVISIBLE.sub("\ufffd", errors.one_line(text))
