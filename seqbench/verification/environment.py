"""Differences between the machine and the software of a record and those of this process.

Only on equal hardware, with equal software, do two runs of one configuration give the same results bit for bit. On
another processor the rounding differs, and training amplifies it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch

from seqbench.protocol.config import RunConfig
from seqbench.protocol.record_fields import Processor
from seqbench.protocol.records import Record
from seqbench.running import provenance
from seqbench.running.diagnostics.processor import describe_processor
from seqbench.utils.plain_data import short_repr
from seqbench.utils.strict_model import validate

UNRELATED_PACKAGES = frozenset({"wandb", "sacrebleu", "mido", "music21", "pydantic"})
"""Packages of ``config.packages`` in which no training step is computed."""


def list_differences(record: Record, config: RunConfig, threads: int) -> list[str]:
    """Return how this machine and its software differ from those of a record, in words; empty if nothing differs.

    Args:
        record: record of the run.
        config: the configuration as it is run here, in one process.
        threads: CPU threads with which it is run here.
    """
    return [
        *_processor_differences(record, config),
        *_training_differences(record, config, threads),
        *_package_differences(record),
        *_source_differences(record, config),
    ]


def describe_environment(differences: list[str]) -> str:
    """Return a sentence in brackets on the differences, for the message of a check.

    >>> describe_environment([])
    ' (on equal hardware, with the same versions and sources)'
    """
    return f" ({'; '.join(differences)})" if differences else " (on equal hardware, with the same versions and sources)"


def _processor_differences(record: Record, config: RunConfig) -> Iterator[str]:
    uses_cuda = config.trainer.accelerator != "cpu" and torch.cuda.is_available()
    device = torch.device("cuda" if uses_cuda else "cpu")
    recorded, name = record.measured.processor, provenance.device_name(device)
    # The name of a processor ends with the number of threads, which is compared below.
    then, now = ((text or "").partition(", ")[0] for text in (record.measured.device, name))
    if then != now:
        yield f"recorded with device {short_repr(record.measured.device)}, here {short_repr(name)}"
    if recorded is None:
        yield "its processor's model and instruction set are not recorded"
        return
    here = validate(Processor, describe_processor(device)).to_dict()
    for key, value in recorded.to_dict().items():
        if key != "cores" and value != here.get(key):
            yield f"recorded with processor {key} {short_repr(value)}, here {short_repr(here.get(key))}"


def _training_differences(record: Record, config: RunConfig, threads: int) -> Iterator[str]:
    recorded = record.measured.trainer
    if record.measured.threads not in (None, threads):
        yield f"recorded with {record.measured.threads} threads, here {threads}"
    if recorded is None:
        return
    if recorded.devices * recorded.num_nodes != 1:
        yield f"recorded in {recorded.devices * recorded.num_nodes} processes, here in one"
    if recorded.precision != config.trainer.precision:
        yield f"recorded with precision {short_repr(recorded.precision)}, here {config.trainer.precision}"


def _package_differences(record: Record) -> Iterator[str]:
    here = provenance.package_versions()
    for name, version in record.config.packages.items():
        if name in here and name not in UNRELATED_PACKAGES and version != here[name]:
            yield f"recorded with {name} {short_repr(version)}, here {short_repr(here[name])}"


def _source_differences(record: Record, config: RunConfig) -> Iterator[str]:
    if not record.config.sources:
        yield "its sources are not recorded"
    sources = provenance.describe_config(config)["sources"]
    here = sources if isinstance(sources, Mapping) else {}
    for owner, recorded in record.config.sources.items():
        if recorded.digest != here.get(owner, {}).get("digest"):
            yield f"recorded with another source of {short_repr(owner)}"
