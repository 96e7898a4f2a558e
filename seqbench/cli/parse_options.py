"""What a sweep's options hold: names, seeds, grids, pairs; each from its text, or a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from seqbench.utils.errors import SeqbenchError, one_line
from seqbench.utils.units import parse_seconds

MOST_SEEDS = 10_000


def parse_names(text: str) -> list[str]:
    """``gru,lstm``.

    Raises:
        SeqbenchError: there is none.
    """
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise SeqbenchError(f"expected names with commas between them, got {text!r}.")
    return found


def parse_seeds(text: str | None) -> list[int] | None:
    """``5``: how many, from 0; ``3,4,7``: which; None for the card's.

    Raises:
        SeqbenchError: it is neither.
    """
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,10}(,\d{1,10})*,?", text):
        raise SeqbenchError(f"--seeds must be how many (5) or which (3,4,7; one alone: 3,), got {text!r}.")
    if "," in text:
        return list(dict.fromkeys(int(seed) for seed in text.split(",") if seed))
    if not 1 <= int(text) <= MOST_SEEDS:
        raise SeqbenchError(
            f"--seeds must be from 1 to {MOST_SEEDS}, got {text}; seed {text} alone is `--seeds {text},`."
        )
    return list(range(int(text)))


def parse_grid(given: Sequence[str]) -> dict[str, list[str]]:
    """Values by option, from ``arch.num_layers=1,2``; a list in brackets is YAML, so that a value may hold commas.

    Raises:
        SeqbenchError: it is no such text, or an option that makes no other run.
    """
    found: dict[str, list[str]] = {}
    for key, text in _split(given, "--grid").items():
        if "." not in key:
            raise SeqbenchError(f"--grid takes dotted options (arch.num_layers=1,2), got {key!r}.")
        if key.startswith("trainer.") and key != "trainer.precision":
            raise SeqbenchError(f"--grid takes what makes runs differ; where they run is given once, as --{key} VALUE.")
        values = _listed(key, text) if text.startswith("[") else [value.strip() for value in text.split(",")]
        if not values or not all(values):
            raise SeqbenchError(f"--grid {key} must have values with commas between them, got {text!r}.")
        found[key] = list(dict.fromkeys(values))
    return found


def parse_pairs(given: Sequence[str], option: str) -> dict[str, Any]:
    """``KEY=VALUE``: a value is JSON where it can be read so (16, true, ["module load x"]), else text (1:30:00).

    Raises:
        SeqbenchError: it is no such text.
    """
    return {key: _value(text) for key, text in _split(given, option).items()}


def parse_time_limit(text: str | None) -> float | None:
    """Seconds; None for the tier's own, infinity for ``none``.

    Raises:
        SeqbenchError: it is no time.
    """
    if text is None:
        return None
    return float("inf") if text.strip().lower() == "none" else parse_seconds(text, "--limit")


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _listed(key: str, text: str) -> list[str]:
    import yaml

    try:
        values = yaml.safe_load(text)
    # Beside YAMLError, what Python says of a 13th month.
    except Exception as error:
        raise SeqbenchError(f"--grid {key}: {text!r} is no list: {one_line(error)}.") from error
    try:
        return [value if isinstance(value, str) else json.dumps(value) for value in values]
    except (TypeError, ValueError) as error:
        raise SeqbenchError(f"--grid {key}: {text!r} holds what is no option: {error}.") from error


def _split(given: Sequence[str], option: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        key = key.strip().removeprefix("--")
        if not equals or not key:
            raise SeqbenchError(f"{option} must be KEY=VALUE, got {text!r}.")
        if key in found:
            raise SeqbenchError(f"{option} {key} is given twice; give it once.")
        found[key] = value
    return found
