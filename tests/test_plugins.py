"""Installed plug-ins: the card of a task is found, and each problem gives one line on the command line."""

from __future__ import annotations

import math
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import seqbench
from seqbench.cli.main import main
from seqbench.datamodules import base, loading
from seqbench.datamodules.parity import Parity
from seqbench.protocol import card_lookup, cards, registry, specs
from seqbench.protocol.batches import Keys
from seqbench.running import run_config
from seqbench.running.run_request import RunRequest
from seqbench.utils.errors import SeqbenchError
from tests import distributions
from tests.datamodules import kit
from tests.distributions import NET, Site

CARD = """
name: job
version: 1
summary: |
  a job
  of a plug-in
example: none
datamodule: theirs.data:Job
metric: {name: accuracy, direction: max}
citation: none
licence: none
tiers:
  smoke:
    arch: {d_model: 8}
    optim: {steps: 1, batch_size: 4, validate_every: 1, lr: 1.0e-3}
"""
JOB = "from seqbench.datamodules.parity import Parity as Job"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with distributions.site(tmp_path / "site", monkeypatch) as site:
        yield site


def install_task(site: Site, card: str | None = CARD, data: str = JOB, value: str = "theirs", init: str = "") -> None:
    files = {"theirs/__init__.py": init, "theirs/data.py": data}
    if card is not None:
        files["theirs/job.yaml"] = card
    site.install("their-tasks", tasks={"job": value}, files=files)


def error_line(words: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must fail, and return its error message: one line without traceback."""
    capsys.readouterr()
    assert main(words.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("seqbench: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_the_card_is_read_from_the_package_of_the_entry_without_importing_it(site: Site) -> None:
    install_task(site, init="1 / 0")
    assert cards.load_card("job").datamodule == "theirs.data:Job"
    assert card_lookup.card_summary("job") == "a job of a plug-in"
    assert "theirs" not in sys.modules


def test_the_card_may_be_in_a_subpackage(site: Site) -> None:
    files = {"theirs/__init__.py": "1 / 0", "theirs/tasks/job.yaml": CARD}
    site.install("their-tasks", tasks={"job": "theirs.tasks"}, files=files)
    assert cards.load_card("job").name == "job"


def test_an_editable_installation_is_found(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # An editable installation has its metadata in site-packages, and its package in another folder on the path.
    install_task(site)
    (tmp_path / "checkout").mkdir()
    (site.folder / "theirs").rename(tmp_path / "checkout" / "theirs")
    monkeypatch.syspath_prepend(tmp_path / "checkout")
    assert cards.load_card("job").name == "job"


def test_a_folder_named_tasks_next_to_a_package_is_not_searched(site: Site) -> None:
    install_task(site, card=None)
    (site.folder / "tasks").mkdir()
    (site.folder / "tasks" / "job.yaml").write_text(CARD)
    with pytest.raises(SeqbenchError, match="has no card"):
        cards.load_card("job")


def test_a_card_may_be_an_alias(site: Site) -> None:
    install_task(site, card="alias: copy")
    assert cards.load_card("job").name == "copy"


TRAINED = """
import seqbench
from torch import nn
class Trained(seqbench.SequenceModule):
    def __init__(self, context, d_model: int):
        super().__init__(context, nn.GRU(d_model, d_model))
    def training_step(self, batch, batch_idx):
        return self.batch_loss(self.hidden_states(batch), batch)
"""


def digests_of_plug_in(site: Site, module: str) -> list[str]:
    """Install a plug-in whose classes are in that module; return the digests of its card and of its runs."""
    parents = [module.rsplit(".", above)[0] for above in range(1, module.count(".") + 1)]
    site.install(
        "their-tasks",
        architectures={"their-net": f"{module}:Net", "their-module": f"{module}:Trained"},
        tasks={"job": "theirs"},
        datamodules={"jobs": f"{module}:Job"},
        files={
            "theirs/job.yaml": CARD.replace("theirs.data:Job", "jobs"),
            **{f"{parent.replace('.', '/')}/__init__.py": "" for parent in parents},
            f"{module.replace('.', '/')}.py": f"{JOB}\n{textwrap.dedent(NET)}\n{TRAINED}",
        },
    )
    card = cards.load_card("job")
    assert registry.find_data_entry("job", card.datamodule).value == f"{module}:Job"
    digests = [card.digest("smoke")]
    for arch in ("their-net", "their-module"):
        config = run_config.resolve_config(RunRequest(arch, "job", tier="smoke"))
        assert config.arch_entry.value.startswith(f"{module}:")
        digests.append(config.digest())
    return digests


def test_a_file_that_moves_changes_no_digest_of_tasks_architectures_and_modules(site: Site) -> None:
    before = digests_of_plug_in(site, "theirs.data")
    (site.folder / "theirs" / "data.py").unlink()
    assert digests_of_plug_in(site, "theirs.inner.elsewhere") == before
    assert len(set(before)) == 3


def test_the_digest_of_a_card_with_a_path_holds_the_path(site: Site) -> None:
    install_task(site)
    before = cards.load_card("job").digest("smoke")
    install_task(site, CARD.replace("theirs.data:Job", "theirs.moved:Job"))
    assert cards.load_card("job").digest("smoke") != before


def test_a_card_may_name_a_kind_of_data_of_another_distribution(site: Site) -> None:
    install_task(site, CARD.replace("theirs.data:Job", "parity"))
    assert loading.import_datamodule_class(cards.load_card("job")) is Parity


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (
            "parrity",
            "task 'job' (from their-tasks 1.0) cannot be used: unknown kind of data 'parrity'. Did you mean",
        ),
        ("copying", "kind of data 'copying' is offered by "),
    ],
)
def test_a_kind_of_data_that_is_unknown_or_offered_twice_gives_one_line(
    site: Site, capsys: pytest.CaptureFixture[str], kind: str, sentence: str
) -> None:
    install_task(site, CARD.replace("theirs.data:Job", kind))
    site.install("their-kinds", datamodules={"copying": "theirs.data:Job"})
    line = error_line("run --arch gru --task job --tier smoke --logger none", capsys)
    assert sentence in line
    if kind == "copying":
        assert "seqbench 0" in line
        assert "their-kinds 1.0" in line
    assert sentence in error_line("show job", capsys)
    assert sentence in error_line("check job", capsys)
    assert main(["list", "tasks"]) == 0


@pytest.mark.parametrize(
    ("card", "value", "sentence"),
    [
        (None, "theirs", r"task 'job' (from their-tasks 1.0) has no card: looked for job.yaml in "),
        (CARD, "no_such", "looked for job.yaml in no_such, which is no package that is installed"),
        ("name: [", "theirs", "job.yaml is not valid YAML"),
        ("just a text", "theirs", "must be a mapping"),
        (CARD + "colour: red\n", "theirs", "job.yaml (from their-tasks 1.0) cannot be used: it has the unknown key"),
        (CARD.replace("name: job", "name: copy"), "theirs", "its name is 'copy', but it is registered as 'job'"),
        ("alias: nothing-like-it", "theirs", "unknown task 'nothing-like-it'"),
    ],
)
def test_an_invalid_card_gives_one_line(
    site: Site, capsys: pytest.CaptureFixture[str], card: str | None, value: str, sentence: str
) -> None:
    install_task(site, card, value=value)
    assert sentence in error_line("run --arch gru --task job --tier smoke --logger none", capsys)
    assert sentence in error_line("show job", capsys)
    assert main(["list", "tasks"]) == 0
    listed = capsys.readouterr().out
    assert listed.count("broken: ") <= 1
    assert "recall 10 symbols" in listed


@pytest.mark.parametrize(
    ("data", "value", "sentence"),
    [
        ("def Job(): ...", "theirs", "theirs.data:Job is no class that extends seqbench.datamodules.base.SequenceData"),
        (
            "class Job: ...",
            "theirs",
            "task 'job' (from their-tasks 1.0) cannot be used: its datamodule theirs.data:Job",
        ),
        (
            "from seqbench.datamodules.base import SequenceDataModule\nclass Job(SequenceDataModule): ...",
            "theirs",
            "theirs.data:Job lacks best, chance, steps, stream",
        ),
        (
            "raise OSError('no\\ndisk')",
            "theirs",
            "(from their-tasks 1.0) could not be imported from theirs.data:Job: OSE",
        ),
        ("import no_such_audio", "theirs", "needs the library 'no_such_audio', which is not installed here; install"),
        ("import no_such_audio", "theirs [audio]", "get it by `pip install 'their-tasks[audio]'`"),
    ],
)
def test_an_invalid_datamodule_gives_one_line(
    site: Site, capsys: pytest.CaptureFixture[str], data: str, value: str, sentence: str
) -> None:
    install_task(site, data=data, value=value)
    assert sentence in error_line("run --arch gru --task job --tier smoke --logger none", capsys)
    assert cards.load_card("copy")


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("raise SystemExit(3)", "'net' (from their-nets 1.0) could not be imported from their_nets:Net: SystemExit: 3"),
        ("def Net(d_model): ...", "is no backbone: expected a class whose __init__ takes d_model and whose forward"),
        (NET.replace("lengths=None", "state"), "but the forward of Net requires state, which has no default"),
    ],
)
def test_an_invalid_architecture_gives_one_line(
    site: Site, capsys: pytest.CaptureFixture[str], tmp_path: Path, source: str, sentence: str
) -> None:
    site.install("their-nets", {"net": "their_nets:Net"}, files={"their_nets.py": source})
    runs = tmp_path / "runs"
    assert sentence in error_line(f"run --arch net --task copy --tier smoke --logger none --runs {runs}", capsys)
    assert sentence in error_line("show net", capsys)
    assert not runs.exists()


def test_two_distributions_with_the_same_name_give_one_line_and_are_listed(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.install("their-nets", {"gru": "their_nets:Net"}, {"copy": "theirs"})
    assert "architecture 'gru' is offered by " in error_line("run --arch gru --task parity", capsys)
    assert "task 'copy' is offered by " in error_line("run --arch lstm --task copy", capsys)
    assert main(["list"]) == 0
    assert capsys.readouterr().out.count(" AND ") == 2


def test_the_datamodule_of_the_documentation_makes_valid_batches() -> None:
    text = (Path(__file__).resolve().parent.parent / "docs" / "plugins.md").read_text(encoding="utf-8")
    (code,) = [block.split("```")[0] for block in text.split("```python\n") if block.startswith("class Repeat")]
    names = {"SequenceDataModule": base.SequenceDataModule, "Scores": base.Scores, "require": base.require}
    namespace: dict[str, Any] = {**vars(specs), **names, "Keys": Keys, "math": math, "torch": torch}
    exec(compile(code, "docs/plugins.md", "exec"), namespace)
    data = namespace["Repeat"](batch_size=4, keys=Keys(0, "repeat", 1), length=9, samples=10)
    kit.check_repeats(data, data)
    kit.check_weights(data)
    kit.check_samples(data, "test", 10)
    batch = data.stream("test", 0)
    assert torch.equal(batch.targets[:, 1:], batch.inputs[:, :-1])


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this version of PyTorch has no Muon")
def test_the_module_of_the_documentation_is_trained_by_both_optimisers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (Path(__file__).resolve().parent.parent / "docs" / "plugins.md").read_text(encoding="utf-8")
    (code,) = [block.split("```")[0] for block in text.split("```python\n") if "class MuonGRU" in block]
    (tmp_path / "documented_module.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    arch = {"name": "documented_module:MuonGRU", "d_model": 8, "muon_lr": 0.01}
    optim = {"steps": 20, "validate_every": 10, "clip": 1.0}
    run = seqbench.run(arch, {"name": "copy", "delay": 2, "samples": 16}, tier="smoke", optim=optim, logger="none")
    assert run.record.status == "ok"
    assert run.record.config.own_training == ["configure_optimizers", "training_step"]
    loss = run.record.results.curves.train["loss"]
    assert loss[-1] < loss[0]


LIGHTNING = """
import lightning.pytorch as L

class Net(L.LightningModule):
    def __init__(self, d_model: int):
        super().__init__()

    def forward(self, x, lengths=None):
        return x
"""

EVALUATES = """
import seqbench

class Net(seqbench.SequenceModule):
    def __init__(self, context, d_model: int):
        super().__init__(context, None)

    def validation_step(self, batch, batch_idx):
        self.log("validation/accuracy", 1.0)
"""


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (LIGHTNING, "is a LightningModule of its own, whose training and head seqbench would not use; give a backbone"),
        (EVALUATES, "Net overrides validation_step, but a seqbench.SequenceModule brings its training alone"),
    ],
)
def test_a_module_that_cannot_be_scored_is_one_line_with_the_way_out(
    site: Site, capsys: pytest.CaptureFixture[str], tmp_path: Path, source: str, sentence: str
) -> None:
    site.install("their-modules", {"net": "their_modules:Net"}, files={"their_modules.py": source})
    runs = tmp_path / "runs"
    words = f"run --arch net --task copy --tier smoke --logger none --arch.d_model 8 --runs {runs}"
    assert sentence in error_line(words, capsys)
    assert sentence in error_line("check net", capsys)
    assert not runs.exists()
