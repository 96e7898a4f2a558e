"""Refuse words of a command line that no command expects, with the option or the command that was probably meant."""

from __future__ import annotations

import argparse
import difflib
import shlex
from collections.abc import Iterable, Mapping, Sequence

from seqbench.cli.dotted_options import find_dotted_options
from seqbench.cli.shell_completion import list_architectures, list_tasks
from seqbench.utils.errors import SeqbenchError

CLOSE = 0.75
"""Smallest similarity (0 to 1, of difflib) of a word with an option that is suggested for it."""

Options = Mapping[str, Iterable[str]]
"""The options of each command by its name."""


def are_dotted(rest: Sequence[str]) -> bool:
    """Return whether all words are options with a dot and their values.

    >>> are_dotted(["--arch.num_layers", "2", "--task.delay=30"]), are_dotted(["--sed", "1"])
    (True, False)
    """
    return _first_unexpected(rest, True) is None


def refuse_unknown_arguments(command: str, rest: Sequence[str], options: Options, dotted: bool) -> None:
    """Check the words that argparse has left over.

    Args:
        command: name of the command.
        rest: words that are no arguments of the command.
        options: options of all commands, such as ``{"run": ["--arch", "--task"]}``.
        dotted: whether the command takes options with a dot, such as ``--arch.num_layers 2``, which are not checked.

    Raises:
        SeqbenchError: a word is neither an option with a dot nor the value of one.
    """
    word = _first_unexpected(rest, dotted)
    if word is None:
        return
    name = word.partition("=")[0]
    if not word.startswith("--") or name == "--":
        hint = _join_by_commas(word) if command == "sweep" else _name_the_words(command, rest)
        raise SeqbenchError(f"unexpected argument {word!r}.{hint}")
    raise SeqbenchError(f"unknown option {name}.{_suggest(command, name, options)}")


def _first_unexpected(rest: Sequence[str], dotted: bool) -> str | None:
    words = iter(rest)
    for word in words:
        name, equals, _ = word.partition("=")
        if not (dotted and word.startswith("--") and "." in name):
            return word
        if not equals:
            next(words, None)
    return None


def command_options(parser: argparse.ArgumentParser) -> dict[str, list[str]]:
    """Return the long options of each command of a parser by the name of the command."""
    commands = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return {
        name: [text for action in command._actions for text in action.option_strings if text.startswith("--")]
        for name, command in commands.choices.items()
    }


def _suggest(command: str, name: str, options: Options) -> str:
    """Return the hints for an unknown option: a close one of the command, and the other commands that have it."""
    hints = []
    if dotted := find_dotted_options(name.removeprefix("--").replace("-", "_")):
        hints.append(f"Did you mean {' or '.join(dotted)}?")
    elif close := difflib.get_close_matches(name, list(options.get(command, ())), n=1, cutoff=CLOSE):
        hints.append(f"Did you mean {close[0]}?")
    if others := [f"`seqbench {other}`" for other, known in options.items() if name in known]:
        hints.append(f"{name} is an option of {' and '.join(others[:3])}.")
    return " " + " ".join(hints or [f"See `seqbench {command} --help`."])


def _name_the_words(command: str, rest: Sequence[str]) -> str:
    """Return the command line with the options of words that are names, if all are; otherwise where to read on."""
    words = [word for word in rest if not word.startswith("-")]
    kinds = {"--arch": list_architectures(), "--task": list_tasks()}
    given: dict[str, list[str]] = {"--arch": [], "--task": []}
    for word in words:
        option = next((option for option, names in kinds.items() if word in names), "--arch" if ":" in word else None)
        if option is None or len(words) != len(rest):
            return f" See `seqbench {command} --help`."
        given[option].append(word)
    options = " ".join(f"{option} {shlex.quote(','.join(names))}" for option, names in given.items() if names)
    several = command == "run" and any(len(names) > 1 for names in given.values())
    return f" Names follow their option: `seqbench {'sweep' if several else command} {options}`."


def _join_by_commas(word: str) -> str:
    """Return how a word that stands alone is written as part of a list of ``seqbench sweep``."""
    separate = " Separate the items of a list by commas and without spaces"
    name = word.strip(",")
    if name.replace("-", "").replace(",", "").isdigit():
        return f"{separate}: --seeds 1,{name}."
    if name in list_tasks():
        return f"{separate}: --task copy,{name}."
    if name in list_architectures() or ":" in name:
        return f"{separate}: --arch gru,{name}."
    return f"{separate}, as in --arch gru,lstm."
