"""Files of others are read and never executed: checkpoints, YAML, records, cards, prepared arrays."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import seqbench
from seqbench.cli.main import main
from seqbench.datamodules.sources import prepared_cache as caching
from seqbench.models import build
from seqbench.protocol import cards, records, run_folder
from seqbench.protocol.config import RunConfig
from seqbench.protocol.records import build_record
from seqbench.running import provenance, run_config, run_request, runner
from seqbench.running.run_request import RunRequest
from seqbench.utils import plain_data
from seqbench.utils.errors import SeqbenchError
from tests.fuzzing.guard import only_within


class Evil:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return open, (str(self.path), "w")


def zipped(evil: Evil) -> bytes:
    """Return a checkpoint in the zip format of ``torch.save``."""
    written = io.BytesIO()
    torch.save({"state_dict": {"weight": torch.zeros(2), "evil": evil}, "global_step": evil}, written)
    return written.getvalue()


def legacy(evil: Evil) -> bytes:
    """Return a checkpoint in the legacy format of ``torch.save``."""
    written = io.BytesIO()
    torch.save({"state_dict": evil, "global_step": 3}, written, _use_new_zipfile_serialization=False)
    return written.getvalue()


def pickled(evil: Evil) -> bytes:
    """Return a plain pickle."""
    return pickle.dumps({"state_dict": {}, "global_step": 3, "evil": evil})


def exchanged(evil: Evil) -> bytes:
    """Return a valid checkpoint whose pickle was replaced."""
    real, written = io.BytesIO(), io.BytesIO()
    torch.save({"state_dict": {}, "global_step": 3}, real)
    with zipfile.ZipFile(real) as old, zipfile.ZipFile(written, "w") as new:
        for name in old.namelist():
            new.writestr(name, pickle.dumps(evil) if name.endswith("data.pkl") else old.read(name))
    return written.getvalue()


@pytest.fixture
def config() -> RunConfig:
    return run_config.resolve_config(
        RunRequest.from_mapping(
            {
                "arch": {"name": "gru", "d_model": 8},
                "task": {"name": "copy", "delay": 2, "samples": 40},
                "tier": "smoke",
                "optim": {"steps": 20, "batch_size": 8, "validate_every": 10},
                "logger": "none",
            }
        )
    )


@pytest.mark.parametrize("made", [zipped, legacy, pickled, exchanged])
def test_a_checkpoint_that_would_run_something_is_refused(
    made: Callable[[Evil], bytes], config: RunConfig, tmp_path: Path
) -> None:
    witness, runs = tmp_path / "witness", tmp_path / "runs"
    data = made(Evil(witness))
    with contextlib.suppress(Exception):
        torch.load(io.BytesIO(data), weights_only=False)
    assert witness.exists(), "the trap does not work"
    witness.unlink()

    folder = config.folder(runs)
    module = build.build_module(config)
    build_record(INTERRUPTED, {}, provenance.describe_run(config, module)).write(folder)
    for name in (run_folder.BEST, run_folder.LAST):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    with only_within(folder):
        with pytest.raises(SeqbenchError, match=r"best\.ckpt does not fit its record") as loading:
            seqbench.load(folder)
        with pytest.raises(SeqbenchError, match=r"last\.ckpt cannot be read") as resuming:
            runner.run(config, runs, existing="resume")
    assert not witness.exists()
    assert [str(caught.value).count("\n") for caught in (loading, resuming)] == [0, 0]
    assert (folder / run_folder.LAST).read_bytes() == data


INTERRUPTED = {"status": "interrupted", "reason": "for a test", "curves": {}}
TAGS = [
    "!!python/object/apply:builtins.open [witness, w]",
    "!!python/object/new:builtins.open [witness, w]",
    "!!python/name:os.system",
    "!!python/module:antigravity",
    "!!python/object:pathlib.Path {}",
]


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("text", ["{}", "arch: gru\ntask:\n  name: copy\n  delay: {}", "- {}"])
def test_yaml_tags_are_never_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tag: str, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "config.yaml"
    path.write_text(text.format(tag))
    with only_within(tmp_path):
        for action in (run_request.read_options_file, plain_data.read_yaml):
            with pytest.raises(SeqbenchError, match="not valid YAML"):
                action(path)
        assert main(["run", "--config", str(path)]) == 2
        assert main(["check", str(path)]) == 2
    assert [found.name for found in tmp_path.iterdir()] == ["config.yaml"]


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The path of a class in the current folder, whose module creates a file when it is imported."""
    (tmp_path / "trap_module.py").write_text("import pathlib\npathlib.Path('witness').touch()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return "trap_module:Net"


def test_reading_a_record_or_a_card_imports_nothing_that_it_names(trap: str, config: RunConfig, tmp_path: Path) -> None:
    described = json.loads(json.dumps(provenance.describe_run(config, build.build_module(config))))
    described["architecture"] |= {"name": trap, "class": trap}
    described["options"]["arch"]["name"] = trap
    build_record(INTERRUPTED, {}, described).write(tmp_path / "run")
    card = plain_data.read_yaml(Path(__file__).parents[2] / "tasks" / "copy.yaml")
    assert isinstance(card, dict)
    with only_within(tmp_path) as watch:
        records.read_record(tmp_path / "run")
        run_request.read_options_file(tmp_path / "run" / records.NAME)
        cards.parse_card({**card, "datamodule": trap}, "toy.yaml").digest("smoke")
        assert main(["list"]) == 0
    assert "trap_module" not in watch.imported
    assert not (tmp_path / "witness").exists()
    # A class that the user gives by its path is imported, so the trap works.
    main(["show", trap])
    assert (tmp_path / "witness").exists()


def test_prepared_arrays_are_never_unpickled(tmp_path: Path, cache: Path) -> None:
    witness, whole = tmp_path / "witness", np.arange(6)
    caching.load_or_prepare("kind", {}, lambda: {"a": whole})
    (entry,) = (cache / "prepared").iterdir()
    evil = np.array([Evil(witness)], object)
    for array in (evil, evil.reshape(1, 1), np.array([(0, Evil(witness))], [("a", "i4"), ("b", object)])):
        np.save(entry / "a.npy", array, allow_pickle=True)
        with only_within(cache):
            found = caching.load_or_prepare("kind", {}, lambda: {"a": whole})
        np.testing.assert_array_equal(found["a"], whole)
    # An empty array cannot be mapped into memory, so its file is read, where a pickle could be.
    empty = io.BytesIO()
    np.lib.format.write_array_header_1_0(empty, {"descr": "|O", "fortran_order": False, "shape": (0,)})
    for data in (empty.getvalue() + pickle.dumps(Evil(witness)), pickled(Evil(witness))):
        (entry / "a.npy").write_bytes(data)
        with only_within(cache):
            caching.load_or_prepare("kind", {}, lambda: {"a": whole})
    assert not witness.exists()
