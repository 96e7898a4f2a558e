"""Training for a verification, in a process of its own: its first steps, or the whole run.

A net trains on targets, so its process has them. The process that compares the results with the record starts this one
from a fresh interpreter, never imports the net, and reads only JSON from it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import lightning.pytorch as L
import torch

from seqbench.models import build
from seqbench.models.weights import batch_digest, weights_digest
from seqbench.protocol import records
from seqbench.protocol.config import RunConfig
from seqbench.protocol.record_fields import Status
from seqbench.running import reload, runner, trainer
from seqbench.running.callbacks.curve import Curve, DivergedError
from seqbench.running.callbacks.schedules import RunSchedules
from seqbench.utils import atomic_files
from seqbench.utils.errors import SeqbenchError, one_line
from seqbench.utils.plain_data import decode_json, to_json
from seqbench.utils.strict_model import Number, StrictModel, WholeNumber, validate
from seqbench.verification.record_subject import Subject

logger = logging.getLogger(__name__)

_START = (
    "import json, pathlib, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from seqbench.verification.training_process import main; main(pathlib.Path(sys.argv[2]))"
)
REQUEST, ANSWER, RUNS = "request.json", "answer.json", "runs"


class Request(StrictModel):
    """What the process trains."""

    record: str
    data_dir: str | None
    threads: WholeNumber
    whole: bool
    keep: bool
    show: bool


class Start(StrictModel):
    """The start of a run: digests of its initial weights and of its first batch, and the first point of its curve."""

    initial_weights: str
    first_batch: str
    step: WholeNumber | None
    loss: Number | None


class PointReachedError(Exception):
    """The curve has its first point, so training can end."""


class FirstPoint(L.Callback):
    """End training at the first point of the curve, whose callback comes before this one.

    Args:
        curve: the curve.
    """

    def __init__(self, curve: Curve) -> None:
        self.curve = curve

    def on_train_batch_end(self, *_: object) -> None:
        """End training if the curve has a point."""
        self._end()

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """End training if the curve has a point."""
        self._end()

    def _end(self) -> None:
        if self.curve.train["step"]:
            raise PointReachedError


def repeat_start(subject: Subject) -> Start:
    """Return the start of the run of a record, computed again from its seed.

    Raises:
        SeqbenchError: the process failed.
    """
    with _trained(subject, whole=False) as folder:
        try:
            answer = decode_json(atomic_files.read_bytes(folder / ANSWER))
        except (OSError, ValueError) as error:
            raise SeqbenchError(f"the process that trains the run again gave no answer: {one_line(error)}") from error
        return validate(Start, answer, origin="the start of the run")


def repeat_run(subject: Subject) -> records.Record:
    """Return the record of a second run, whose folder is moved to ``subject.second_run`` if that is given.

    Raises:
        SeqbenchError: the process failed.
        KeyboardInterrupt: the second run was stopped.
    """
    with _trained(subject, whole=True) as folder:
        found = sorted((folder / RUNS).glob(f"*/*/*/{records.NAME}"))
        if len(found) != 1:
            raise SeqbenchError("the second run left no record")
        record = records.read_record(found[0])
        if subject.second_run is not None:
            shutil.copytree(found[0].parent, subject.second_run, dirs_exist_ok=True)
    interrupted: Status = "interrupted"
    if record.status == interrupted:
        raise KeyboardInterrupt
    return record


@contextlib.contextmanager
def _trained(subject: Subject, whole: bool) -> Iterator[Path]:
    """Train in another process, and yield the temporary folder with what it left.

    Raises:
        SeqbenchError: the process failed.
    """
    show = logger.isEnabledFor(logging.INFO)
    data_dir = subject.task_options.get("data_dir")
    path = subject.path / records.NAME if subject.path.is_dir() else subject.path
    request = Request(
        record=str(path.absolute()),
        data_dir=None if data_dir is None else str(Path(str(data_dir)).expanduser().absolute()),
        threads=subject.threads,
        whole=whole,
        keep=subject.second_run is not None,
        show=show,
    )
    with tempfile.TemporaryDirectory(prefix="seqbench-verify-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        atomic_files.write_text(folder / REQUEST, to_json(request.to_dict()))
        # The new interpreter imports from the same places as this one, in the same order.
        places = [str(Path(place).absolute()) for place in sys.path]
        command = [sys.executable, "-P", "-c", _START, json.dumps(places), str(folder)]
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None if show else subprocess.PIPE,
            check=False,
        )
        if ended.returncode:
            lines = (ended.stderr or b"").decode(errors="replace").split("\n")
            last = next((line for line in reversed(lines) if line.strip()), f"exit status {ended.returncode}")
            raise SeqbenchError(f"the process that trains the run again has failed: {last.strip()[:300]}")
        yield folder


def train_first_steps(config: RunConfig, folder: Path) -> Start:
    """Train until the curve has its first point, and return the start of the run.

    Args:
        config: configuration of the run, for one process.
        folder: folder for the files of the Trainer.
    """
    module = build.build_module(config)
    assert module.data is not None
    weights, batch = weights_digest(module), batch_digest(module.data.stream("train", 0))
    curve = Curve()
    with trainer.silence_lightning():
        engine = trainer.build_trainer(config, folder, [curve, RunSchedules(), FirstPoint(curve)], module)
        with contextlib.suppress(PointReachedError, DivergedError):
            engine.fit(module)
    steps, losses = curve.train["step"], curve.train["loss"]
    return Start(
        initial_weights=weights,
        first_batch=batch,
        step=int(steps[0]) if steps else None,
        loss=losses[0] if losses else None,
    )


def main(folder: Path) -> None:
    """Train as ``request.json`` in the folder says, and leave the result there."""
    request = validate(Request, json.loads((folder / REQUEST).read_text()))
    if request.show:
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        logging.getLogger("lightning").setLevel(logging.ERROR)
    if request.threads:
        torch.set_num_threads(request.threads)
    record = records.read_record(Path(request.record))
    place = {} if request.data_dir is None else {"data_dir": request.data_dir, "source": "auto"}
    config = reload.recorded_config(record, place)
    options = dataclasses.replace(config.trainer, threads=request.threads)
    config = dataclasses.replace(config, trainer=options, logger="none", keep="best" if request.keep else "none")
    if request.whole:
        runner.run(config, folder / RUNS)
    else:
        start = train_first_steps(config, folder)
        atomic_files.write_text(folder / ANSWER, to_json(start.to_dict()))
