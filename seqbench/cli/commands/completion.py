"""Print the line that turns on completion in a shell."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which shell."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help='use as: eval "$(seqbench completion bash)"')


def main(options: argparse.Namespace) -> int:
    """Print the shell's code, to be evaluated by it."""
    import argcomplete

    print(argcomplete.shellcode(["seqbench"], shell=options.shell))
    return 0
