"""Texts: one string for each split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seqbench.datamodules.sources import checked_files, locate_data, synthetic_text
from seqbench.datamodules.sources.file_layouts import SPLITS
from seqbench.datamodules.sources.locate_data import Location


@dataclass(frozen=True)
class Text:
    """Three splits of a text.

    Args:
        splits: the text of each.
        entropy: of the source it was drawn from, nats per character; None for real text.
        accuracy: of the best possible predictor of that source; None for real text.
    """

    splits: Mapping[str, str]
    entropy: float | None = None
    accuracy: float | None = None


def read_texts(location: Location) -> Text:
    """Read a text; one that lies in one piece is cut 90/5/5, in order.

    Raises:
        SeqbenchError: a file is empty, not UTF-8 text, or not the published one.
    """
    if location.source == "synthetic":
        source = synthetic_text.Source()
        return Text(source.splits(), source.entropy, source.accuracy)
    parts, _ = locate_data.read_contents(location, "text")
    decoded = {part: checked_files.decode_text(_named(location, part), data) for part, data in parts.items()}
    return Text(_cut(decoded["all"]) if "all" in decoded else decoded)


def _named(location: Location, part: str) -> str:
    return ", ".join(map(str, location.files.get(part, ()))) or f"'{location.dataset}', {part}"


def _cut(text: str) -> dict[str, str]:
    first, second = int(len(text) * 0.90), int(len(text) * 0.95)
    return dict(zip(SPLITS, (text[:first], text[first:second], text[second:]), strict=True))
