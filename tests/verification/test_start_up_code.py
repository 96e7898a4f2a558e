from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import short_repr
from seqbench.verification.start_up_code import needed_distributions, require_no_start_up_code
from tests.distributions import Site, site


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with site(tmp_path / "site", monkeypatch) as found:
        yield found


def install(plugins: Site, files: dict[str, str], editable: bool = False) -> None:
    """Install a distribution with a list of its files, as pip writes it."""
    info = "their_package-1.0.dist-info"
    record = {f"{info}/RECORD": "".join(f"{name},,\n" for name in files)}
    direct = {f"{info}/direct_url.json": json.dumps({"url": "file:///x", "dir_info": {"editable": True}})}
    plugins.install("their-package", files={**files, **record, **(direct if editable else {})})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("theirs.pth", "/some/folder\nimport theirs\n"),
        ("sitecustomize.py", "import theirs\n"),
        ("seqbench/verification/verify.py", "def verify_record(): ...\n"),
        ("torchmetrics/metric.py", "class Metric: ...\n"),
    ],
)
def test_a_file_that_changes_other_processes_is_found(plugins: Site, name: str, text: str) -> None:
    install(plugins, {"theirs/__init__.py": "", name: text})
    with pytest.raises(SeqbenchError, match="'their-package' installs ") as raised:
        require_no_start_up_code("their-package")
    assert short_repr(name) in str(raised.value)


def test_a_package_of_its_own_and_paths_alone_are_no_start_up_code(plugins: Site) -> None:
    install(plugins, {"theirs/__init__.py": "", "theirs/sitecustomize.py": "", "paths.pth": "/some/folder\n"})
    require_no_start_up_code("their-package")


def test_an_editable_checkout_of_the_user_may_have_a_finder(plugins: Site) -> None:
    install(plugins, {"__editable__.theirs.pth": "import __editable___theirs_finder\n"}, editable=True)
    require_no_start_up_code("their-package")


def test_a_distribution_that_is_not_installed_has_no_files() -> None:
    require_no_start_up_code("no-such-distribution")


def test_needed_distributions_include_requirements_of_requirements_but_no_extras() -> None:
    needed = needed_distributions()
    assert {"seqbench", "torch", "lightning", "torchmetrics", "sympy"} <= {name.lower() for name in needed}
    assert "pytest" not in needed
