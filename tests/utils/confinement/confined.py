"""Run statements in a fresh process that confines itself, because a confinement cannot be ended."""

from __future__ import annotations

import subprocess
import sys


def run_confined(*lines: str) -> str:
    """Run the lines in a fresh interpreter; return what they print.

    ``outcome(function, *arguments)`` prints the type of the error that a call raises, or ``done``.
    """
    start = [
        "import ctypes, os, socket, subprocess, sys, threading",
        "from pathlib import Path",
        "LIBC = ctypes.CDLL(None, use_errno=True)",
        "def outcome(function, *arguments):",
        "    try:",
        "        function(*arguments)",
        "        print('done', flush=True)",
        "    except BaseException as error:",
        "        print(type(error).__name__, flush=True)",
        "def by_call(function, *arguments):",
        "    if function(*arguments) < 0:",
        "        raise OSError(ctypes.get_errno(), 'refused')",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([*start, *lines])], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout
