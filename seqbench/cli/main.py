# PYTHON_ARGCOMPLETE_OK
"""``seqbench``: choose a command, run it, and turn a user's mistake into one sentence.

Exit status: 0 done; 1 a run ended otherwise than ``ok``; 2 a mistake in what was asked; 75 stopped by a signal
(requeue it); 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from seqbench import __version__
from seqbench.utils import screen
from seqbench.utils.errors import SeqbenchError, did_you_mean
from seqbench.utils.redaction import redact

COMMANDS = (
    "run",
    "sweep",
    "leaderboard",
    "list",
    "show",
    "check",
    "new",
    "data",
    "generate",
    "evaluate",
    "verify",
    "compare",
    "reproduce",
    "completion",
)


class Parser(argparse.ArgumentParser):
    """argparse, with suggestions and errors that are raised rather than printed."""

    def error(self, message: str) -> NoReturn:
        """Raise the message as a sentence."""
        marker = "argument COMMAND: invalid choice: '"
        if message.startswith(marker):
            wrong = message.removeprefix(marker).partition("'")[0]
            raise SeqbenchError(f"unknown command '{wrong}'.{did_you_mean(wrong, COMMANDS)}")
        raise SeqbenchError(f"{message}. See `{self.prog} --help`.")


def build_parser(names: Sequence[str] = COMMANDS) -> Parser:
    """The parser of these commands; each command's file adds its own arguments."""
    parser, commands = _parser()
    for name in names:
        module = importlib.import_module(f"seqbench.cli.commands.{name}")
        summary = str(module.__doc__).splitlines()[0]
        command = commands.add_parser(
            name, help=summary, description=summary, allow_abbrev=False, add_help=name != "run"
        )
        module.add_arguments(command)
        command.set_defaults(main=module.main)
    return parser


def _overview() -> Parser:
    """A parser that knows what commands there are and nothing of their arguments: for ``--help`` it imports none."""
    parser, commands = _parser()
    for name in COMMANDS:
        with Path(__file__).parent.joinpath("commands", f"{name}.py").open(encoding="utf-8") as file:
            commands.add_parser(name, help=file.readline().strip().strip('"'))
    return parser


def _parser() -> tuple[Parser, Any]:
    parser = Parser(prog="seqbench", description="Benchmark sequence architectures, with numbers that can be believed.")
    parser.add_argument("--version", action="version", version=f"seqbench {__version__}")
    return parser, parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # A terminal that is not UTF-8 gets \x escapes, not an exception.
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            with screen.show_messages():
                return _run(sys.argv[1:] if argv is None else list(argv))
        finally:
            sys.stdout.flush()  # Here, where a reader that has gone can still be answered for.
    except SeqbenchError as error:
        print(f"seqbench: {redact(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("seqbench: interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; leave quietly, as every tool in a pipe does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:  # A path that may not be read, or can be no path at all.
        print(f"seqbench: {redact(str(error))}; give another path.", file=sys.stderr)
        return 2


def _run(words: list[str]) -> int:
    # Only the command that is asked for is imported: `list` has no need of what `run` needs.
    asked = [name for name in words[:1] if name in COMMANDS]
    completing = "_ARGCOMPLETE" in os.environ
    if not asked and not completing:
        _overview().parse_known_args(words)  # Here --help, --version and a wrong name end.
    parser = build_parser(asked or COMMANDS)
    if completing:
        import argcomplete  # Only while a shell asks for completions.

        argcomplete.autocomplete(parser)
    options, rest = parser.parse_known_args(words)
    if rest and options.command not in ("run", "sweep", "evaluate"):
        raise SeqbenchError(f"unexpected argument '{rest[0]}'. See `seqbench {options.command} --help`.")
    options.rest = rest
    return int(options.main(options))
