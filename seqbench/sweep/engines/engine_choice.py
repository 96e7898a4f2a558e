"""The engine that executes the cells of a sweep, built from the options of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seqbench.protocol.config import TrainerOptions
from seqbench.sweep.engines import local_engine
from seqbench.sweep.engines.engine import Engine
from seqbench.utils.errors import SeqbenchError


@dataclass(frozen=True)
class EngineRequest:
    """The engine that a user requests.

    Args:
        name: ``local``, ``ray`` or ``slurm``.
        options: further options of the engines ray and slurm.
        workers: number of cells at once; None for the engine's default.
        memory: data that a cell may allocate, in bytes; None for no limit.
    """

    name: str = "local"
    options: Mapping[str, object] = field(default_factory=dict)
    workers: int | None = None
    memory: int | None = None


def build_engine(request: EngineRequest, trainer: TrainerOptions, runs: Path) -> Engine:
    """Build the engine of a sweep.

    Args:
        request: the engine and its options.
        trainer: options of the Trainer, which all cells share.
        runs: folder of all runs; the engine slurm writes the output of its jobs below it.

    Raises:
        SeqbenchError: an option does not suit the engine, or a library of the engine is not installed.
    """
    threads = trainer.threads or None
    if request.name == "local":
        return _build_local_engine(request, trainer)
    if request.memory is not None:
        instead = {"ray": "Ray's own limits", "slurm": "--engine-option mem_gb=4"}[request.name]
        raise SeqbenchError(f"--memory is for the engine local; with {request.name} use {instead}.")
    gpus = int(trainer.accelerator in ("gpu", "cuda"))
    if request.name == "ray":
        from seqbench.sweep.engines.ray_engine import RayEngine

        return RayEngine(request.workers, threads, gpus, request.options)
    from seqbench.sweep.engines.slurm_engine import SlurmEngine

    return SlurmEngine(runs / "slurm", request.workers, threads, gpus, request.options)


def _build_local_engine(request: EngineRequest, trainer: TrainerOptions) -> Engine:
    if request.options:
        raise SeqbenchError("--engine-option is for the engines ray and slurm; leave it out.")
    may_use_gpus = trainer.accelerator in ("auto", "gpu", "cuda")
    gpus = local_engine.call_in_worker(local_engine.count_gpus) if may_use_gpus else 0
    if gpus and request.memory is not None:
        raise SeqbenchError(
            "--memory works on the CPU only, because CUDA reserves much more address space than it uses; leave it "
            "out, or add --trainer.accelerator cpu."
        )
    return local_engine.LocalEngine(request.workers, trainer.threads or None, gpus, trainer.processes, request.memory)
