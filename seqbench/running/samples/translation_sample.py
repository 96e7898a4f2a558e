"""Samples of translation models: some translations, all hypotheses of the test split, and maps of attention."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch

from seqbench.datamodules.encoded_pairs import END, SPECIALS
from seqbench.datamodules.text.tokenization import Tokenizer
from seqbench.datamodules.translation import Translation
from seqbench.models.bodies import EncoderDecoder
from seqbench.models.decoding.search import decode
from seqbench.models.module import SequenceModule
from seqbench.protocol import run_folder
from seqbench.protocol.specs import Batch, TokenSequence
from seqbench.running.samples import Request, Sample
from seqbench.utils import atomic_files
from seqbench.utils.errors import SeqbenchError, one_line

SENTENCES, MAPS = 12, 4
"""Number of sentences in the sample, and of maps in the picture."""


class AttentionMap(TypedDict):
    """Attention of one translation: its tokens, the tokens of its source, and ``weights`` ``(out_time, time)``."""

    source: list[str]
    target: list[str]
    weights: np.ndarray


def draw_sample(module: SequenceModule, folder: Path) -> Sample:
    """Write ``hypotheses.txt`` (the whole test split), ``translations.txt`` and, with attention, ``attention.png``.

    The tokenizer is written too, for ``seqbench generate``.
    """
    data = module.data
    assert isinstance(data, Translation)
    written = data.decoded_texts(module.decoded["test"])
    atomic_files.write_text(folder / run_folder.HYPOTHESES, "\n".join(written) + "\n")
    atomic_files.write_text(folder / run_folder.TOKENIZER, data.tokenizer.to_json())
    sources = data.source_texts("test")
    places = np.linspace(0, len(sources) - 1, min(SENTENCES, len(sources))).astype(int).tolist()
    references = data.references["test"]
    chosen = [{"source": sources[i], "reference": references[i], "translation": written[i]} for i in places]
    text = "\n".join("".join(f"{name:12}{line}\n" for name, line in one.items()) for one in chosen)
    atomic_files.write_text(folder / run_folder.TRANSLATIONS, text)
    files = [folder / run_folder.TRANSLATIONS]
    maps = attention_maps(module, data.tokenizer, [sources[i] for i in places[:MAPS]])
    if maps:
        _plot_attention(maps, folder / run_folder.ATTENTION)
        files.append(folder / run_folder.ATTENTION)
    # Records may be published, but the sentences of a data set may not.
    return Sample([{"sentence": i, "translation": written[i]} for i in places], files)


def generate(module: SequenceModule, folder: Path, request: Request) -> str:
    """Return the translation of a prompt, whose lines are sentences.

    Raises:
        SeqbenchError: the prompt holds no sentence, or the run's tokenizer is missing or broken.
    """
    sentences = [line.strip() for line in request.prompt.splitlines() if line.strip()]
    if not sentences:
        raise SeqbenchError("there is nothing to translate; give a sentence with --prompt.")
    path = folder / run_folder.TOKENIZER
    try:
        tokenizer = Tokenizer.from_json(atomic_files.read_bytes(path).decode())
    except Exception as error:  # The tokenizers library raises bare exceptions.
        raise SeqbenchError(f"{path} cannot be read: {one_line(error)}; run the model again.") from error
    return "\n".join(translate(module, tokenizer, sentences))


def translate(module: SequenceModule, tokenizer: Tokenizer, sentences: list[str]) -> list[str]:
    """Return the translation of each sentence."""
    return [tokenizer.decode(ids) for ids in _decode(module, _batch(module, tokenizer, sentences))]


def attention_maps(module: SequenceModule, tokenizer: Tokenizer, sentences: list[str]) -> list[AttentionMap]:
    """Return the attention of the translation of each sentence; empty for a body without attention.

    Args:
        module: module that translates.
        tokenizer: tokenizer of source and target.
        sentences: source sentences.
    """
    maps: list[AttentionMap] = []
    for sentence in sentences:
        batch = _batch(module, tokenizer, [sentence])
        tokens = [*_decode(module, batch)[0], END]
        batch.targets = torch.tensor([tokens], device=module.device)
        batch.target_lengths = torch.tensor([len(tokens)], device=module.device)
        with torch.no_grad():
            weights = module.body.attention(batch) if isinstance(module.body, EncoderDecoder) else None
        if weights is None:
            return []
        source = [_label(tokenizer, token) for token in batch.inputs[0].tolist()]
        target = [*(_label(tokenizer, token) for token in tokens[:-1]), SPECIALS[1]]
        maps.append({"source": source, "target": target, "weights": weights[0].float().cpu().numpy()})
    return maps


def _decode(module: SequenceModule, batch: Batch) -> list[list[int]]:
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
    # A token may be half of a character, or a character that no font has.
    return "".join(c if c.isprintable() else "·" for c in tokenizer.decode([token]))


def _plot_attention(maps: list[AttentionMap], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 11), layout="constrained")
    FigureCanvasAgg(figure)
    for place, attention in enumerate(maps, 1):
        axes = figure.add_subplot(math.ceil(len(maps) / 2), min(2, len(maps)), place)
        image = axes.imshow(attention["weights"], cmap="Greys", vmin=0, aspect="auto")
        figure.colorbar(image, ax=axes, shrink=0.6, label="weight")
        axes.set_xticks(range(len(attention["source"])), attention["source"], rotation=90, fontsize=8, parse_math=False)
        axes.set_yticks(range(len(attention["target"])), attention["target"], fontsize=8, parse_math=False)
        axes.set_xlabel("source tokens")
        axes.set_ylabel("written tokens")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(path, dpi=100)
