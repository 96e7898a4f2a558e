"""Print shell code that completes seqbench commands, options and names."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``seqbench completion`` to its parser."""
    parser.add_argument(
        "shell",
        choices=("bash", "zsh", "fish"),
        help='print code for this shell; use it as: eval "$(seqbench completion bash)"',
    )


def main(options: argparse.Namespace) -> int:
    """Print code that the shell evaluates; return 0."""
    from argcomplete import shell_integration

    print(shell_integration.shellcode(["seqbench"], shell=options.shell))
    return 0
