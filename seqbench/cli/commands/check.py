"""Check whether an architecture or a task keeps its contract."""

from __future__ import annotations

import argparse
import contextlib
import inspect
import sys
import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from seqbench.cli import parse_options
from seqbench.cli.shell_completion import complete_with, list_architectures, list_architectures_and_tasks, list_tasks
from seqbench.cli.text_tables import align_columns
from seqbench.protocol import registry
from seqbench.protocol.choices import TIERS
from seqbench.protocol.identity.class_paths import suggest_class_path
from seqbench.utils.errors import SeqbenchError, did_you_mean
from seqbench.utils.redaction import redact

if TYPE_CHECKING:
    from seqbench.testing import Report

CARD_SUFFIXES = (".yaml", ".yml")
DEFAULT_WIDTH = 16
"""``d_model`` of a checked architecture, unless an option sets it."""


class Subject(NamedTuple):
    """The architecture and the task that a name stands for; at least one of them exists.

    Args:
        name: the name, path of a class, or path of a card.
        is_architecture: whether an architecture has this name.
        is_task: whether a task has this name.
    """

    name: str
    is_architecture: bool
    is_task: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``seqbench check`` to its parser."""
    name = parser.add_argument(
        "name",
        metavar="NAME",
        help="check this architecture, package.module:Class, this task, or the task of this card (.yaml)",
    )
    complete_with(name, list_architectures_and_tasks)
    parser.add_argument(
        "--option",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="set an option of the architecture (d_model=32) or of the task; may be repeated (default: none)",
    )
    parser.add_argument(
        "--parameters",
        metavar="N",
        type=int,
        help="expect this number of trainable parameters (default: do not count them)",
    )
    parser.add_argument(
        "--tier", metavar="TIER", help=f"check this tier of the task: {', '.join(TIERS)} (default: smoke)"
    )


def main(options: argparse.Namespace) -> int:
    """Print the outcome of each check; return 1 if one failed, else 0.

    Raises:
        SeqbenchError: the name is unknown, an option does not fit it, or it cannot be imported or built.
    """
    subject = identify_subject(str(options.name))
    if options.tier is not None and not subject.is_task:
        raise SeqbenchError(f"'{subject.name}' is an architecture, which has no tiers; leave out --tier.")
    if options.parameters is not None and not subject.is_architecture:
        raise SeqbenchError(f"'{subject.name}' is a task, which has no parameters; leave out --parameters.")
    if options.parameters is not None and options.parameters < 0:
        raise SeqbenchError(f"--parameters must be at least 0, got {options.parameters}; leave it out to count none.")
    texts = parse_options.split_assignments(options.option, "--option")
    # The code that is checked may print; only the report goes to standard output.
    with contextlib.redirect_stdout(sys.stderr):
        reports = []
        if subject.is_architecture:
            reports.append(_check_architecture(subject.name, texts, options.parameters))
        if subject.is_task:
            reports.append(_check_task(subject.name, texts, options.tier or "smoke"))
    for report in reports:
        _print_report(report)
    return 1 if any(report.failed for report in reports) else 0


def identify_subject(name: str) -> Subject:
    """Return whether a name stands for an architecture, a task, or both.

    Raises:
        SeqbenchError: neither an architecture nor a task has this name.
    """
    is_card = name.endswith(CARD_SUFFIXES)
    subject = Subject(
        name,
        is_architecture=not is_card and (":" in name or name in list_architectures()),
        is_task=is_card or name in list_tasks(),
    )
    if not subject.is_architecture and not subject.is_task:
        hint = suggest_class_path(name) or did_you_mean(name, list_architectures_and_tasks(), "`seqbench list`")
        raise SeqbenchError(f"no architecture or task is called '{name}'.{hint}")
    return subject


def _check_architecture(name: str, texts: Mapping[str, str], parameters: int | None) -> Report:
    from seqbench.testing import check_architecture

    backbone = registry.find_entry(registry.ARCHITECTURES, name).load()
    options = parse_class_options(texts, backbone, name)
    d_model = options.pop("d_model", DEFAULT_WIDTH)
    if not isinstance(d_model, int):
        raise SeqbenchError(f"--option d_model expects int, got '{d_model}'.")
    return check_architecture(backbone, d_model=d_model, options=options, parameters=parameters, strict=False)


def _check_task(name: str, texts: Mapping[str, str], tier: str) -> Report:
    from seqbench.datamodules.loading import import_datamodule_class
    from seqbench.running.option_parser import PROTOCOL_ARGUMENTS
    from seqbench.testing import check_task
    from seqbench.testing.task_subject import find_card

    card = find_card(name)
    options = parse_class_options(texts, import_datamodule_class(card), name, PROTOCOL_ARGUMENTS) if texts else {}
    return check_task(card, tier, options=options, strict=False)


def parse_class_options(
    texts: Mapping[str, str], cls: type, name: str, excluded: frozenset[str] = frozenset()
) -> dict[str, object]:
    """Parse the options of a class by the types of its ``__init__``, as ``seqbench run`` does.

    Args:
        texts: text of each value, by the name of the option.
        cls: a backbone or a datamodule.
        name: name of the class in error messages.
        excluded: parameters of ``__init__`` that are not options.

    Raises:
        SeqbenchError: the class has no such option, or a value does not have its type.
    """
    parameters = inspect.signature(cls).parameters
    known = {p.name for p in parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)} - excluded
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        for key in texts:
            if key not in known:
                raise SeqbenchError(f"'{name}' has no option '{key}'.{did_you_mean(key, sorted(known))}")
    try:
        types = typing.get_type_hints(getattr(cls, "__init__"))  # noqa: B009
    # The annotations of a plug-in may name anything, and resolving them may raise anything.
    except Exception:
        types = {}
    return {key: parse_value(key, text, types.get(key, typing.Any)) for key, text in texts.items()}


def parse_value(key: str, text: str, expected: object) -> object:
    """Parse the value of an option by its type, with the parser that ``seqbench run`` uses.

    Args:
        key: name of the option, for the error message.
        text: the value.
        expected: a type or another annotation.

    Raises:
        SeqbenchError: the text does not have this type.
    """
    import jsonargparse  # Takes 0.15 s to import, and is needed only with --option.

    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    try:
        parser.add_argument("--value", type=expected)
    # jsonargparse does not know the type of a plug-in: pass the text on to the class.
    except Exception:
        return parse_value(key, text, typing.Any)
    try:
        value: object = parser.parse_args([f"--value={text}"]).value
    except argparse.ArgumentError as error:
        wanted = expected.__name__ if isinstance(expected, type) else str(expected).replace("typing.", "")
        raise SeqbenchError(f"--option {key} expects {wanted}, got '{text}'.") from error
    return value


def _print_report(report: Report) -> None:
    # A reason may quote an error of a plug-in, so secrets are removed.
    rows = [(outcome.name, outcome.status, redact(outcome.reason or outcome.summary)) for outcome in report.outcomes]
    print(f"{align_columns(rows)}\n\n{report.subject}: {report}")
