"""Name the Python argument of each command-line option in an error message, for users who call seqbench from Python."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from seqbench.utils.errors import SeqbenchError

_OPTION = re.compile(r"(?<![\w-])--([a-z]\w*(?:-[a-z]\w*)*)(?:\.(\w+))?")
_COMMAND = re.compile(r"`[^`]*`")
_ARGUMENTS = {
    "overwrite": 'existing="overwrite"',
    "resume": 'existing="resume"',
    "runs": "runs=FOLDER",
    "match-params": "match_params=NUMBER",
    "logger": "logger=NAME",
    "seed": "seed=NUMBER",
    "tier": "tier=NAME",
    "arch": "arch=NAME",
    "encoder": "encoder=NAME",
    "task": "task=NAME",
    "keep": "keep=NAME",
    "kind": "kind=NAME",
    "split": "split=NAME",
    "out": "out=FILE",
    "x": "x=NAME",
    "log-x": "log_x=True",
    "log-y": "log_y=True",
}
_NAMED_GROUPS = ("arch", "encoder", "task")
_GROUPS = (*_NAMED_GROUPS, "optim", "body", "trainer", "wandb")


def explain_options(message: str) -> str:
    """Return an error message, followed by the Python argument of each command-line option that it names.

    Commands in backticks are left as they are.

    >>> explain_options("this run is finished; add --overwrite to replace it.")
    'this run is finished; add --overwrite to replace it. In Python, --overwrite is existing="overwrite".'
    >>> explain_options("try --task.delay 30.")
    'try --task.delay 30. In Python, --task.delay is task={"name": ..., "delay": ...}.'
    """
    meanings: dict[str, str] = {}
    for match in _OPTION.finditer(_COMMAND.sub("", message)):
        option, key = match.groups()
        if key is None and option in _ARGUMENTS:
            meanings[match[0]] = _ARGUMENTS[option]
        elif key is not None and option in _GROUPS:
            name = '"name": ..., ' if option in _NAMED_GROUPS else ""
            meanings[match[0]] = f'{option}={{{name}"{key}": ...}}'
    if not meanings:
        return message
    legend = "; ".join(f"{option} is {argument}" for option, argument in meanings.items())
    return f"{message.rstrip('.')}. In Python, {legend}."


@contextlib.contextmanager
def python_wording() -> Iterator[None]:
    """Explain the command-line options in the message of each ``SeqbenchError`` that leaves the block.

    It also decorates a function.

    Raises:
        SeqbenchError: the error of the block, with the longer message.
    """
    try:
        yield
    except SeqbenchError as error:
        error.args = (explain_options(str(error)), *error.args[1:])
        raise
