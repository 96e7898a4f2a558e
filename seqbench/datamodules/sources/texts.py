"""Texts: one string for each split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seqbench.datamodules.sources import data_files, data_location, synthetic_text
from seqbench.datamodules.sources.data_location import DataLocation
from seqbench.datamodules.sources.folder_layouts import SPLITS


@dataclass(frozen=True)
class TextSplits:
    """Three splits of a text.

    Args:
        splits: the text of each.
        entropy: of the source it was drawn from, nats per character; None for real text.
        accuracy: of the best possible predictor of that source; None for real text.
    """

    splits: Mapping[str, str]
    entropy: float | None = None
    accuracy: float | None = None


def read_texts(location: DataLocation) -> TextSplits:
    """Read a text; one that lies in one piece is cut 90/5/5, in order.

    Raises:
        SeqbenchError: a file is empty, not UTF-8 text, or not the published one.
    """
    if location.source == "synthetic":
        source = synthetic_text.CharacterSource()
        return TextSplits(source.splits(), source.entropy, source.accuracy)
    parts, _ = data_location.read_contents(location, "text")
    decoded = {part: data_files.decode_text(_named(location, part), data) for part, data in parts.items()}
    return TextSplits(_cut(decoded["all"]) if "all" in decoded else decoded)


def _named(location: DataLocation, part: str) -> str:
    return ", ".join(map(str, location.files.get(part, ()))) or f"'{location.dataset}', {part}"


def _cut(text: str) -> dict[str, str]:
    first, second = int(len(text) * 0.90), int(len(text) * 0.95)
    return dict(zip(SPLITS, (text[:first], text[first:second], text[second:]), strict=True))
