from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seqbench.protocol.identity import package_sources
from tests import distributions
from tests.distributions import NET, Site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with distributions.site(tmp_path / "site", monkeypatch) as site:
        yield site


def digest(name: str = "their-nets", *packages: str) -> str | None:
    package_sources.distribution_digest.cache_clear()
    return package_sources.distribution_digest(name, packages)


def list_files(site: Site, *names: str) -> None:
    """Write the list of installed files, as pip does."""
    lines = [f"{name},sha256=x,1\n" for name in (*names, "their_nets-1.0.dist-info/METADATA")]
    (site.folder / "their_nets-1.0.dist-info" / "RECORD").write_text("".join(lines))


def test_each_source_file_that_pip_lists_counts(site: Site) -> None:
    files = {"nets/__init__.py": "", "nets/ops.py": NET, "nets/readme.txt": "one"}
    site.install("their-nets", {"net": "nets:Net"}, files=files)
    list_files(site, *files)
    before = digest()
    assert before
    assert digest() == before
    (site.folder / "nets" / "readme.txt").write_text("two")
    assert digest() == before
    (site.folder / "nets" / "ops.py").write_text(f"{NET}\n")
    assert digest() != before


def test_an_editable_distribution_and_an_installed_one_have_one_digest(site: Site, tmp_path: Path) -> None:
    files = {"nets/__init__.py": "", "nets/ops.py": NET}
    site.install("their-nets", {"net": "nets:Net"}, files=files)
    list_files(site, *files)
    installed = digest("their-nets", "nets")
    for name in files:
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (site.folder / name).rename(tmp_path / "project" / name)
    list_files(site, "__editable__.their_nets-1.0.pth", "__editable___their_nets_finder.py")
    (site.folder / "__editable___their_nets_finder.py").write_text("")
    import sys

    sys.path.append(str(tmp_path / "project"))
    try:
        assert digest("their-nets", "nets") == installed
        (tmp_path / "project" / "nets" / "new.py").write_text("x = 1")
        assert digest("their-nets", "nets") not in (installed, None)
    finally:
        sys.path.remove(str(tmp_path / "project"))


def test_the_packages_that_a_distribution_names_count(site: Site) -> None:
    site.install("their-nets", files={"nets.py": NET, "their_nets-1.0.dist-info/top_level.txt": "nets\n"})
    before = digest()
    (site.folder / "nets.py").write_text("x = 1")
    assert before
    assert digest() not in (before, None)


def test_what_is_not_installed_or_has_no_source_has_no_digest(site: Site) -> None:
    site.install("their-nets")
    assert digest() is None
    assert digest("their-nets", "", ".relative", "two words", "no_such_package") is None
    assert digest("no-such-distribution") is None


def test_seqbench_has_a_digest_of_its_own_files() -> None:
    files = package_sources._package_files("seqbench")
    assert "seqbench/protocol/identity/package_sources.py" in files
    assert not [name for name in files if "__pycache__" in name or not name.startswith("seqbench/")]
    assert digest("seqbench") == package_sources.seqbench_digest()
