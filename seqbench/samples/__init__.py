"""What a trained module makes of its task: texts, music, translations; files beside a record, and views of it.

A datamodule names its own as ``sampler``, a ``module:function`` that takes the module and the run's folder,
writes what it shows there, and returns a ``Sample``. It is imported only when a run has been tested. Beside that
function may stand ``generate(module, folder, request) -> str``, which serves ``seqbench generate``.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqbench.errors import SeqbenchError
from seqbench.module import SequenceModule


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
    found: Any = importlib.import_module(sampler.partition(":")[0]) if sampler else None
    if not hasattr(found, "generate"):
        raise SeqbenchError("this run's task has nothing to generate; give a run of char-lm, music or translation.")
    return str(found.generate(module, folder, request))


def draw(module: SequenceModule, folder: Path) -> Sample | None:
    """What a tested module's task has to show, written into the run's folder; None where it has nothing."""
    data = module.data
    if data is None or not data.sampler:
        return None
    name, _, function = data.sampler.partition(":")
    found: Sample = getattr(importlib.import_module(name), function)(module, folder)
    return found
