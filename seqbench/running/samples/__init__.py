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
from typing import Protocol, cast, runtime_checkable

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
    """What a trained module generates.

    Args:
        data: plain data for the record; the same seed gives the same data.
        files: pictures (``.png``) and texts to show in W&B.
    """

    data: object
    files: Sequence[Path] = field(default_factory=tuple)


@dataclass(frozen=True)
class Request:
    """What a user wants to generate.

    Args:
        prompt: what to continue; "" for the start that the task chooses.
        length: number of characters or frames; None for the task's own.
        temperature: divides the log-odds; 0 takes the most likely output.
        seed: of the random draws.
        out: path of a file that is written; None for one in the run's folder.
    """

    prompt: str
    length: int | None
    temperature: float
    seed: int
    out: Path | None = None


class Sampler(Protocol):
    """The module of a sampler, which may also have ``generate(module, folder, request) -> str``."""

    def draw_sample(self, module: SequenceModule, folder: Path) -> Sample:
        """Write files into the run's folder, and return the sample."""


@runtime_checkable
class GeneratingSampler(Protocol):
    """The module of a sampler that serves ``seqbench generate``."""

    def generate(self, module: SequenceModule, folder: Path, request: Request) -> str:
        """Return the generated text, or a text about the file that was written."""


def generate(sampler: str, module: SequenceModule, folder: Path, request: Request) -> str:
    """Return the text that a finished run's module generates.

    Args:
        sampler: of the run's task.
        module: of the run.
        folder: the run's folder.
        request: what to generate.

    Raises:
        SeqbenchError: the task has nothing to generate, or the request does not fit it.
    """
    generator = _import_sampler(sampler) if sampler else None
    if not isinstance(generator, GeneratingSampler):
        raise SeqbenchError("this run's task has nothing to generate; give a run of char-lm, music or translation.")
    return str(generator.generate(module, folder, request))


def draw_sample(module: SequenceModule, folder: Path) -> Sample | None:
    """Write the sample of a tested module into the run's folder and return it; None for a task without a sampler."""
    data = module.data
    if data is None or not data.sampler:
        return None
    sampler: Sampler = cast(Sampler, _import_sampler(data.sampler))
    return sampler.draw_sample(module, folder)


def _import_sampler(name: str) -> object:
    """Import the module of a sampler, by its key of ``SAMPLERS`` or its own path."""
    return importlib.import_module(SAMPLERS.get(name, name))
