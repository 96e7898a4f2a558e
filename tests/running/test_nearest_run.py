from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

import seqbench
from seqbench.running import nearest_run, run_config
from seqbench.running.run_request import RunRequest

SHORT: dict[str, Any] = {
    "tier": "smoke",
    "optim": {"steps": 4, "validate_every": 2},
    "logger": "none",
    "trainer": {"threads": 1},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished run."""
    folder = tmp_path_factory.mktemp("runs")
    seqbench.run({"name": "gru", "num_layers": 2, "d_model": 8}, "copy", **SHORT, runs=folder)
    return folder


def explain(runs: Path, **given: Any) -> str | None:
    arch = {"name": "gru", "num_layers": 2, "d_model": 8, **given.pop("arch", {})}
    options = {"arch": arch, "task": "copy", **SHORT, **given}
    return nearest_run.explain_new_start(run_config.resolve_config(RunRequest.from_mapping(options)), runs)


def test_an_earlier_attempt_needs_no_sentence(runs: Path) -> None:
    assert explain(runs) is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"arch": {"num_layers": 3}}, "which differs in arch.num_layers (2, now 3); starting anew"),
        ({"seed": 1}, "which differs in seed (0, now 1)"),
        ({"task": {"name": "copy", "delay": 9}}, "task.delay (5, now 9)"),
        ({"trainer": {"precision": "bf16"}}, "trainer.precision (32-true, now bf16-mixed)"),
        ({"optim": {"steps": 6, "validate_every": 3}}, "optim.steps (4, now 6), optim.validate_every (2, now 3)"),
        (
            {
                "arch": {"num_layers": 3, "dropout": 0.5, "d_model": 9},
                "seed": 2,
                "optim": {"steps": 6, "validate_every": 3},
            },
            " and ",
        ),
    ],
)
def test_the_differences_from_the_nearest_run_are_named(runs: Path, given: dict[str, Any], words: str) -> None:
    sentence = explain(runs, **given)
    assert sentence is not None
    assert sentence.startswith(f"no earlier run of this configuration in {runs / 'copy' / 'gru'}; the nearest is ")
    assert words in sentence


def test_without_any_run_the_sentence_names_the_folder(tmp_path: Path) -> None:
    assert explain(tmp_path) == f"no earlier run of this configuration in {tmp_path / 'copy' / 'gru'}; starting anew"


def test_the_run_with_the_fewest_differences_is_chosen(runs: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"arch": {"name": "gru", "num_layers": 3, "d_model": 8}, "task": "copy", **SHORT}
    config = run_config.resolve_config(RunRequest.from_mapping(options))
    for name, layers in (("smoke-a", 4), ("smoke-b", 3)):
        folder = tmp_path / "copy" / "gru" / name
        folder.mkdir(parents=True)
        arch = {"name": "gru", "num_layers": layers, "d_model": 99}
        changed = {**config.options(), "arch": {**config.options()["arch"], **arch}}
        (folder / "config.yaml").write_text(str(changed).replace("None", "null").replace("True", "true"))
    (tmp_path / "copy" / "gru" / "smoke-c").mkdir()
    (tmp_path / "copy" / "gru" / "smoke-c" / "config.yaml").write_text("[")
    found = nearest_run.find_nearest_run(config, tmp_path)
    assert found is not None
    assert found.name == "smoke-b"
    ignored = [tmp_path / "copy" / "gru" / "smoke-b"]
    other = nearest_run.find_nearest_run(config, tmp_path, ignored)
    assert other is not None
    assert other.name == "smoke-a"


def test_an_edited_class_is_named_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = (
        "from torch import nn\nclass Net(nn.Module):\n    causal = True\n"
        "    def __init__(self, d_model: int): super().__init__(); self.map = nn.Linear(d_model, d_model)\n"
        "    def forward(self, x, lengths=None): return self.map(x)\n"
    )
    (tmp_path / "net_nearest.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    seqbench.run("net_nearest:Net", "copy", **SHORT, runs=tmp_path / "runs")
    (tmp_path / "net_nearest.py").write_text(source.replace("self.map(x)", "self.map(x).tanh()"))
    import sys

    del sys.modules["net_nearest"]
    options = {"arch": "net_nearest:Net", "task": "copy", **SHORT}
    config = run_config.resolve_config(RunRequest.from_mapping(options))
    sentence = nearest_run.explain_new_start(config, tmp_path / "runs")
    assert sentence is not None
    assert "the source" in sentence
    assert "net_nearest.py" in sentence


def test_resume_in_python_says_that_it_starts_anew(
    runs: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "seqbench")
    seqbench.run({"name": "gru", "d_model": 8}, "copy", **SHORT, runs=tmp_path, existing="resume")
    assert any(message.startswith("no earlier run of this configuration") for message in caplog.messages)
