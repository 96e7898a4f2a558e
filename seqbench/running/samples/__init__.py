"""Samples that a trained module generates: texts, music and translations, written beside the record.

The ``sampler`` of a datamodule names one: a key of ``SAMPLERS``, or the module of a plug-in. A sampler is a module with
a function ``draw_sample(module, folder) -> Sample``, which writes its files into the run folder. It may also have
``generate(module, folder, request) -> str``, which serves ``seqbench generate``. It is imported after the test only.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqbench.models.module import SequenceModule
from seqbench.utils.errors import SeqbenchError

SAMPLERS = {
    "music": "seqbench.running.samples.music_sample",
    "text": "seqbench.running.samples.text_sample",
    "translation": "seqbench.running.samples.translation_sample",
}
"""Modules of the built-in samplers by the name that a datamodule gives."""


@dataclass(frozen=True)
class Sample:
    """What a module was made to show.

    Args:
        data: plain data for the record: the same for the same seed.
        files: pictures (``.png``) and texts to show in W&B as well.
    """

    data: Any
    files: Sequence[Path] = field(default_factory=tuple)


@dataclass(frozen=True)
class Request:
    """What a user wants to be generated.

    Args:
        prompt: what to go on from; "" for the task's own start.
        length: how much: characters, frames; None for the task's own.
        temperature: divides the log-odds; 0 takes the likeliest.
        seed: of the draws.
        out: where a file goes; None for the run's folder.
    """

    prompt: str
    length: int | None
    temperature: float
    seed: int
    out: Path | None = None


def generate(sampler: str, module: SequenceModule, folder: Path, request: Request) -> str:
    """What a finished run's module makes of a request, as text to print.

    Raises:
        SeqbenchError: its task has nothing to generate, or the request does not fit it.
    """
    found = _import_sampler(sampler) if sampler else None
    if not hasattr(found, "generate"):
        raise SeqbenchError("this run's task has nothing to generate; give a run of char-lm, music or translation.")
    return str(found.generate(module, folder, request))


def draw_sample(module: SequenceModule, folder: Path) -> Sample | None:
    """What a tested module's task has to show, written into the run's folder; None where it has nothing."""
    data = module.data
    if data is None or not data.sampler:
        return None
    sample: Sample = _import_sampler(data.sampler).draw_sample(module, folder)
    return sample


def _import_sampler(name: str) -> Any:
    """Import the module of a sampler, by its key of ``SAMPLERS`` or its own path."""
    return importlib.import_module(SAMPLERS.get(name, name))
