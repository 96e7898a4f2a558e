# PYTHON_ARGCOMPLETE_OK
"""The program ``seqbench``: run one command, and report a user's mistake in one sentence.

Exit status: 0 on success; 1 if a run or a check did not end ``ok``; 2 for a mistake of the user; 75 after a signal
(a scheduler may repeat the command); 130 after Ctrl-C; 141 if the reader of the output has closed the pipe.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from seqbench import __version__
from seqbench.utils import screen
from seqbench.utils.errors import SeqbenchError, did_you_mean
from seqbench.utils.redaction import redact
from seqbench.utils.supported_system import require_supported_system

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
    "plot",
    "clean",
    "verify",
    "compare",
    "reproduce",
    "completion",
)
WITH_DOTTED_OPTIONS = ("run", "sweep", "evaluate")
"""Commands that parse the options that argparse does not know: ``--arch.num_layers 2``."""

USER_MISTAKE, CTRL_C, CLOSED_PIPE = 2, 130, 141


class Parser(argparse.ArgumentParser):
    """An argument parser that raises errors instead of printing them, and suggests names for a mistyped command."""

    def error(self, message: str) -> NoReturn:
        """Raise the message of argparse as a ``SeqbenchError``.

        Raises:
            SeqbenchError: always.
        """
        prefix = "argument COMMAND: invalid choice: '"
        if message.startswith(prefix):
            name = message.removeprefix(prefix).partition("'")[0]
            raise SeqbenchError(f"unknown command '{name}'.{did_you_mean(name, (*COMMANDS, 'help'))}")
        raise SeqbenchError(f"{message}. See `{self.prog} --help`.")


def build_parser(names: Sequence[str] = COMMANDS) -> Parser:
    """Return a parser of some commands, with the arguments that each command's file defines."""
    parser, commands = _build_top_parser()
    for name in names:
        module = importlib.import_module(f"seqbench.cli.commands.{name}")
        summary = str(module.__doc__).splitlines()[0]
        # `run --help` depends on other options, so the command itself answers it.
        command = commands.add_parser(
            name,
            help=summary,
            description=summary,
            allow_abbrev=False,
            add_help=name != "run",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.set_defaults(main=module.main)
    return parser


def _build_help_parser() -> Parser:
    """Return a parser that knows the summary of each command but no arguments, without importing the commands."""
    parser, commands = _build_top_parser()
    for name in COMMANDS:
        with Path(__file__).parent.joinpath("commands", f"{name}.py").open(encoding="utf-8") as file:
            commands.add_parser(name, help=file.readline().strip().strip('"'))
    return parser


def _build_top_parser() -> tuple[Parser, argparse._SubParsersAction[Parser]]:
    parser = Parser(
        prog="seqbench", description="Benchmark sequence architectures: train, compare and verify them on fixed tasks."
    )
    parser.add_argument("--version", action="version", version=f"seqbench {__version__}")
    return parser, parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # A terminal that is not UTF-8 shows escapes such as \xe9.
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            with screen.show_messages():
                return _run_command(sys.argv[1:] if argv is None else list(argv))
        finally:
            sys.stdout.flush()  # Raises BrokenPipeError here, where it is handled, and not at the exit of Python.
    except SeqbenchError as error:
        print(f"seqbench: {redact(str(error))}", file=sys.stderr)
        return USER_MISTAKE
    except KeyboardInterrupt:
        print("seqbench: interrupted.", file=sys.stderr)
        return CTRL_C
    except BrokenPipeError:
        # The reader of the output, such as `head`, has ended: exit without a message, as other programs do.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except OSError as error:  # A path that cannot be read, or that is too long for any file.
        print(f"seqbench: {redact(str(error))}; give another path.", file=sys.stderr)
        return USER_MISTAKE


def _run_command(words: list[str]) -> int:
    require_supported_system()
    words = _expand_help(words)
    # Only the requested command is imported, so that `list` does not wait for what `run` imports.
    names = [name for name in words[:1] if name in COMMANDS]
    completing = "_ARGCOMPLETE" in os.environ
    if not names and not completing:
        _build_help_parser().parse_known_args(words)  # Ends the program for --help, --version and unknown commands.
    parser = build_parser(names or COMMANDS)
    if completing:
        import argcomplete  # Imported only when a shell asks for completions.

        from seqbench.cli.shell_completion import add_dotted_options

        add_dotted_options(parser, os.environ.get("COMP_LINE", ""))
        argcomplete.autocomplete(parser)
    options, rest = parser.parse_known_args(words)
    if rest:
        from seqbench.cli import unknown_arguments  # Needed for a few commands only.

        takes_dotted = options.command in WITH_DOTTED_OPTIONS
        if not (takes_dotted and unknown_arguments.are_dotted(rest)):
            known = unknown_arguments.command_options(build_parser())
            unknown_arguments.refuse_unknown_arguments(options.command, rest, known, takes_dotted)
    options.rest = rest
    return int(options.main(options))


def _expand_help(words: list[str]) -> list[str]:
    """Return the words of a command line: no words mean ``--help``, and ``help run`` means ``run --help``."""
    if not words and "_ARGCOMPLETE" not in os.environ:
        return ["--help"]
    return [*words[1:], "--help"] if words[:1] == ["help"] else words
