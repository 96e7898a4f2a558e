from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from seqbench.protocol import registry
from seqbench.running import runner
from seqbench.utils.errors import NotAtHand, SeqbenchError
from seqbench.verification import verify
from seqbench.verification.requests import plugin_wheels
from seqbench.verification.requests.plugin_wheels import install_plugins, named_plugins, use_plugin_folder
from tests import distributions
from tests.distributions import NET, Site
from tests.leaderboard.kit import example_record
from tests.record_data import SECTIONS, changed_record
from tests.verification.helpers import resolve


def test_the_plugins_of_architectures_and_encoders_are_named_once() -> None:
    theirs = example_record(arch="net", distribution="their-package", version="1.2.0")
    encoder = {**SECTIONS["config"]["architecture"], "distribution": "another", "version": "2.0"}
    pair = changed_record(example_record(), "config.encoder", encoder)
    by_path = example_record(distribution=None)
    assert named_plugins([theirs, theirs, pair, by_path, example_record()]) == [
        ("another", "2.0"),
        ("their-package", "1.2.0"),
    ]


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("--index-url=https://evil", "1.0"),
        ("pkg @ https://evil/x.whl", "1.0"),
        ("../here", "1.0"),
        ("pkg", "1.0 ; x"),
        ("pkg", "-r/etc/passwd"),
        ("pkg\n--pre", "1"),
        ("", "1"),
        ("pkg", "None\n"),
    ],
)
def test_a_name_that_pip_could_take_for_something_else_is_refused(name: str, version: str) -> None:
    with pytest.raises(SeqbenchError, match="which the package index cannot have"):
        named_plugins([example_record(distribution=name, version=version)])


def test_too_many_plugins_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_wheels, "MOST_PLUGINS", 1)
    with pytest.raises(SeqbenchError, match="name 2 distributions"):
        named_plugins([example_record(distribution=name) for name in ("one", "two")])


def test_only_wheels_without_requirements_are_installed_and_failures_are_named(tmp_path: Path) -> None:
    commands: list[list[str]] = []

    def run(command: list[str]) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, int("bad" in command[-1]), "", "no matching\ndistribution")

    problems = install_plugins([("bad", "1.0"), ("good", "2.0")], tmp_path / "plugins", run)
    assert problems == [
        "bad 1.0 could not be installed as a wheel from the package index: no matching distribution",
    ]
    assert [command[-1] for command in commands] == ["bad==1.0", "good==2.0"]
    for command in commands:
        assert command[command.index("--only-binary") + 1] == ":all:"
        assert "--no-deps" in command
        assert command[command.index("--target") + 1] == str(tmp_path / "plugins")


def test_an_installation_that_takes_too_long_is_a_problem(tmp_path: Path) -> None:
    def run(command: list[str]) -> subprocess.CompletedProcess[str]:
        raise subprocess.TimeoutExpired(command, 300)

    assert "could not be installed" in install_plugins([("slow", "1.0")], tmp_path, run)[0]


def test_this_process_reads_the_metadata_of_plugins_and_cannot_import_them(tmp_path: Path) -> None:
    files = {"their_nets.py": "raise SystemExit('imported')", "start.pth": "import os; os.abort()"}
    Site(tmp_path).install("their-nets", {"their-net": "their_nets:Net"}, {"their-task": "their_nets"}, files)
    assert "their-net" not in registry.list_entries(registry.ARCHITECTURES)
    with use_plugin_folder(tmp_path):
        entry = registry.find_entry(registry.ARCHITECTURES, "their-net")
        assert (entry.distribution, entry.version) == ("their-nets", "1.0")
        assert registry.plugin_folders() == (str(tmp_path),)
        assert "their-task" not in registry.list_entries(registry.TASKS)
        with pytest.raises(NotAtHand, match=r"could not be imported|needs the library"):
            entry.load()
    assert registry.plugin_folders() == ()
    assert "their-net" not in registry.list_entries(registry.ARCHITECTURES)


def test_only_the_process_of_a_net_imports_its_plugin_and_every_check_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with distributions.site(tmp_path / "plugins", monkeypatch) as installed:
        installed.install("their-nets", {"their-net": "their_nets:Net"}, files={"their_nets.py": NET})
        run = runner.run(resolve(arch={"name": "their-net", "d_model": 8}), tmp_path / "runs").folder
    assert "their_nets" not in sys.modules
    with use_plugin_folder(tmp_path / "plugins"):
        report = verify.verify_record(run)
    assert (report.names("wrong"), report.names("skipped")) == ([], [])
    messages = {check.name: check.message for check in report.checks}
    assert "whose code is not trained beside targets" in messages["start"]
    assert "their-nets as installed" in messages["sources"]
    assert "their_nets" not in sys.modules
    with use_plugin_folder(tmp_path / "plugins"):
        (tmp_path / "plugins" / "their_nets.py").write_text(f"{NET}\n# Another source.\n")
        assert "sources" in verify.verify_record(run).names("skipped")
