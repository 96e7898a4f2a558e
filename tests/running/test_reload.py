from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

import seqbench
from seqbench.protocol import records, run_folder
from seqbench.protocol.records import Record
from seqbench.running import evaluation, reload
from seqbench.utils.errors import SeqbenchError
from tests.protocol.identity.folders import NET, user_folder, write_files

OPTIM = {"steps": 4, "batch_size": 4, "validate_every": 2}
TASK = {"name": "copy", "delay": 2, "samples": 8}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    arch = {"name": "gru", "d_model": 8}
    runs = tmp_path_factory.mktemp("runs")
    return seqbench.run(arch, TASK, tier="smoke", optim=OPTIM, logger="none", runs=runs).folder


@pytest.fixture
def record(run: Path) -> Record:
    return records.read_record(run)


def test_the_recorded_configuration_is_that_of_one_process_here(record: Record) -> None:
    trainer = record.config.options.trainer.with_values(devices=4, strategy="ddp", precision="64-true", threads=3)
    options = record.config.options.with_values(trainer=trainer.to_dict(), logger="wandb")
    recorded = dataclasses.replace(record, config=record.config.with_values(options=options.to_dict()))
    config = reload.recorded_config(recorded)
    assert (config.trainer.devices, config.trainer.strategy) == (1, "auto")
    assert (config.trainer.precision, config.trainer.threads) == ("64-true", 3)
    assert config.logger == "none"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"arguments": ["--arch.d_model", "9"]}, "a trained model keeps its arch"),
        ({"arguments": ["--optim.lr=1"]}, "a trained model keeps its optim"),
        ({"trainer_options": {"devices": 2}}, "an evaluation runs in one process"),
        ({"trainer_options": {"threads": reload.MOST_THREADS + 1}}, "must be at most 256, got 257"),
    ],
)
def test_options_of_a_trained_model_cannot_be_changed(record: Record, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SeqbenchError, match=message):
        reload.recorded_config(record, **options)


def test_a_reloaded_run_has_its_best_weights_and_reports_changes(run: Path, record: Record) -> None:
    reloaded = reload.reload_run(run, record, reload.recorded_config(record))
    assert (reloaded.step, reloaded.changed) == (record.results.best_step, {})
    weights = torch.load(run / run_folder.BEST, weights_only=True)["state_dict"]
    assert all(torch.equal(tensor, weights[name]) for name, tensor in reloaded.module.state_dict().items())
    other = reload.reload_run(run, record, reload.recorded_config(record, {"delay": 5}))
    assert other.changed == {"task.delay": {"recorded": 2, "now": 5}}


def test_data_with_other_inputs_are_refused(run: Path, record: Record) -> None:
    config = reload.recorded_config(record, {"alphabet": 5})
    with pytest.raises(SeqbenchError, match=r"model reads Tokens \(vocab 10\), but these data need Tokens"):
        reload.reload_run(run, record, config)


def test_a_loaded_module_is_in_evaluation_mode_and_has_no_data(run: Path) -> None:
    module = reload.load_module(run)
    assert (module.training, module.data) == (False, None)
    assert reload.load_module(run / records.NAME).spec == module.spec


def test_a_missing_checkpoint_is_named(run: Path, tmp_path: Path) -> None:
    with pytest.raises(SeqbenchError, match=f"holds no {run_folder.BEST}"):
        reload.load_weights(reload.load_module(run), tmp_path)


def test_a_net_whose_source_has_changed_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with user_folder(tmp_path / "user", monkeypatch) as folder:
        write_files(folder, {"my_file.py": f"from helper import width\n{NET}", "helper.py": "def width(): return 1"})
        options = {"steps": 20, "batch_size": 8, "validate_every": 20}
        task = {"name": "copy", "delay": 2, "samples": 40}
        arch = {"name": "my_file:MyNet", "d_model": 8}
        run = seqbench.run(arch, task, tier="smoke", optim=options, logger="none", runs=tmp_path / "runs")
        assert seqbench.load(run.folder)
        write_files(folder, {"helper.py": "def width(): return 2"})
        message = r"^the source of my_file:MyNet has changed since the run: file helper\.py; restore it"
        with pytest.raises(SeqbenchError, match=message):
            seqbench.load(run.folder)
        with pytest.raises(SeqbenchError, match=message):
            evaluation.evaluate(run.folder)
        write_files(folder, {"helper.py": "def width():\n    return 1  # As before."})
        assert evaluation.evaluate(run.folder).metrics["accuracy"]["value"] == pytest.approx(
            run.record.results.metrics["test"]["accuracy"].value
        )


def test_a_class_that_cannot_be_imported_is_given_to_load_it(tmp_path: Path) -> None:
    from seqbench.architectures.recurrent import GRU

    class Net(GRU):
        pass

    options = {"steps": 20, "batch_size": 8, "validate_every": 20}
    task = {"name": "copy", "delay": 2, "samples": 40}
    run = seqbench.run({"name": Net, "d_model": 8}, task, tier="smoke", optim=options, logger="none", runs=tmp_path)
    (source,) = [source for name, source in run.record.config.sources.items() if name.endswith(".<locals>.Net")]
    assert len(source.files) == 1  # Its base class is part of seqbench.
    with pytest.raises(SeqbenchError, match=r"seqbench\.load\(run, arch=MyNet\)"):
        seqbench.load(run.folder)
    assert isinstance(seqbench.load(run.folder, arch=Net).body.decoding_backbone, Net)
