"""A run on several processes has the batches, curves and scores of one process, and one process writes its files."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

import seqbench
from seqbench.datamodules.base import SequenceDataModule
from seqbench.models.module import CARRIED_STATE
from seqbench.protocol import records, run_folder
from seqbench.protocol.batches import Shard
from seqbench.protocol.specs import Batch
from tests.models.modules import COPY, build_small_module, build_trainer
from tests.optional import not_none

FEW = {"steps": 4, "batch_size": 8, "validate_every": 2}


class Halved(Shard):
    """A shard that loses a row, also where one process has all rows."""

    def evaluation_batch(self, batch: Batch) -> Batch:
        return batch.rows(slice(1, None))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "options",
    [{}, {"limit_val_batches": 1}, {"limit_val_batches": 0.5}, {"num_sanity_val_steps": 0}, {"fast_dev_run": 2}],
    ids=str,
)
def test_a_users_trainer_may_evaluate_a_part_of_a_split(options: dict[str, Any], text_folder: Path) -> None:
    """A Trainer of the user's own may evaluate some batches only, as Lightning does before training by default."""
    module = build_small_module("gru", {**COPY, "samples": 31}, text_folder)
    own = build_trainer(**{"max_steps": 4, "val_check_interval": 2, "check_val_every_n_epoch": None, **options})
    own.fit(module)
    own.test(module, verbose=False)
    assert set(module.evaluated) == {"validation", "test"}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("task", [COPY, {"name": "char-lm", "length": 16}], ids=["samples", "streams"])
def test_a_trainer_that_evaluates_a_whole_split_must_score_each_sample_once(
    task: dict[str, Any], text_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = build_small_module("gru", task, text_folder)
    build_trainer().validate(module, verbose=False)
    monkeypatch.setattr(module.data, "_shard", lambda: Halved())
    with pytest.raises(RuntimeError, match=r"of the validation split's .* not each once"):
        build_trainer().validate(module, verbose=False)
    build_trainer(limit_val_batches=1).validate(module, verbose=False)
    with pytest.raises(RuntimeError, match=r"of the test split's .* not each once"):
        build_trainer().test(module, verbose=False)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_batches_of_a_users_loader_may_be_scored(text_folder: Path) -> None:
    module = build_small_module("gru", COPY, text_folder)
    batches: Any = [not_none(module.data).stream("test", 0)] * 3  # A list serves as a dataset.
    own: DataLoader[Batch] = DataLoader(batches, batch_size=None)
    build_trainer().test(module, dataloaders=own, verbose=False)
    assert "test" in module.evaluated


def test_a_run_that_misses_a_sample_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SequenceDataModule, "_shard", lambda data: Halved())
    results = seqbench.run("gru", COPY, tier="smoke", optim=FEW, logger="none", runs=tmp_path).record.results
    assert results.status == "failed"
    assert "of the validation split's 16 samples, 14 were scored by 1 process" in not_none(results.reason)


def test_a_checkpoint_gives_each_rank_the_state_of_its_own_rows(
    text_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three rows are restored on two ranks, and on four, where a rank without rows takes the first one."""
    module = build_small_module("gru", COPY, text_folder)
    carried = {CARRIED_STATE: (torch.arange(3.0)[:, None], [torch.arange(3.0)])}
    for world, rows in ((2, [[0], [1, 2]]), (4, [[0], [0], [1], [2]])):
        for rank, own in enumerate(rows):
            monkeypatch.setattr(module, "_trainer", SimpleNamespace(global_rank=rank, world_size=world))
            module.on_load_checkpoint(carried)
            restored: Any = module._carried
            state, (other,) = restored
            assert state[:, 0].tolist() == other.tolist() == own


# The tests below start processes that run for a few seconds.

OWN_TRAINER = """
import json, sys
import lightning.pytorch as L
import seqbench
module = seqbench.build({"name": "gru", "d_model": 8}, {"name": "copy", "delay": 3, "samples": 31}, tier="smoke",
                        optim={"steps": 20, "batch_size": 7, "validate_every": 10, "schedule": "cosine"})
devices = int(sys.argv[1])
trainer = L.Trainer(max_epochs=2, accelerator="cpu", devices=devices, strategy="ddp" if devices > 1 else "auto",
                    logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
trainer.fit(module)
logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
(scores,) = trainer.test(module, verbose=False)
if trainer.is_global_zero:
    print(json.dumps({**logged, **scores}))
"""


@pytest.mark.slow
def test_two_processes_of_a_users_trainer_log_the_losses_and_scores_of_one(tmp_path: Path) -> None:
    script, found = tmp_path / "own.py", []
    script.write_text(OWN_TRAINER)
    for devices in ("1", "2"):
        done = subprocess.run(
            [sys.executable, str(script), devices], capture_output=True, text=True, timeout=120, check=True
        )
        found.append(json.loads(done.stdout.splitlines()[-1]))
    assert {"train/loss", "train/loss_epoch", "validation/loss", "test/accuracy"} <= found[0].keys()
    assert apart(*found) < 1e-4


COMMON = ["--tier", "smoke", "--logger", "none", "--trainer.accelerator", "cpu"]
PARITY = ["--task", "parity", "--task.samples", "63", "--optim.batch_size", "8"]
PARITY += ["--optim.steps", "100", "--optim.validate_every", "50"]
SHORT = [*PARITY[:-4], "--optim.steps", "20", "--optim.validate_every", "10"]
TRANSLATION = ["--task", "translation", "--encoder", "bigru", "--arch.d_model", "16", "--task.longest", "8"]
TRANSLATION += ["--task.vocabulary_size", "300", "--optim.steps", "40", "--optim.validate_every", "20"]
STREAM = ["--task", "char-lm", "--task.length", "16", "--optim.steps", "40", "--optim.validate_every", "20"]

SLURM = {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "1", "SLURM_NNODES": "2", "SLURM_LOCALID": "0"}
SLURM |= {"SLURM_JOB_ID": "4242", "SLURM_JOB_NAME": "train", "SLURM_NODELIST": "127.0.0.1"}
PLAIN = ["-m", "tests.spy", "run"]
TORCHRUN = ["-m", "torch.distributed.run"]
OURS = ("gru-", "differs from the card", "estimate:", "step ", "W&B:", "resumed at")
"""Beginnings of the lines that a run logs."""

DDP = ["--trainer.devices", "2", "--trainer.strategy", "ddp"]
NODES = ["--trainer.num_nodes", "2"]


@dataclass
class Ended:
    """A finished run: its folder, the output of its processes, and the file that each rank wrote into the folder."""

    folder: Path
    out: list[str]
    err: list[str]
    written: dict[int, list[str]]

    @property
    def results(self) -> Any:
        return json.loads((self.folder / records.NAME).read_text())["results"]

    def values(self, split: str) -> dict[str, float]:
        return {name: line["value"] for name, line in self.results["metrics"][split].items()}


def started(how: str) -> list[tuple[list[str], dict[str, str], list[str]]]:
    """Return, for each process that a user or Slurm starts, arguments of Python, environment, and Trainer options."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    match how:
        case "one":
            return [(PLAIN, {}, [])]
        case "two":
            return [(PLAIN, {"MASTER_ADDR": "127.0.0.1"}, DDP)]
        case "torchrun":
            return [([*TORCHRUN, "--nproc-per-node", "2", "--master-port", port, *PLAIN], {}, DDP)]
        case "torchrun on two nodes":
            here = ["--nnodes", "2", "--nproc-per-node", "1", "--master-addr", "127.0.0.1", "--master-port", port]
            return [([*TORCHRUN, *here, "--node-rank", str(node), *PLAIN], {}, NODES) for node in (0, 1)]
        case "Slurm":
            tasks = [{"SLURM_PROCID": str(task), "SLURM_NODEID": str(task)} for task in (0, 1)]
            return [(PLAIN, {**SLURM, "MASTER_PORT": port, **task}, NODES) for task in tasks]
        case _:  # Lightning on two nodes: the user starts one process on each.
            return [(PLAIN, {**place, "NODE_RANK": str(node)}, NODES) for node in (0, 1)]


def run(how: str, words: list[str], runs: Path) -> Ended:
    """Run once with all its processes; kill those that are left."""
    notes = runs.with_name(f"{runs.name}-notes")
    notes.mkdir(exist_ok=True)
    processes = [
        subprocess.Popen(
            [sys.executable, *python, *words, *COMMON, *more, "--runs", str(runs)],
            env={**os.environ, **environment, "SPY": str(notes)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for python, environment, more in started(how)
    ]
    try:
        said = [process.communicate(timeout=120) for process in processes]
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    for process, (_, err) in zip(processes, said, strict=True):
        assert process.returncode == 0, err
    written: dict[int, list[str]] = {}
    for note in notes.iterdir():
        lines = [line for line in note.read_text().splitlines() if line.partition("\t")[2].startswith(str(runs))]
        written.setdefault(int(note.name.partition("-")[0]), []).extend(lines)
    (record,) = runs.rglob(records.NAME)
    return Ended(record.parent, [out for out, _ in said], [err for _, err in said], written)


def apart(one: Any, two: Any) -> float:
    """Return the largest difference between the numbers of two nested structures of the same shape."""
    if isinstance(one, dict):
        assert one.keys() == two.keys()
        return max((apart(one[key], two[key]) for key in one), default=0.0)
    if isinstance(one, list):
        assert len(one) == len(two)
        return max((apart(*pair) for pair in zip(one, two, strict=True)), default=0.0)
    return 0.0 if one == two or (math.isnan(one) and math.isnan(two)) else abs(one - two)


def check_one_wrote(ended: Ended) -> None:
    assert {0, 1} <= ended.written.keys()
    assert len(ended.written.pop(0)) > 5
    assert not any(ended.written.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arch", "task"),
    [
        ("gru", PARITY),
        ("gru", TRANSLATION),
        # Their learned initial states have no gradient in chunks that continue a stream.
        ("rnn", STREAM),
        ("jordan", STREAM),
    ],
    ids=["gru-parity", "gru-translation", "rnn-stream", "jordan-stream"],
)
def test_two_processes_train_on_the_batches_of_one_and_give_its_scores(
    arch: str, task: list[str], tmp_path: Path, small_data: Path, text_folder: Path
) -> None:
    """The ranks have unequal lengths and uneven last batches; every sample is scored and decoded once."""
    data = {"char-lm": text_folder, "translation": small_data / "pairs"}.get(task[1])
    words = ["--arch", arch, *task, *(["--task.data_dir", str(data)] if data else [])]
    one, two = run("one", words, tmp_path / "one"), run("two", words, tmp_path / "two")
    check_one_wrote(two)
    assert apart(one.results["curves"]["train"], two.results["curves"]["train"]) < 1e-4
    free = ("bleu", "chrf")  # Where weights differ by rounding, decoding may choose another of two equal tokens.
    for name, values in one.results["curves"]["validation"].items():
        if name not in free:
            assert apart(values, two.results["curves"]["validation"][name]) < 1e-4
    # Two processes score the trained weights of the first run.
    same = tmp_path / "same" / one.folder.relative_to(tmp_path / "one")
    shutil.copytree(one.folder, same)
    (same / records.NAME).unlink()
    again = run("two", [*words, "--resume"], tmp_path / "same")
    check_one_wrote(again)
    assert again.results["metrics"].keys() == one.results["metrics"].keys()
    for split in one.results["metrics"]:
        assert apart(one.values(split), again.values(split)) < 1e-6
    if task is TRANSLATION:
        written = [(ended.folder / run_folder.HYPOTHESES).read_text() for ended in (one, again)]
        assert written[0] == written[1]


@pytest.mark.slow
@pytest.mark.parametrize("rows", ["1", "3"])
@pytest.mark.parametrize("task", [SHORT, STREAM], ids=["samples", "streams"])
def test_a_batch_may_have_fewer_rows_than_there_are_processes_or_an_odd_number(
    rows: str, task: list[str], tmp_path: Path, text_folder: Path
) -> None:
    """With one row the first process has none, in training and in evaluation; an FFT of no rows raises an error."""
    words = ["--arch", "rnn" if task is STREAM else "s4d", *task, "--optim.batch_size", rows]
    if task is STREAM:
        words += ["--task.data_dir", str(text_folder), "--task.evaluation_rows", rows]
    else:
        words += ["--task.samples", rows, "--task.probe_lengths", "[41]", "--task.probe_samples", rows]
    one, two = run("one", words, tmp_path / "one"), run("two", words, tmp_path / "two")
    assert one.results["status"] == two.results["status"] == "ok"
    assert apart(one.results["curves"], two.results["curves"]) < 1e-4
    for split in one.results["metrics"]:
        assert apart(one.values(split), two.values(split)) < 1e-4
    # The checkpoint holds the carried state of each row once, without rows that a rank only borrowed.
    one_left, two_left = (
        torch.load(ended.folder / run_folder.LAST, weights_only=True)[CARRIED_STATE] for ended in (one, two)
    )
    assert (one_left is None) is (task is SHORT)
    torch.testing.assert_close(two_left, one_left, atol=1e-4, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "how",
    [
        pytest.param("torchrun", marks=pytest.mark.exhaustive),  # Like two nodes, but simpler.
        "torchrun on two nodes",
        "Slurm",
        pytest.param("Lightning on two nodes", marks=pytest.mark.exhaustive),
    ],
)
def test_every_launcher_gives_the_same_run(how: str, tmp_path: Path) -> None:
    """The results equal those of one process, one record is written, and one process logs."""
    words = ["--arch", "gru", *SHORT, "--arch.d_model", "16"]
    one, several = run("one", words, tmp_path / "one"), run(how, words, tmp_path / "several")
    check_one_wrote(several)
    assert apart(one.results["curves"], several.results["curves"]) < 1e-4
    for split in one.results["metrics"]:
        assert apart(one.values(split), several.values(split)) < 1e-4
    assert [out.count("record: ") for out in several.out] == [1, 0][: len(several.out)]
    # torchrun prints its own lines when the other node ends first.
    spoken = [[line for line in err.splitlines() if line.startswith(OURS)] for err in several.err]
    alone = [line for line in one.err[0].splitlines() if line.startswith(OURS)]
    # A run that takes longer than some seconds logs an estimate as well.
    assert sum(not line.startswith("estimate:") for line in spoken[0]) == sum(
        not line.startswith("estimate:") for line in alone
    )
    assert len(alone) >= 2
    assert not any(spoken[1:])
    # Started again, every process finds the finished run, and none waits for another.
    again = run(how, [*words, "--resume"], tmp_path / "several")
    assert again.results == several.results


@pytest.mark.slow
def test_a_signal_to_one_process_ends_all_after_the_same_step(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "seqbench", "run", "--arch", "gru", "--task", "copy", "--tier", "smoke", *DDP]
    words += ["--logger", "none", "--trainer.threads", "1", "--arch.dropout", "0.1"]
    words += ["--optim.steps", "400", "--optim.validate_every", "200"]
    place = {**os.environ, "MASTER_ADDR": "127.0.0.1"}
    cut = [*words, "--runs", str(tmp_path / "cut")]
    with subprocess.Popen(cut, stderr=subprocess.PIPE, text=True, env=place) as process:
        assert process.stderr is not None
        for line in iter(process.stderr.readline, ""):
            if line.startswith("estimate:"):  # Logged after two seconds of training.
                break
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 75
    (record,) = (tmp_path / "cut").rglob(records.NAME)
    stopped = records.read_record(record).results
    reason = not_none(stopped.reason)
    assert reason.startswith("stopped by SIGTERM at step ")
    saved = torch.load(record.parent / run_folder.LAST, weights_only=True)["global_step"]
    assert saved in (int(reason.split()[-3]), int(reason.split()[-3]) - 1)
    for more in ([*cut, "--resume"], [*words, "--runs", str(tmp_path / "whole")]):
        subprocess.run(more, check=True, capture_output=True, timeout=200, env=place)
    (whole,) = (tmp_path / "whole").rglob(records.NAME)
    one, two = records.read_record(whole).results, records.read_record(record).results
    assert two.curves.train["loss"] == pytest.approx(one.curves.train["loss"], abs=1e-6)
    assert two.metrics["test"]["accuracy"] == one.metrics["test"]["accuracy"]
