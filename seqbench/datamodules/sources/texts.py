"""Texts: one string per split, from published files, files of the user, or a synthetic source."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from seqbench.datamodules.sources import data_contents, synthetic_text
from seqbench.datamodules.sources.data_location import DataLocation
from seqbench.datamodules.sources.split_names import join_names
from seqbench.datamodules.sources.text_decoding import decode_text
from seqbench.protocol.splits import SPLITS


@dataclass(frozen=True)
class TextSplits:
    """The splits of a text.

    Args:
        splits: text of each split.
        entropy: entropy rate of the synthetic source, in nats per character; None for real text.
        accuracy: accuracy of the best possible predictor of the synthetic source; None for real text.
        notes: sentences on how files of a user were read; empty for published files.
    """

    splits: Mapping[str, str]
    entropy: float | None = None
    accuracy: float | None = None
    notes: tuple[str, ...] = ()


def read_texts(location: DataLocation) -> TextSplits:
    """Read a text; a text without splits is divided 90/5/5 in order.

    Raises:
        SeqbenchError: a file is empty, is not UTF-8 text, or is not the published one where it must be.
    """
    if location.source == "synthetic":
        source = synthetic_text.CharacterSource()
        return TextSplits(source.splits(), source.entropy, source.accuracy)
    parts, checksums = data_contents.read_contents(location, "text")
    decoded = {
        part: [decode_text(name, contents) for name, contents in data_contents.contents_by_file(location, part, data)]
        for part, data in parts.items()
    }
    texts = {part: "".join(one.text for one in files) for part, files in decoded.items()}
    splits = _divide(texts["all"]) if "all" in texts else texts
    if data_contents.is_published(location.dataset, checksums):
        return TextSplits(splits)
    notes = [one.note for files in decoded.values() for one in files if one.note]
    if "all" in texts:
        files = location.files["all"]
        joined = " are joined in this order and divided" if len(files) > 1 else " is divided"
        sizes = ", ".join(f"{len(splits[split]):,} {split}" for split in SPLITS)
        notes.append(f"{join_names(files)}{joined} in order into {sizes} characters")
    if any("\r\n" in text for text in texts.values()):
        notes.append("lines end in \\r\\n; both characters are part of the text")
    return TextSplits(splits, notes=tuple(notes))


def replace_newlines(text: TextSplits, newline: str | None) -> TextSplits:
    """Return a text in which each newline is replaced; the entropy of a synthetic source is then unknown.

    Args:
        text: the text.
        newline: what replaces a newline; None returns the text unchanged.

    >>> replace_newlines(TextSplits({"train": f"a b {chr(10)}"}), "<eos>").splits
    {'train': 'a b <eos>'}
    """
    if newline is None:
        return text
    splits = {split: part.replace("\n", newline) for split, part in text.splits.items()}
    return dataclasses.replace(text, splits=splits, entropy=None, accuracy=None)


def _divide(text: str) -> dict[str, str]:
    first, second = int(len(text) * 0.90), int(len(text) * 0.95)
    return dict(zip(SPLITS, (text[:first], text[first:second], text[second:]), strict=True))
