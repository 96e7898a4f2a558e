"""Translations to read, all hypotheses to score again, and what attention looked at."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqbench.datamodules.encoded_pairs import END, SPECIALS
from seqbench.datamodules.text.tokenization import Tokenizer
from seqbench.datamodules.translation import Translation
from seqbench.models.decoding.search import decode
from seqbench.models.module import SequenceModule
from seqbench.protocol import run_folder
from seqbench.protocol.specs import Batch, TokenSequence
from seqbench.running.samples import Request, Sample
from seqbench.utils import atomic_files
from seqbench.utils.errors import SeqbenchError, one_line

SHOWN, DRAWN = 12, 4
"""Sentences in the sample, and maps in the picture."""


def draw_sample(module: SequenceModule, folder: Path) -> Sample:
    """Write ``hypotheses.txt`` (the whole test split), ``translations.txt`` and ``attention.png`` (where there is any).

    The tokenizer is kept beside them, for ``seqbench generate``.
    """
    data = module.data
    assert isinstance(data, Translation)
    written = data.decoded_texts(module.decoded["test"])
    atomic_files.write_text(folder / run_folder.HYPOTHESES, "\n".join(written) + "\n")
    atomic_files.write_text(folder / run_folder.TOKENIZER, data.tokenizer.to_json())
    sources = data.source_texts("test")
    places = np.linspace(0, len(sources) - 1, min(SHOWN, len(sources))).astype(int).tolist()
    references = data.references["test"]
    chosen = [{"source": sources[i], "reference": references[i], "translation": written[i]} for i in places]
    text = "\n".join("".join(f"{name:12}{line}\n" for name, line in one.items()) for one in chosen)
    atomic_files.write_text(folder / run_folder.TRANSLATIONS, text)
    files = [folder / run_folder.TRANSLATIONS]
    maps = attention(module, data.tokenizer, [sources[i] for i in places[:DRAWN]])
    if maps:
        _draw(maps, folder / run_folder.ATTENTION)
        files.append(folder / run_folder.ATTENTION)
    # Records may be published, the sentences of a data set may not.
    return Sample([{"sentence": i, "translation": written[i]} for i in places], files)


def generate(module: SequenceModule, folder: Path, request: Request) -> str:
    """The translation of the prompt: each of its lines is a sentence.

    Raises:
        SeqbenchError: the prompt holds no sentence, or the run's tokenizer is missing or broken.
    """
    sentences = [line.strip() for line in request.prompt.splitlines() if line.strip()]
    if not sentences:
        raise SeqbenchError("there is nothing to translate; give a sentence with --prompt.")
    path = folder / run_folder.TOKENIZER
    try:
        tokenizer = Tokenizer.from_json(atomic_files.read_bytes(path).decode())
    except Exception as error:  # The library raises bare exceptions.
        raise SeqbenchError(f"{path} cannot be read: {one_line(error)}; run the model again.") from error
    return "\n".join(translate(module, tokenizer, sentences))


def translate(module: SequenceModule, tokenizer: Tokenizer, sentences: list[str]) -> list[str]:
    """What a module writes for each sentence."""
    return [tokenizer.decode(ids) for ids in _written(module, _batch(module, tokenizer, sentences))]


def attention(module: SequenceModule, tokenizer: Tokenizer, sentences: list[str]) -> list[dict[str, Any]]:
    """Source tokens, written tokens, and the weight of each source token for each written one.

    Empty for a body without attention. ``weights`` is ``(out_time, time)``.
    """
    found: list[dict[str, Any]] = []
    for sentence in sentences:
        batch = _batch(module, tokenizer, [sentence])
        tokens = [*_written(module, batch)[0], END]
        batch.targets = torch.tensor([tokens], device=module.device)
        batch.target_lengths = torch.tensor([len(tokens)], device=module.device)
        with torch.no_grad():
            weights = module.body.attention(batch) if hasattr(module.body, "attention") else None
        if weights is None:
            return []
        source = [_label(tokenizer, token) for token in batch.inputs[0].tolist()]
        target = [*(_label(tokenizer, token) for token in tokens[:-1]), SPECIALS[1]]
        found.append({"source": source, "target": target, "weights": weights[0].float().cpu().numpy()})
    return found


def _written(module: SequenceModule, batch: Batch) -> list[list[int]]:
    output = module.spec.output
    assert isinstance(output, TokenSequence)
    return decode(module.body.eval(), module.objective, batch, output)


def _batch(module: SequenceModule, tokenizer: Tokenizer, sentences: list[str]) -> Batch:
    rows = [tokenizer.encode([sentence])[0].tolist() for sentence in sentences]
    lengths = torch.tensor([len(row) for row in rows])
    inputs = torch.zeros(len(rows), int(lengths.max()), dtype=torch.long)
    for place, row in enumerate(rows):
        inputs[place, : len(row)] = torch.tensor(row)
    none = torch.zeros(len(rows), 1, dtype=torch.long)
    batch = Batch(inputs, none, lengths, none.float(), 1.0, torch.arange(len(rows)), target_lengths=none[:, 0] + 1)
    return batch.to(module.device)


def _label(tokenizer: Tokenizer, token: int) -> str:
    # A token may be half of a character, or one that no font draws.
    return "".join(c if c.isprintable() else "·" for c in tokenizer.decode([token]))


def _draw(maps: list[dict[str, Any]], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 11), layout="constrained")
    FigureCanvasAgg(figure)
    for place, one in enumerate(maps, 1):
        axes = figure.add_subplot(math.ceil(len(maps) / 2), min(2, len(maps)), place)
        image = axes.imshow(one["weights"], cmap="Greys", vmin=0, aspect="auto")
        figure.colorbar(image, ax=axes, shrink=0.6, label="weight")
        plain: dict[str, Any] = {"fontsize": 8, "parse_math": False}
        axes.set_xticks(range(len(one["source"])), one["source"], rotation=90, **plain)
        axes.set_yticks(range(len(one["target"])), one["target"], **plain)
        axes.set_xlabel("source tokens")
        axes.set_ylabel("written tokens")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(path, dpi=100)
