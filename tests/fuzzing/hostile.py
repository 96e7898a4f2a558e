"""Hostile values, words and pieces of text, and some that are only in the wrong place."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any


def deep(levels: int = 1000) -> list[Any]:
    """Return lists in lists, with so many levels."""
    found: list[Any] = []
    for _ in range(levels):
        found = [found]
    return found


SIMPLE: list[Any] = [
    *(None, True, False, -1, 0, 1, 3, 2**31, 2**63, -(2**70), 2**70),
    *(0.5, -0.0, 1e308, -1e308, 5e-324, float("nan"), float("inf")),
    *("", " ", "0", "-1", "1e-3", "1e400", "nan", "null", "true", "auto"),
    *("../../etc/passwd", "/etc/passwd", "..", ".", "/", "~root/x", "a/b", "-"),
    *("$HOME", "$(touch x)", "`id`", "%s%n", "{0.__class__}", "{}", "a\tb\r\n"),
    *("os:system", "builtins:exec", "os.path:join", "antigravity", "this:s"),
    *("!!python/object/apply:os.system [x]", "\0", "a\0b", "\ud800", "\u202e", "é"),
    *("http://u:p@localhost/x", "file:///etc/passwd", "con", "x" * 300),
]
# Created for each case, because one case could change a list that another case uses as well.
HOSTILE: list[Callable[[], Any]] = [
    *(lambda value=value: value for value in SIMPLE),
    lambda: "x" * 100_000,
    lambda: 10**5000,
    lambda: [],
    lambda: {},
    lambda: [None],
    lambda: [[1], [2.5, "x"]],
    lambda: list(range(1000)),
    lambda: {"name": "gru"},
    lambda: {"": None},
    lambda: {1: 2},
    lambda: {None: {}},
    lambda: {"a": {"b": {"c": [1, {"d": None}]}}},
    lambda: {"class_path": "os.system", "init_args": {"command": "true"}},
    lambda: {"__class__": "x", "__init__": 1},
    lambda: datetime.date(2020, 1, 1),
    lambda: datetime.datetime(2020, 1, 1, 12, 30),
    lambda: b"bytes",
    lambda: {"a", "b"},
    lambda: (1, 2),
    lambda: deep(100),
    lambda: deep(1000),
    lambda: deep(50_000),
]

NAMES = [
    *(
        "gru",
        "lstm",
        "transformer",
        "tcn",
        "jordan",
        "bow",
        "x-transformers",
        "tests.backbones:CausalMean",
        "os.path:join",
    ),
    *(
        "copy",
        "adding",
        "parity",
        "char-lm",
        "music",
        "translation",
        "sentiment",
        "none",
        "csv",
        "wandb",
        "auto",
        "cpu",
    ),
    *("smoke", "small", "paper", "adam", "sgd", "cosine", "constant", "max", "min", "last", "every", "vector"),
    *("folder", "hub", "package", "synthetic", "ptb", "jsb", "sst2", "en", "fr", "..", "../..", "texts", "/dev/zero"),
    *("ddp", "fsdp", "bf16-mixed", "64-true", "gpu", "decoder-only", "additive", "Tokens", "StepClasses", "Features"),
    *("seqbench.datamodules.copying:Copy", "os:system", "null", "1e3", "true", "2020-01-01", "{}", "[1]"),
]


LAUGHS = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
)
MERGED = "\n".join(
    ["m0: &m0 {x: 1}"] + [f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}]}}" for n in range(1, 12)]
)
FRAGMENTS = [
    '!!python/object/apply:os.system ["touch made-by-yaml"]',
    "!!python/name:os.system",
    "!!python/object/new:subprocess.Popen [[touch, made-by-yaml]]",
    "!unknown {a: 1}",
    "!!set {a, b}",
    "!!omap [a: 1]",
    "!!binary '%%'",
    "!!int x",
    "!!float x",
    "!!bool x",
    "!!timestamp x",
    "!!str {a: 1}",
    "!!map [1]",
    "&a [*a]",
    "&b {k: *b}",
    "*nowhere",
    "<<: [1]",
    "<<: {version: 2}",
    "? [a, b]\n: c",
    "? {a: b}\n: c",
    "2020-13-45",
    "2020-01-01",
    "190:20:30",
    "0x" + "f" * 5000,
    "9" * 5000,
    "1e999",
    ".nan",
    ".inf",
    "0o777",
    "---\n",
    "...\n",
    "%YAML 9.9\n---\n",
    "%TAG ! tag:yaml.org,2002:\n---\n",
    "\t",
    "\0",
    "\x85\u2028\ufeff",
    "\U0010ffff",
    '"\\ud800"',
    '"\\',
    "'",
    "{",
    "[" * 500,
    "[" * 20_000,
    "{a: " * 500,
    "- " * 500,
    "x" * 100_000,
    "|\n  text",
    ">-9\n",
    "version: 1\nversion: 2",
    LAUGHS,
    MERGED,
    '{"a": NaN, "b": -Infinity}',
    "\\u0000",
]
MAGIC = [b"\xff\xfe", b"\xef\xbb\xbf", b"\x1f\x8b", b"PK\x03\x04", b"\x80\x04"]
"""First bytes of files of other formats."""
