from __future__ import annotations

from pathlib import Path

import pytest

import seqbench
from seqbench.protocol import run_folder
from seqbench.running import samples
from seqbench.running.samples import Request
from seqbench.utils.errors import SeqbenchError


@pytest.fixture
def folder(text_folder: Path, tmp_path: Path) -> Path:
    """The folder of a finished run on a text."""
    task = {"name": "char-lm", "data_dir": str(text_folder), "length": 16, "window": 32}
    optim = {"steps": 2, "batch_size": 4, "validate_every": 2}
    run = seqbench.run(
        {"name": "gru", "d_model": 8}, task, tier="smoke", optim=optim, logger="none", runs=tmp_path / "runs"
    )
    assert run.record.status == "ok", run.record.results.reason
    return run.folder


def generate(folder: Path, prompt: str, seed: int = 0) -> str:
    return samples.generate("text", seqbench.load(folder), folder, Request(prompt, 20, 0.8, seed))


def test_a_run_writes_its_sample_and_its_vocabulary(folder: Path) -> None:
    text = (folder / run_folder.SAMPLE).read_text()
    assert len(text) == 400
    assert (folder / run_folder.VOCABULARY).is_file()


def test_the_seed_decides_the_generated_text(folder: Path, text_folder: Path) -> None:
    first = next(text_folder.iterdir()).read_text()[0]
    text = generate(folder, first)
    assert text.startswith(first)
    assert len(text) == 21
    assert generate(folder, first) == text != generate(folder, first, seed=1)


def test_a_missing_or_foreign_vocabulary_is_refused(folder: Path) -> None:
    (folder / run_folder.VOCABULARY).write_text('["a"]')
    with pytest.raises(SeqbenchError, match="is not the vocabulary of this run"):
        generate(folder, "a")
    (folder / run_folder.VOCABULARY).write_text('{"a": 1}')
    with pytest.raises(SeqbenchError, match="is not a list of characters"):
        generate(folder, "a")
    (folder / run_folder.VOCABULARY).unlink()
    with pytest.raises(SeqbenchError, match="is missing: the run did not finish"):
        generate(folder, "a")


def test_a_task_without_a_sampler_generates_nothing(folder: Path) -> None:
    with pytest.raises(SeqbenchError, match="has nothing to generate"):
        samples.generate("", seqbench.load(folder), folder, Request("", None, 1.0, 0))
