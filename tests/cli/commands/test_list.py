from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seqbench.cli.main import main
from seqbench.leaderboard.data import board_paths
from seqbench.protocol import registry
from tests import distributions
from tests.distributions import NET, Site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A folder of installed distributions."""
    with distributions.site(tmp_path / "site", monkeypatch) as site:
        yield site


def run_list(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, str], str]:
    """Return the exit status, the line of each name, and the last line."""
    capsys.readouterr()
    status = main(["list", *words])
    lines = capsys.readouterr().out.splitlines()
    return status, {line.split()[0]: line for line in lines if line.startswith("  ")}, lines[-1]


def test_a_check_counts_the_entries_that_are_ok(capsys: pytest.CaptureFixture[str]) -> None:
    status, rows, last = run_list(capsys, "--check")
    count = (
        len(registry.list_entries(registry.ARCHITECTURES))
        + len(registry.list_entries(registry.TASKS))
        + len(board_paths.board_names())
    )
    lacking = [row for row in rows.values() if "needs the library" in row]
    assert [row for row in rows.values() if not row.endswith(" ok") and row not in lacking] == []
    others = f", {len(lacking)} lacking a library" if lacking else ""
    assert (status, last) == (0, f"{count - len(lacking)} of {count} ok{others}")


def test_a_check_reports_each_broken_entry_in_one_line(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"good.py": NET, "bad.py": "raise ValueError('a\\nb')", "jobs/__init__.py": ""}
    site.install("theirs", {"good": "good:Net", "bad": "bad:Net", "gru": "good:Net"}, {"job": "jobs"}, files)
    status, rows, last = run_list(capsys, "--check")
    assert status == 1
    assert rows["good"].endswith("theirs 1.0  ok") or rows["good"].split()[-1] == "ok"
    assert "broken: 'bad' (from theirs 1.0) could not be imported from bad:Net: ValueError: a b." in rows["bad"]
    assert "broken: architecture 'gru' is offered by " in rows["gru"]
    assert "broken: task 'job' (from theirs 1.0) has no card" in rows["job"]
    assert rows["lstm"].endswith(" ok")
    assert last.endswith(", 3 broken")


def test_an_entry_that_lacks_an_optional_library_is_not_broken(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.install("theirs", {"net": "fast:Net [fast]"}, files={"fast.py": "import no_such_kernels"})
    status, rows, last = run_list(capsys, "architectures", "--check")
    assert status == 0
    assert "needs the library 'no_such_kernels', which is not installed here; get it by `pip install" in rows["net"]
    lacking = sum("needs the library" in row for row in rows.values())
    assert last.endswith(f" ok, {lacking} lacking a library")


def test_a_broken_card_is_reported_without_a_check(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.install("theirs", tasks={"job": "jobs"}, files={"jobs/__init__.py": ""})
    status, rows, _ = run_list(capsys, "tasks")
    assert status == 0
    assert "broken: task 'job' (from theirs 1.0) has no card" in rows["job"]


def test_leaderboards_are_listed_with_their_titles(capsys: pytest.CaptureFixture[str]) -> None:
    _, rows, _ = run_list(capsys, "boards")
    assert list(rows) == board_paths.board_names()
    assert rows["tcn-table1"].endswith("Bai, Kolter & Koltun 2018, Table 1")
