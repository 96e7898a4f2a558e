"""A stranger's distribution at the command line: its task's card is found, and each mistake is one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seqbench.cli.main import main
from seqbench.protocol import card_files, cards
from seqbench.utils.errors import SeqbenchError
from tests import distributions
from tests.distributions import NET, Site

CARD = """
name: job
version: 1
summary: |
  a job
  of theirs
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


def offer(site: Site, card: str | None = CARD, data: str = JOB, value: str = "theirs", init: str = "") -> None:
    files = {"theirs/__init__.py": init, "theirs/data.py": data}
    if card is not None:
        files["theirs/job.yaml"] = card
    site.install("their-tasks", tasks={"job": value}, files=files)


def said(words: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command that must fail prints: one line, and no traceback."""
    capsys.readouterr()
    assert main(words.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("seqbench: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_a_card_lies_in_the_package_that_the_entry_names(site: Site) -> None:
    offer(site, init="1 / 0")
    assert cards.load_card("job").datamodule == "theirs.data:Job"
    assert card_files.card_summary("job") == "a job of theirs"
    assert "theirs" not in sys.modules


def test_the_package_may_lie_deeper_and_is_not_imported_either(site: Site) -> None:
    files = {"theirs/__init__.py": "1 / 0", "theirs/tasks/job.yaml": CARD}
    site.install("their-tasks", tasks={"job": "theirs.tasks"}, files=files)
    assert cards.load_card("job").name == "job"


def test_a_package_installed_in_place_is_found(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # An editable install: the metadata in site-packages, the package wherever a path file points.
    offer(site)
    (tmp_path / "checkout").mkdir()
    (site.folder / "theirs").rename(tmp_path / "checkout" / "theirs")
    monkeypatch.syspath_prepend(tmp_path / "checkout")
    assert cards.load_card("job").name == "job"


def test_a_folder_called_tasks_beside_a_package_is_not_searched(site: Site) -> None:
    offer(site, card=None)
    (site.folder / "tasks").mkdir()
    (site.folder / "tasks" / "job.yaml").write_text(CARD)
    with pytest.raises(SeqbenchError, match="has no card"):
        cards.load_card("job")


def test_a_name_may_stand_for_another(site: Site) -> None:
    offer(site, card="alias: copy")
    assert cards.load_card("job").name == "copy"


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
def test_a_card_that_cannot_be_used_is_one_line(
    site: Site, capsys: pytest.CaptureFixture[str], card: str | None, value: str, sentence: str
) -> None:
    offer(site, card, value=value)
    assert sentence in said("run --arch gru --task job --tier smoke --logger none", capsys)
    assert sentence in said("show job", capsys)
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
def test_a_datamodule_that_cannot_be_used_is_one_line(
    site: Site, capsys: pytest.CaptureFixture[str], data: str, value: str, sentence: str
) -> None:
    offer(site, data=data, value=value)
    assert sentence in said("run --arch gru --task job --tier smoke --logger none", capsys)
    assert cards.load_card("copy")


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("raise SystemExit(3)", "'net' (from their-nets 1.0) could not be imported from their_nets:Net: SystemExit: 3"),
        ("def Net(d_model): ...", "is no backbone: expected a class whose __init__ takes d_model and whose forward"),
        (NET.replace(", lengths=None", ""), "but the forward of Net takes (self, x), no lengths"),
    ],
)
def test_an_architecture_that_cannot_be_used_is_one_line(
    site: Site, capsys: pytest.CaptureFixture[str], tmp_path: Path, source: str, sentence: str
) -> None:
    site.install("their-nets", {"net": "their_nets:Net"}, files={"their_nets.py": source})
    runs = tmp_path / "runs"
    assert sentence in said(f"run --arch net --task copy --tier smoke --logger none --runs {runs}", capsys)
    assert sentence in said("show net", capsys)
    assert not runs.exists()


def test_a_clash_is_one_line_and_listed(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.install("their-nets", {"gru": "their_nets:Net"}, {"copy": "theirs"})
    assert "architecture 'gru' is offered by " in said("run --arch gru --task parity", capsys)
    assert "task 'copy' is offered by " in said("run --arch lstm --task copy", capsys)
    assert main(["list"]) == 0
    assert capsys.readouterr().out.count(" AND ") == 2
