"""Check whether an architecture or a task keeps its contract."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from seqbench import registry
from seqbench.cards import TIERS
from seqbench.cli.tables import aligned
from seqbench.errors import SeqbenchError, did_you_mean

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
    return [*registry.entries(registry.ARCHITECTURES), *registry.entries(registry.TASKS)]


def main(options: argparse.Namespace) -> int:
    """Print what came of each check; 1 if one failed."""
    name = str(options.name)
    card = name.endswith(CARD)
    architecture = not card and (":" in name or name in registry.entries(registry.ARCHITECTURES))
    task = card or name in registry.entries(registry.TASKS)
    if not architecture and not task:
        raise SeqbenchError(f"no architecture or task is called '{name}'.{did_you_mean(name, _names())}")
    if options.tier is not None and not task:
        raise SeqbenchError(f"'{name}' is an architecture, which has no tiers; leave out --tier.")
    if options.parameters is not None and not architecture:
        raise SeqbenchError(f"'{name}' is a task, which has no parameters; leave out --parameters.")
    given = _given(options.option)

    from seqbench.testing import check_architecture, check_task

    reports = []
    if architecture:
        settings: dict[str, Any] = {"d_model": given.get("d_model", 16), "parameters": options.parameters}
        rest = {key: value for key, value in given.items() if key != "d_model"}
        reports.append(check_architecture(name, options=rest, strict=False, **settings))
    if task:
        reports.append(check_task(name, options.tier or "smoke", strict=False, **given))
    for report in reports:
        _show(report)
    return 1 if any(report.failed for report in reports) else 0


def _given(words: Sequence[str]) -> dict[str, Any]:
    """Options of ``key=value``, each value as YAML reads it.

    Raises:
        SeqbenchError: there is no ``=``, or the value is no YAML.
    """
    import yaml

    given: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not (key and equals):
            raise SeqbenchError(f"--option expects KEY=VALUE, got '{word}'.")
        try:
            given[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise SeqbenchError(f"--option {key} has no readable value: '{value}'.") from error
    return given


def _show(report: Report) -> None:
    rows = [(o.name, o.state, o.reason or o.about) for o in report.outcomes]
    print(f"{aligned(rows)}\n\n{report.subject}: {report}")
