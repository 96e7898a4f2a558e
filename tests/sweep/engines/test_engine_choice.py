from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.protocol.config import TrainerOptions
from seqbench.sweep.engines import engine_choice, local_engine
from seqbench.sweep.engines.engine_choice import EngineRequest
from seqbench.sweep.engines.local_engine import LocalEngine
from seqbench.utils.errors import SeqbenchError

CPU = TrainerOptions(accelerator="cpu", threads=2)


def test_the_local_engine_has_the_workers_and_threads_of_the_options(tmp_path: Path) -> None:
    engine = engine_choice.build_engine(EngineRequest(workers=3), CPU, tmp_path)
    assert isinstance(engine, LocalEngine)
    assert (engine.slots, engine.threads) == (3, 2)
    engine.close()


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (EngineRequest(options={"a": 1}), "--engine-option is for the engines ray and slurm"),
        (EngineRequest("ray", memory=2**30), "--memory is for the engine local; with ray use Ray's own limits"),
        (EngineRequest("slurm", memory=2**30), "--memory is for the engine local; with slurm use --engine-option"),
    ],
)
def test_an_option_of_another_engine_is_refused(wanted: EngineRequest, message: str, tmp_path: Path) -> None:
    with pytest.raises(SeqbenchError, match=message):
        engine_choice.build_engine(wanted, CPU, tmp_path)


def test_a_memory_limit_is_refused_on_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_engine, "call_in_worker", lambda function: 2)
    with pytest.raises(SeqbenchError, match="--memory works on the CPU only"):
        engine_choice.build_engine(EngineRequest(memory=2**30), TrainerOptions(accelerator="gpu"), tmp_path)
