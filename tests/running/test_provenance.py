from __future__ import annotations

import platform
import re
from importlib import metadata
from pathlib import Path

import pytest
import torch

from seqbench.running import provenance

CPU = torch.device("cpu")


def test_versions_of_packages_name_the_build_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = provenance.package_versions()
    assert versions["python"] == platform.python_version()
    assert versions["numpy"] == metadata.version("numpy")
    monkeypatch.setattr(torch, "__version__", "2.8.0+cu128")
    assert provenance.package_versions()["torch"] == "2.8.0+cu128"


def test_a_missing_package_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "PACKAGES", ("no-such-package",))
    assert provenance.package_versions()["no-such-package"] is None


def test_the_peak_of_memory_is_that_since_the_reset() -> None:
    block = torch.ones(2**24)  # 64 MiB.
    before = provenance.peak_memory_bytes(CPU)
    del block
    provenance.reset_peak_memory(CPU)
    assert 0 < provenance.peak_memory_bytes(CPU) <= before
    block = torch.ones(2**25)  # 128 MiB.
    assert provenance.peak_memory_bytes(CPU) > 2**27
    del block


def test_without_proc_the_peak_of_the_whole_process_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "PROCESS_STATUS", tmp_path / "none")
    monkeypatch.setattr(provenance, "CLEAR_REFS", tmp_path / "no" / "folder")
    provenance.reset_peak_memory(CPU)
    assert provenance.peak_memory_bytes(CPU) > 2**20


def test_the_name_of_a_processor_includes_its_threads() -> None:
    threads = torch.get_num_threads()
    assert provenance.device_name(CPU).endswith(f", {threads} thread{'s' if threads > 1 else ''}")


def test_the_commit_of_a_checkout_marks_changes() -> None:
    commit = provenance.git_commit()
    assert commit is None or re.fullmatch(r"[0-9a-f]{40}(\+changes)?", commit)
