"""Runs and verifications of the plug-ins in ``cheats``, each in a process of its own, because they patch their process.

``CheatSite`` installs the plug-ins as a distribution. ``call`` calls a function of this module in a new process that
has the distribution on its path. Processes are forked from a server that has imported seqbench and no cheat, so that
each starts in a moment.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

import seqbench
from seqbench.datamodules.parity import Parity
from seqbench.models.contract import module_probe
from seqbench.models.weights import weights_digest
from seqbench.protocol import records, run_folder
from seqbench.protocol.chance import above_chance
from seqbench.protocol.record_fields import Causality
from seqbench.protocol.specs import Batch
from seqbench.protocol.splits import SCORED_SPLITS
from seqbench.running import evaluation, reload, runner, scoring
from seqbench.verification import verify
from seqbench.verification.blind.net_process import NetProcess
from tests.distributions import Site, clear_registry
from tests.verification.helpers import RecordData, resolve

CHEATS = Path(__file__).with_name("cheats")
PACKAGE, DISTRIBUTION = "seqbench_cheats", "seqbench-cheats"
SECONDS = 240.0
"""Time after which a process is stopped; it is longer than any limit of the verification itself."""


@dataclass(frozen=True)
class CheatSite:
    """An installed copy of the cheats.

    Args:
        folder: folder on ``sys.path`` with the distribution.
    """

    folder: Path

    @classmethod
    def install(cls, folder: Path) -> CheatSite:
        """Install the cheats into an empty folder, each as an architecture of its name."""
        names = sorted(path.stem for path in CHEATS.glob("*.py") if path.stem != "__init__")
        files = {f"{PACKAGE}/{path.name}": path.read_text(encoding="utf-8") for path in CHEATS.glob("*.py")}
        architectures = {name: f"{PACKAGE}.{name}:Net" for name in names}
        architectures["no_such_module"] = f"{PACKAGE}.no_such_module:Net"
        Site(folder).install(DISTRIBUTION, architectures, files=files)
        return cls(folder)

    @property
    def package(self) -> Path:
        """The folder of the installed package, which the author of a cheat may fill."""
        return self.folder / PACKAGE


def call(site: CheatSite, function: Callable[..., Any], *args: Any, **variables: str) -> Any:
    """Call a function in a new process with the cheats installed, and return its result.

    Args:
        site: the installed cheats.
        function: a function of a module, which is imported there.
        args: its arguments.
        variables: environment variables of the process.

    Raises:
        AssertionError: the function raised an error, or the process died or did not end.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(sender, site.folder, function, args, variables))
    process.start()
    sender.close()
    try:
        if not receiver.poll(SECONDS):
            raise AssertionError(f"{function.__name__} did not end within {SECONDS:.0f} s")
        ended, result = receiver.recv()
    except EOFError:
        raise AssertionError(f"the process of {function.__name__} died without a result") from None
    finally:
        receiver.close()
        process.join(5)
        if process.is_alive():
            process.kill()
            process.join()
    assert ended, result
    return result


def _serve(sender: Connection, site: Path, function: Callable[..., Any], args: Any, variables: dict[str, str]) -> None:
    sys.path.insert(0, str(site))
    paths = [str(site), str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    os.environ |= variables
    clear_registry()
    try:
        sender.send((True, function(*args)))
    except BaseException:
        sender.send((False, traceback.format_exc()))
    sender.close()


def train(name: str, runs: Path, changes: Mapping[str, Any]) -> str:
    """Train an architecture in this process without the causality probe; return the folder of the run.

    Args:
        name: name of the architecture.
        runs: folder of runs.
        changes: changes of the request of the small run of ``helpers``.
    """
    # The author of a cheat runs altered code.
    honest = Causality(declared=True, looks_ahead=False, largest_change=0.0, tolerance=1e-5)
    module_probe.probe_module = lambda *args: honest
    arch = {"name": name, **dict(changes.get("arch", {"d_model": 8}))}
    done = runner.run(resolve(**{**changes, "arch": arch}), runs)
    assert done.record.status == "ok", done.record.results.reason
    return str(done.folder)


def train_stock(arch: str, task: str, runs: Path, **options: Any) -> str:
    """Train an architecture as its card says; return the folder of the run."""
    return str(seqbench.run(arch, task, logger="none", runs=runs, **options).folder)


def verify_here(path: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """Verify a record in this process; return the report, and the modules of cheats that the process has imported.

    Args:
        path: the record, or its folder.
        options: arguments of ``verify_record``, and ``request_seconds``, the longest time of one answer of the net.
    """
    given = dict(options)
    if "request_seconds" in given:
        shorten_requests(given.pop("request_seconds"))
    report = verify.verify_record(path, **given).to_dict()
    imported = sorted(name for name in sys.modules if name.startswith(PACKAGE))
    return {**report, "imported": imported, "patched": bool(os.environ.get("CHEATS_STARTED"))}


def recorded(path: Path) -> RecordData:
    """Return the record in a folder as JSON."""
    data: RecordData = json.loads((path / records.NAME).read_text(encoding="utf-8"))
    return data


def rescore(folder: Path) -> None:
    """Score the checkpoint of a run in this process, and state these scores in record, checkpoint and curve."""
    record = records.read_record(folder)
    reloaded = reload.reload_run(folder, record, reload.recorded_config(record))
    for split in SCORED_SPLITS:
        evaluation.score_split(reloaded, split)
    module, path = reloaded.module, folder / run_folder.BEST
    checkpoint: dict[str, Any] = torch.load(path, weights_only=True)
    data = recorded(folder)
    results = data["results"]
    for split in SCORED_SPLITS:
        results["metrics"][split] = {name: dict(score) for name, score in scoring.split_metrics(module, split).items()}
    results["lengths"] = dict(scoring.length_curves(module)) or results.get("lengths", {})
    results["weights"] = weights_digest(module)
    results["predictions"] = scoring.prediction_digests(module)
    for curves in (results["curves"]["validation"], checkpoint["callbacks"]["Curve"]["validation"]):
        for name, column in curves.items():
            if name != "step":
                column[:] = [results["metrics"]["validation"][name]["value"]] * len(column)
    # Of equal scores the latest is the best.
    results["best_step"] = checkpoint["global_step"] = results["curves"]["validation"]["step"][-1]
    curve = checkpoint["callbacks"]["Curve"]
    for kind, columns in curve.items():
        columns.update({name: list(results["curves"][kind][name]) for name in columns})
    metric = results["metrics"]["test"][data["config"]["card"]["metric"]]
    direction = data["config"]["card"]["direction"]
    results["above_chance"] = above_chance(metric["value"], metric["chance"], metric["best"], direction)
    torch.save(checkpoint, path)
    records.build_record(results, data["measured"], data["config"]).write(folder)


def adopt_weights(folder: Path, other: Path) -> None:
    """Put the weights of another run into the checkpoint of a run, and state their scores."""
    path = folder / run_folder.BEST
    checkpoint: dict[str, Any] = torch.load(path, weights_only=True)
    checkpoint["state_dict"] = torch.load(other / run_folder.BEST, weights_only=True)["state_dict"]
    torch.save(checkpoint, path)
    rescore(folder)


def scale_head(folder: Path, factor: float) -> None:
    """Multiply the head in the checkpoint, except for the weights of the first hidden number, and score it again."""
    path = folder / run_folder.BEST
    checkpoint: dict[str, Any] = torch.load(path, weights_only=True)
    checkpoint["state_dict"]["objective.head.weight"][:, 1:] *= factor
    torch.save(checkpoint, path)
    rescore(folder)


class Command:
    """An object whose pickle creates a file when it is read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def write_hostile_checkpoint(folder: Path, mark: Path) -> None:
    """Write a checkpoint that creates a folder when it is unpickled."""
    path = folder / run_folder.BEST
    checkpoint: dict[str, Any] = torch.load(path, weights_only=True)
    torch.save({**checkpoint, "command": Command(mark)}, path)


def write_answers() -> None:
    """Write the answers to all evaluation splits into the package of the cheats."""
    cheat = importlib.import_module(f"{PACKAGE}.memorised_in_package")
    task = importlib.import_module(f"{PACKAGE}.memorised_test_split").TASK
    cheat.write_answers(seqbench.build("gru", tier="smoke", **json.loads(task.read_text())).data)


def write_backbone(folder: Path, file: Path) -> None:
    """Write the weights of the backbone of a run to a file."""
    weights: dict[str, torch.Tensor] = torch.load(folder / run_folder.BEST, weights_only=True)["state_dict"]
    start = "body.backbone."
    torch.save({name.removeprefix(start): one for name, one in weights.items() if name.startswith(start)}, file)


def train_on_test(runs: Path) -> str:
    """Train on the test split, by a change of the data in memory."""
    original = Parity.stream

    def stream(self: Parity, split: str, step: int) -> Batch:
        return original(self, "test", step % self.steps("test")) if split == "train" else original(self, split, step)

    Parity.stream = stream  # type: ignore[method-assign]
    return train("gru", runs, {})


def shorten_requests(seconds: float) -> None:
    """Give a net process a short time for each answer."""
    defaults = NetProcess.__init__.__kwdefaults__
    assert defaults is not None
    assert "request_seconds" in defaults
    defaults["request_seconds"] = seconds
