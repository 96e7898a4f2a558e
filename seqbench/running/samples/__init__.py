"""Samples of a trained module, written beside the record: texts, music, translations, or answers with errors.

A datamodule names its sampler in ``sampler``: a key of ``SAMPLERS``, or the path of a plug-in's module. A task without
one has the sampler ``DEFAULT``, which shows the first wrong answers beside the right ones. A sampler is a module with a
function ``draw_sample(module, folder) -> Sample``, which writes its files into the run folder. It may also have
``generate(module, folder, request) -> str``, which ``seqbench generate`` calls. A run imports its sampler after the
test.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from seqbench.models.module import SequenceModule
from seqbench.utils.errors import SeqbenchError

DEFAULT = "seqbench.running.samples.answers_sample"
"""Module of the sampler for tasks that name none."""
SAMPLERS = {
    "music": "seqbench.running.samples.music_sample",
    "text": "seqbench.running.samples.text_sample",
    "translation": "seqbench.running.samples.translation_sample",
}
"""Modules of the built-in samplers, by the name that a datamodule uses."""


@dataclass(frozen=True)
class Sample:
    """The output that a trained module generates for the record and for W&B.

    Args:
        data: plain data for the record; with the same seed they are the same.
        files: pictures (``.png``) and texts to show in W&B.
    """

    data: object
    files: Sequence[Path] = field(default_factory=tuple)


@dataclass(frozen=True)
class Request:
    """The request of a user to generate something.

    Args:
        prompt: text or frames to continue; "" for the default prompt of the task.
        length: number of characters or frames; None for the default of the task.
        temperature: divisor of the log-odds; 0 selects the most likely output.
        seed: seed of the random draws.
        out: path of a file that is written; None for a file in the run's folder.
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
    """The module of a sampler that ``seqbench generate`` can use."""

    def generate(self, module: SequenceModule, folder: Path, request: Request) -> str:
        """Return the generated text, or a text that names the written file."""


def generate(sampler: str, module: SequenceModule, folder: Path, request: Request) -> str:
    """Return the text that a finished run's module generates.

    Args:
        sampler: sampler of the run's task.
        module: module of the run.
        folder: the run's folder.
        request: the request of the user.

    Raises:
        SeqbenchError: the task has nothing to generate, or the request does not fit the task.
    """
    generator = _import_sampler(sampler) if sampler else None
    if not isinstance(generator, GeneratingSampler):
        raise SeqbenchError("this run's task has nothing to generate; give a run of char-lm, music or translation.")
    return str(generator.generate(module, folder, request))


def draw_sample(module: SequenceModule, folder: Path) -> Sample | None:
    """Write the sample of a tested module into the run's folder and return it; None for a module without data."""
    data = module.data
    if data is None:
        return None
    sampler: Sampler = cast(Sampler, _import_sampler(data.sampler or DEFAULT))
    return sampler.draw_sample(module, folder)


def _import_sampler(name: str) -> object:
    """Import the module of a sampler, by its key of ``SAMPLERS`` or its own path."""
    return importlib.import_module(SAMPLERS.get(name, name))
