"""Markdown as GitHub renders it: tables, inline code, and escaped texts.

A text of a record that passes through `escape_markdown` or `inline_code` is never taken for Markdown or HTML.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from seqbench.utils.visible_text import visible_line


def render_table(rows: Sequence[Sequence[str]], texts: Sequence[int]) -> str:
    """Return a Markdown table whose columns are as wide as their widest cell.

    Args:
        rows: the head and the rows of the table.
        texts: the columns that are aligned to the left; the others hold numbers and are aligned to the right.
    """
    widths = [max(3, *(len(row[place]) for row in rows)) for place in range(len(rows[0]))]
    rule = ["-" * width if place in texts else "-" * (width - 1) + ":" for place, width in enumerate(widths)]
    lines = []
    for row in [rows[0], rule, *rows[1:]]:
        cells = [c.ljust(w) if i in texts else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def inline_code(text: object) -> str:
    """Return a text as inline code.

    A text with a character that could end the code or a table's cell is written with HTML escapes.

    >>> inline_code("gru"), inline_code("a|b")
    ('`gru`', '<code>a&#124;b</code>')
    """
    line = visible_line(text)
    if line and not re.search(r"[`|\\]", line):
        return f"`{line}`"
    return f"<code>{re.sub('[!-/:-@[-`{-~]', lambda sign: f'&#{ord(sign[0])};', line)}</code>"


def escape_markdown(text: object) -> str:
    r"""Return a text that renders as it is, except that pairs of backticks make inline code.

    >>> print(escape_markdown("*not bold*, but `code`"))
    \*not bold\*, but `code`
    """
    parts = visible_line(text).split("`")
    if len(parts) % 2 == 0:  # The last backtick has no partner.
        parts[-2:] = [f"{parts[-2]}`{parts[-1]}"]
    return "".join(inline_code(part) if place % 2 else _escape_plain(part) for place, part in enumerate(parts))


def _escape_plain(text: str) -> str:
    """Escape Markdown, HTML, and everything that GitHub turns into a link."""
    if "@" in text:  # GitHub links an e-mail address even if its characters are escaped.
        return inline_code(text)
    escaped = re.sub(r"[\\`*\[\]|~$#]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", html.escape(text, quote=False))
    escaped = re.sub(r"(?i)(?<=www)\.|:(?=//)", lambda sign: f"&#{ord(sign[0])};", escaped)
    # At the start of a line these characters begin a list, a rule or a heading.
    escaped = re.sub(r"^([-+=])", r"\\\1", escaped)
    return re.sub(r"^(\d{1,9})([.)])(?=\s|$)", r"\1\\\2", escaped)
