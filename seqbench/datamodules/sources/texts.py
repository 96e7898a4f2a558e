"""Texts: one string per split, from published files, files of the user, or a synthetic source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seqbench.datamodules.sources import data_contents, data_files, synthetic_text
from seqbench.datamodules.sources.data_location import DataLocation
from seqbench.protocol.splits import SPLITS


@dataclass(frozen=True)
class TextSplits:
    """The splits of a text.

    Args:
        splits: text of each split.
        entropy: entropy rate of the synthetic source, in nats per character; None for real text.
        accuracy: accuracy of the best possible predictor of the synthetic source; None for real text.
    """

    splits: Mapping[str, str]
    entropy: float | None = None
    accuracy: float | None = None


def read_texts(location: DataLocation) -> TextSplits:
    """Read a text; a text without splits is divided 90/5/5 in order.

    Raises:
        SeqbenchError: a file is empty, is not UTF-8 text, or is not the published one where it must be.
    """
    if location.source == "synthetic":
        source = synthetic_text.CharacterSource()
        return TextSplits(source.splits(), source.entropy, source.accuracy)
    parts, _ = data_contents.read_contents(location, "text")
    texts = {part: data_files.decode_text(location.part_name(part), data) for part, data in parts.items()}
    return TextSplits(_divide(texts["all"]) if "all" in texts else texts)


def _divide(text: str) -> dict[str, str]:
    first, second = int(len(text) * 0.90), int(len(text) * 0.95)
    return dict(zip(SPLITS, (text[:first], text[first:second], text[second:]), strict=True))
