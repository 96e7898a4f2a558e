"""Check whether an architecture or a task keeps its contract."""

from __future__ import annotations

import argparse
import contextlib
import inspect
import sys
import typing
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seqbench.cli.text_tables import align_columns
from seqbench.protocol import registry
from seqbench.protocol.cards import TIERS
from seqbench.utils.errors import SeqbenchError, did_you_mean
from seqbench.utils.redaction import redact

if TYPE_CHECKING:
    from seqbench.testing import Report

CARD = (".yaml", ".yml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to check, and made how."""
    name = parser.add_argument(
        "name", metavar="NAME", help="an architecture, package.module:Class, a task, or the path of a card (.yaml)"
    )
    name.completer = lambda **_: _names()  # type: ignore[attr-defined]
    parser.add_argument(
        "--option",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="an option of the architecture (d_model=32) or of the task; may be given again",
    )
    parser.add_argument("--parameters", metavar="N", type=int, help="how many trainable numbers it should have")
    parser.add_argument("--tier", metavar="TIER", help=f"of a task: one of {', '.join(TIERS)} (default: smoke)")


def _names() -> list[str]:
    return [*registry.list_entries(registry.ARCHITECTURES), *registry.list_entries(registry.TASKS)]


def main(options: argparse.Namespace) -> int:
    """Print what came of each check; 1 if one failed."""
    name = str(options.name)
    card = name.endswith(CARD)
    architecture = not card and (":" in name or name in registry.list_entries(registry.ARCHITECTURES))
    task = card or name in registry.list_entries(registry.TASKS)
    if not architecture and not task:
        raise SeqbenchError(f"no architecture or task is called '{name}'.{did_you_mean(name, _names())}")
    if options.tier is not None and not task:
        raise SeqbenchError(f"'{name}' is an architecture, which has no tiers; leave out --tier.")
    if options.parameters is not None and not architecture:
        raise SeqbenchError(f"'{name}' is a task, which has no parameters; leave out --parameters.")
    if options.parameters is not None and options.parameters < 0:
        raise SeqbenchError(f"--parameters must be at least 0, got {options.parameters}; leave it out to count none.")
    given = _given(options.option)
    # What is checked may print; standard output is the report's alone.
    with contextlib.redirect_stdout(sys.stderr):
        reports = [_architecture(name, given, options.parameters)] if architecture else []
        reports += [_task(name, given, options.tier or "smoke")] if task else []
    for report in reports:
        _show(report)
    return 1 if any(report.failed for report in reports) else 0


def _architecture(name: str, given: Mapping[str, str], parameters: int | None) -> Report:
    from seqbench.testing import check_architecture

    backbone = registry.find_entry(registry.ARCHITECTURES, name).load()
    options = {"d_model": 16, **_read(given, backbone, name)}
    d_model: Any = options.pop("d_model")
    return check_architecture(backbone, d_model=d_model, options=options, parameters=parameters, strict=False)


def _task(name: str, given: Mapping[str, str], tier: str) -> Report:
    from seqbench.datamodules.loading import import_datamodule_class
    from seqbench.running.option_parser import PROTOCOL_ARGUMENTS
    from seqbench.testing import check_task
    from seqbench.testing.task_subject import task_card

    card = task_card(name)
    options = _read(given, import_datamodule_class(card), name, PROTOCOL_ARGUMENTS) if given else {}
    return check_task(card, tier, options=options, strict=False)


def _given(words: Sequence[str]) -> dict[str, str]:
    """Options of ``key=value``, not yet read.

    Raises:
        SeqbenchError: there is no ``=``.
    """
    given = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not (key and equals):
            raise SeqbenchError(f"--option expects KEY=VALUE, got '{word}'.")
        given[key] = value
    return given


def _read(given: Mapping[str, str], made: type, name: str, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The options of a class, each read by its type as ``seqbench run`` reads it.

    Raises:
        SeqbenchError: the class takes no such option, or the value is not of its type.
    """
    parameters = inspect.signature(made).parameters
    known = {p.name for p in parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)} - without
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        for key in given:
            if key not in known:
                raise SeqbenchError(f"'{name}' has no option '{key}'.{did_you_mean(key, known)}")
    try:
        types = typing.get_type_hints(made.__init__)  # type: ignore[misc]
    # The annotations are a stranger's: they may name anything.
    except Exception:
        types = {}
    return {key: _value(key, text, types.get(key, Any)) for key, text in given.items()}


def _value(key: str, text: str, kind: Any) -> Any:
    """One value of a type, read by what reads the options of ``seqbench run``."""
    import jsonargparse  # 0.15 s, and only where an option is given.

    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    try:
        parser.add_argument("--value", type=kind)
    # A type that no text can stand for: the class itself may make something of it.
    except Exception:
        return _value(key, text, Any)
    try:
        return parser.parse_args([f"--value={text}"]).value
    except argparse.ArgumentError as error:
        wanted = kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")
        raise SeqbenchError(f"--option {key} expects {wanted}, got '{text}'.") from error


def _show(report: Report) -> None:
    # A reason may be what a stranger's class said.
    rows = [(o.name, o.state, redact(o.reason or o.about)) for o in report.outcomes]
    print(f"{align_columns(rows)}\n\n{report.subject}: {report}")
