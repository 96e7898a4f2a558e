"""The description of the processor and of the libraries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from seqbench.protocol.record_fields import Processor
from seqbench.running.diagnostics import processor
from seqbench.utils.strict_model import validate

CPU = torch.device("cpu")
CPU_INFO = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC 9B14
stepping\t: 1

processor\t: 1
model\t\t: 99
"""
BUILD = """PyTorch built with:
  - Intel(R) oneAPI Math Kernel Library Version 2024.2-Product Build 20240605
  - Intel(R) MKL-DNN v3.7.1 (Git Hash 8d263e6)
"""


@pytest.fixture
def cpu_info(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cpuinfo"
    monkeypatch.setattr(processor, "CPU_INFO", path)
    processor._cpu_info.cache_clear()
    return path


@pytest.fixture(autouse=True)
def forget_processor() -> Iterator[None]:
    yield
    processor._cpu_info.cache_clear()


def test_the_description_has_the_form_of_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    described = validate(Processor, processor.describe_processor(CPU))
    assert described.capability == torch.backends.cpu.get_cpu_capability()
    assert described.cores >= 1
    assert described.settings["MKL_CBWR"] == "COMPATIBLE"
    assert described.graphics is None


def test_the_first_processor_of_the_system_is_described(cpu_info: Path) -> None:
    cpu_info.write_text(CPU_INFO)
    described = processor.describe_processor(CPU)
    assert {key: described[key] for key in ("name", "vendor", "family", "model", "stepping")} == {
        "name": "AMD EPYC 9B14",
        "vendor": "AuthenticAMD",
        "family": "25",
        "model": "17",
        "stepping": "1",
    }


def test_a_system_without_a_description_leaves_the_fields_empty(cpu_info: Path) -> None:
    described = processor.describe_processor(CPU)
    assert (described["vendor"], described["family"], described["stepping"]) == (None, None, None)
    assert described["name"]


def test_versions_of_libraries_are_read_from_the_build() -> None:
    assert processor.library_version("Math Kernel Library", BUILD) == "2024.2"
    assert processor.library_version("MKL-DNN", BUILD) == "3.7.1"
    assert processor.library_version("MKL-DNN", "PyTorch built with:") is None


def test_a_switch_of_pytorch_is_recorded_if_it_is_not_the_default() -> None:
    name = "torch.use_deterministic_algorithms"
    settings = processor.describe_processor(CPU)["settings"]
    assert isinstance(settings, dict)
    assert name not in settings
    torch.use_deterministic_algorithms(True)
    try:
        changed = processor.describe_processor(CPU)["settings"]
    finally:
        torch.use_deterministic_algorithms(False)
    assert isinstance(changed, dict)
    assert changed[name] == "True"
