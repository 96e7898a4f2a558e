"""Train many architectures on many tasks with many seeds; stopped, it goes on where it was."""

from __future__ import annotations

import argparse
import contextlib
import re
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqbench import registry
from seqbench.cards import TIERS
from seqbench.cli.run import EX_TEMPFAIL, say
from seqbench.cli.tables import aligned, number
from seqbench.config import LOGGERS
from seqbench.errors import SeqbenchError, did_you_mean
from seqbench.units import duration, seconds, size

if TYPE_CHECKING:
    from seqbench.config import RunConfig
    from seqbench.sweep.jobs import Engine, Job
    from seqbench.sweep.plan import Cell, Group, Plan

ENGINES = ("local", "ray", "slurm")
MOST_SEEDS = 10_000

EPILOG = """\
Dotted options (--optim.steps 500, --trainer.accelerator gpu) hold for all cells, those of --grid for one of each. The
same command, given again, skips what is finished and tries again what failed. Exit status: 0 if every cell has its
result, 1 if one has not, 130 after Ctrl-C, 75 where a signal ended it.
"""


class _Ended(BaseException):
    """SIGTERM: the sweep was asked to end."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is run, how, and where."""
    parser.epilog = EPILOG
    names = {"arch": registry.ARCHITECTURES, "task": registry.TASKS}
    for option, group in names.items():
        made = parser.add_argument(f"--{option}", metavar="NAME,...", required=True, help=f"{option}s, by comma")
        made.completer = lambda group=group, **_: list(registry.entries(group))  # type: ignore[attr-defined]
    parser.add_argument("--seeds", metavar="N", help="how many from 0, or which: 5, or 3,4,7 (default: the card's)")
    parser.add_argument("--grid", metavar="OPTION=A,B", action="append", default=[], help="one cell for each value")
    parser.add_argument(
        "--tune", action="store_true", help="first choose the card's best learning rate, on another seed"
    )
    parser.add_argument("--tier", metavar="TIER", help=f"size: one of {', '.join(TIERS)} (default: small)")
    parser.add_argument("--match-params", metavar="NUMBER", help="parameters of every model: 100k, 1.5M")
    parser.add_argument("--encoder", metavar="NAME", help="encoder of a translation (default: as each architecture)")
    parser.add_argument("--logger", metavar="NAME", help=f"one of {', '.join(LOGGERS)} (default: wandb)")
    parser.add_argument("--runs", metavar="FOLDER", type=Path, default=Path("runs"), help="where runs are kept")
    parser.add_argument(
        "--engine", metavar="NAME", default="local", help=f"one of {', '.join(ENGINES)} (default: local)"
    )
    parser.add_argument(
        "--engine-option", metavar="KEY=VALUE", action="append", default=[], help="of ray.init, or of submitit"
    )
    parser.add_argument("--workers", metavar="N", type=int, help="cells at once (default: one for each core, or GPU)")
    parser.add_argument("--limit", metavar="TIME", help="end a cell after 90s, 30m, 2h or none (default: by the tier)")
    parser.add_argument("--memory", metavar="SIZE", help="most data of one cell: 500M, 4G (engine local)")
    parser.add_argument("--retries", metavar="N", type=int, default=0, help="tries more for a cell that failed")
    parser.add_argument("--no-probe", action="store_true", help="estimate no times")
    parser.add_argument("--dry-run", action="store_true", help="show the cells and their times, and run none")


def main(options: argparse.Namespace) -> int:
    """Plan, run, and tell."""
    if options.engine not in ENGINES:
        raise SeqbenchError(f"unknown engine '{options.engine}'.{did_you_mean(options.engine, ENGINES)}")
    if options.retries < 0:
        raise SeqbenchError(f"--retries must not be negative, got {options.retries}.")
    grid, limit, memory = (
        _grid(options.grid),
        _limit(options.limit),
        size(options.memory, "--memory") if options.memory else None,
    )
    chosen = [*grid, *(word.partition("=")[0].removeprefix("--") for word in options.rest)]
    if options.tune and "optim.lr" in chosen:
        raise SeqbenchError("--tune chooses optim.lr from the card's grid; leave out the one that is given.")
    given = {key: getattr(options, key) for key in ("tier", "match_params", "encoder", "logger")}
    given = {key: value for key, value in given.items() if value is not None}

    archs, tasks, seeds = _names(options.arch), _names(options.task), _seeds(options.seeds)
    for group, names in ((registry.ARCHITECTURES, archs), (registry.TASKS, tasks)):
        for name in names:
            registry.find(group, name)
    plan = _plan(options.engine, (given, options.rest, archs, tasks, seeds, grid, options.runs))
    engine = _engine(options, plan, memory)
    try:
        with _sigterm():
            return _run(options, plan, engine, limit)
    except KeyboardInterrupt:
        say("seqbench: stopped; the same command goes on.")
        return 130
    except _Ended:
        say("seqbench: stopped by SIGTERM; the same command goes on.")
        return EX_TEMPFAIL
    finally:
        engine.close()


def _plan(engine: str, asked: tuple[Any, ...]) -> Plan:
    """The plan, made in a worker where there are some: this process then does without torch for all its life."""
    from seqbench.sweep import local, plan

    if engine != "local":
        return plan.make(*asked)
    local.warm_up()
    made: Plan = local.ask(plan.make, *asked)
    return made


def _run(options: argparse.Namespace, plan: Plan, engine: Engine, limit: float | None) -> int:
    from seqbench.cli.live import Live
    from seqbench.sweep import summary, tuning
    from seqbench.sweep.conductor import Conductor

    plan, expected = _announce(plan, options, engine)
    if options.dry_run:
        return 0
    live = Live()
    conductor = Conductor(engine, lambda cell: _job(cell, limit), options.retries, live)
    cells = plan.cells()
    try:
        if options.tune:
            live.what, live.split = "trials", "validation"
            plan, expected = tuning.run(plan, conductor, expected)
            live.close()
            _tell_rates(plan)
            cells = plan.cells()
            live.what, live.split = "cells", "test"
        state = conductor.run(cells, expected)
    finally:
        live.close()
        # Also of a sweep that was stopped: what there is by now.
        print(_table(summary.rows(cells)))
    for name, reason in plan.refused.items():
        say(f"not run: {name}: {reason}")
    for cell, status in state.status.items():
        if options.tune:
            tuning.credit(cell)
        if status not in ("ok", "refused"):
            say(f"{status}: {cell.name}: {state.reason.get(cell) or 'see its record'}; {cell.folder}")
        elif status == "refused":
            say(f"not run: {cell.name}: {state.reason[cell]}")
    return 0 if not plan.refused and set(state.status.values()) <= {"ok"} else 1


def _engine(options: argparse.Namespace, plan: Plan, memory: int | None) -> Engine:
    trainer = plan.groups[0].config.trainer
    extra = _pairs(options.engine_option, "--engine-option")
    devices = trainer.devices if isinstance(trainer.devices, int) else 1
    threads = trainer.threads or None
    if options.engine == "local":
        from seqbench.sweep import local

        if extra:
            raise SeqbenchError("--engine-option is for the engines ray and slurm.")
        gpus = local.ask(local.gpus) if trainer.accelerator in ("auto", "gpu", "cuda") else 0
        return local.LocalEngine(options.workers, threads, gpus, max(1, devices), memory)
    if memory is not None:
        given = {"ray": "memory of Ray's own", "slurm": "--engine-option mem_gb=4"}[options.engine]
        raise SeqbenchError(f"--memory is for the engine local; with {options.engine} use {given}.")
    gpus = int(trainer.accelerator in ("gpu", "cuda"))
    if options.engine == "ray":
        from seqbench.sweep.ray import RayEngine

        return RayEngine(options.workers, threads, gpus, extra)
    from seqbench.sweep.slurm import SlurmEngine

    return SlurmEngine(options.runs / "slurm", options.workers, threads, gpus, extra)


def _job(cell: Cell, limit: float | None) -> Job:
    from seqbench.sweep import plan, work
    from seqbench.sweep.jobs import Job

    trainer = cell.config.trainer
    if limit is None:
        limit = plan.LIMITS.get(cell.config.tier)
    devices = trainer.devices if isinstance(trainer.devices, int) else 1
    limit = None if limit == float("inf") else limit
    return Job(work.run, (cell.config, cell.runs.absolute()), limit, max(1, devices), trainer.num_nodes)


def _announce(plan: Plan, options: argparse.Namespace, engine: Engine) -> tuple[Plan, dict[Group, float]]:
    """The cells, and the time they will take, before any is run; the plan without what cannot be."""
    from seqbench.sweep import estimate
    from seqbench.sweep.plan import without

    cells = plan.cells()
    finished = {cell for cell in cells if cell.finished()}
    per_group = dict.fromkeys(plan.groups, 0)
    for cell in cells:
        per_group[cell.group] += cell not in finished
    tried = {group: len(group.config.chosen.learning_rates) if options.tune else 0 for group in plan.groups}
    to_do = [group for group in plan.groups if per_group[group] + tried[group]]
    expected: dict[Group, float] = {}
    if not options.no_probe and to_do:
        say(f"estimating the time of {len(to_do)} kinds of cells ...")
        # Where cells run elsewhere, this machine's time is the nearest that there is.
        with _probing(engine) as here:
            expected, refused = estimate.of_groups(to_do, here)
        plan = without(plan, refused)
        to_do = [group for group in to_do if group not in refused]
        cells = [cell for cell in cells if cell.group not in refused]
    rows = [["cells", "to run", "steps", "batch", "about", ""]]
    for group in plan.groups:
        about = duration(expected[group]) if group in expected else "?"
        optim = group.config.optim
        rows.append(
            [group.name, str(per_group[group]), str(optim.steps), str(optim.batch_size), about, _marks(group.config)]
        )
    say(aligned(rows))
    for name, reason in plan.refused.items():
        say(f"cannot be run: {name}: {reason}")
    count = sum(tried[group] for group in plan.groups)
    trials = f" and {count} trials of learning rates" if count else ""
    total = sum(expected.get(group, 0.0) * (per_group[group] + tried[group]) for group in plan.groups) / engine.slots
    about = f"; about {duration(total)}" if to_do and all(group in expected for group in to_do) else ""
    ahead = sum(per_group[group] for group in plan.groups)
    all_ = f"{len(cells)} cell{'s' * (len(cells) != 1)}"
    say(f"{all_}, {len(cells) - ahead} finished, {ahead} to run{trials}, {engine.slots} at once{about}")
    return plan, expected


@contextlib.contextmanager
def _probing(engine: Engine) -> Iterator[Engine]:
    from seqbench.sweep.local import LocalEngine

    if isinstance(engine, LocalEngine):
        yield engine
        return
    here = LocalEngine()
    try:
        yield here
    finally:
        here.close()


def _marks(config: RunConfig) -> str:
    marks = []
    if config.match_params:
        marks.append(f"d_model {config.arch_options['d_model']} for {config.match_params:,} parameters")
    if config.modified():
        marks.append(f"modified: {', '.join(config.modified())}")
    return "; ".join(marks)


def _tell_rates(plan: Plan) -> None:
    for group in plan.groups:
        tuning = group.config.tuning
        if tuning:
            tried = ", ".join(f"{row['lr']:g}: {number(row['value'])}" for row in tuning["tried"])
            say(f"{group.name}: learning rate {tuning['lr']:g} ({tuning['metric']} on validation: {tried})")


def _table(rows: Sequence[Any]) -> str:
    lines = [["cells", "ok", "test metric", "mean", "95 %", "chance", "best", "parameters", "s"]]
    for row in rows:
        values = row.values
        number_of = f"{row.parameters:,}" if row.parameters else "-"
        width = f"± {row.half_width:.2g}" if row.half_width is not None else "-"
        best = "unknown" if values and row.best is None else number(row.best)
        took = f"{sum(row.seconds) / len(row.seconds):.0f}" if row.seconds else "-"
        count = f"{row.statuses['ok']}/{sum(row.statuses.values())}"
        metric = row.group.config.card.metric.name
        lines.append(
            [row.group.name, count, metric, number(row.mean), width, number(row.chance), best, number_of, took]
        )
    return aligned(lines)


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise SeqbenchError(f"expected names with commas between them, got {text!r}.")
    return names


def _seeds(text: str | None) -> list[int] | None:
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,10}(,\d{1,10})*,?", text):
        raise SeqbenchError(f"--seeds must be how many (5) or which (3,4,7; one alone: 3,), got {text!r}.")
    if "," in text:
        return list(dict.fromkeys(int(seed) for seed in text.split(",") if seed))
    if not 1 <= int(text) <= MOST_SEEDS:
        raise SeqbenchError(
            f"--seeds must be from 1 to {MOST_SEEDS}, got {text}; seed {text} alone is `--seeds {text},`."
        )
    return list(range(int(text)))


def _grid(given: Sequence[str]) -> dict[str, list[str]]:
    """Values by option; a list in brackets is YAML, so that a value may hold commas."""
    grid: dict[str, list[str]] = {}
    for key, text in _pairs(given, "--grid").items():
        if "." not in key:
            raise SeqbenchError(f"--grid takes dotted options (arch.num_layers=1,2), got {key!r}.")
        values = [value.strip() for value in text.split(",")]
        if text.startswith("["):
            values = _listed(text)
        if not values or not all(values):
            raise SeqbenchError(f"--grid {key} must have values with commas between them, got {text!r}.")
        grid[key] = list(dict.fromkeys(values))
    return grid


def _listed(text: str) -> list[str]:
    import json

    import yaml

    try:
        values = yaml.safe_load(text)
        return [value if isinstance(value, str) else json.dumps(value) for value in values]
    except (yaml.YAMLError, TypeError) as error:
        raise SeqbenchError(f"--grid: {text!r} is no list: {' '.join(str(error).split())}.") from error


def _pairs(given: Sequence[str], option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        key = key.strip().removeprefix("--")
        if not equals or not key:
            raise SeqbenchError(f"{option} must be KEY=VALUE, got {text!r}.")
        if key in pairs:
            raise SeqbenchError(f"{option} {key} is given twice; give it once.")
        pairs[key] = value
    return pairs


def _limit(text: str | None) -> float | None:
    """Seconds; None for the tier's own, infinity for no limit."""
    if text is None:
        return None
    return float("inf") if text.strip().lower() == "none" else seconds(text, "--limit")


@contextlib.contextmanager
def _sigterm() -> Iterator[None]:
    def hear(*_: Any) -> None:
        raise _Ended

    earlier = signal.signal(signal.SIGTERM, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)
