"""Parse the values of the command line's options: names, seeds, grids, key-value pairs and times."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from seqbench.utils.errors import SeqbenchError, one_line
from seqbench.utils.units import parse_seconds

MAX_SEEDS = 10_000


def parse_names(text: str) -> list[str]:
    """Return the names in a comma-separated text.

    Raises:
        SeqbenchError: there is no name.

    >>> parse_names("gru,lstm")
    ['gru', 'lstm']
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise SeqbenchError(f"expected names separated by commas, got {text!r}.")
    return names


def parse_seed(text: str) -> int:
    """Return the one seed of ``seqbench run``.

    Raises:
        SeqbenchError: the text is not a whole number; for several seeds the message points to ``seqbench sweep``.

    >>> parse_seed("3")
    3
    """
    if re.fullmatch(r"-?\d{1,20}", text):
        return int(text)
    if re.fullmatch(r"[\d,-]+", text):
        raise SeqbenchError(
            f"--seed must be one whole number, got {text}; for several: `seqbench sweep --seeds {text}`."
        )
    raise SeqbenchError(f"--seed must be a whole number, got {text!r}.")


def parse_seeds(text: str | None) -> list[int] | None:
    """Return the seeds: ``5`` is a count of seeds starting from 0; a list has commas or ranges: ``3,4,7``, ``1-3``.

    Returns:
        The seeds, each once; None if there is no text, so that the seeds of the card are used.

    Raises:
        SeqbenchError: the text is neither a count nor a list of seeds and ranges, a range ends before its start, or
            there are no seeds or more than ``MAX_SEEDS``.

    >>> parse_seeds("3"), parse_seeds("3,4,7"), parse_seeds("3,"), parse_seeds("0-2,7")
    ([0, 1, 2], [3, 4, 7], [3], [0, 1, 2, 7])
    """
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,10}(-\d{1,10})?(,\d{1,10}(-\d{1,10})?)*,?", text):
        raise SeqbenchError(
            "--seeds must be a count (5), seeds (3,4,7; for one seed 3,) or ranges (1-3), without spaces, "
            f"got {text!r}."
        )
    if text.isdecimal():
        if not 1 <= int(text) <= MAX_SEEDS:
            raise SeqbenchError(
                f"--seeds must be from 1 to {MAX_SEEDS}, got {text}; for seed {text} give `--seeds {text},`."
            )
        return list(range(int(text)))
    seeds: dict[int, None] = {}
    for part in text.strip(",").split(","):
        seeds |= dict.fromkeys(_parse_seed_range(part))
        if len(seeds) > MAX_SEEDS:
            raise SeqbenchError(f"--seeds must be at most {MAX_SEEDS} seeds, got more in {text!r}.")
    return list(seeds)


def _parse_seed_range(text: str) -> Sequence[int]:
    """Return the seeds of a range ``1-3``, which includes both ends, or of a single seed ``7``.

    Raises:
        SeqbenchError: the range ends before its start, or is longer than ``MAX_SEEDS``.
    """
    first, _, last = text.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    if not seeds:
        raise SeqbenchError(f"--seeds {text} ends before its start; give the smaller seed first: {last}-{first}.")
    return seeds[: MAX_SEEDS + 1]


def parse_grid(assignments: Sequence[str]) -> dict[str, list[str]]:
    """Return the values of each option of a grid.

    A list in brackets is read as YAML, so its values may contain commas.

    Raises:
        SeqbenchError: an assignment has no values, its option has no dot or is given twice, or the option does not
            change the results of a run.

    >>> parse_grid(["arch.num_layers=1,2", "arch.channels=[[25, 25], [50]]"])
    {'arch.num_layers': ['1', '2'], 'arch.channels': ['[25, 25]', '[50]']}
    """
    grid: dict[str, list[str]] = {}
    for key, text in split_assignments(assignments, "--grid").items():
        if "." not in key:
            raise SeqbenchError(f"--grid takes dotted options (arch.num_layers=1,2), got {key!r}.")
        if key.startswith(("trainer.", "wandb.")) and key != "trainer.precision":
            raise SeqbenchError(
                f"--grid takes options that change the results of a run; give {key} once, as --{key} VALUE."
            )
        values = _parse_yaml_list(key, text) if text.startswith("[") else [value.strip() for value in text.split(",")]
        if not values or not all(values):
            raise SeqbenchError(f"--grid {key} must have values separated by commas, got {text!r}.")
        grid[key] = list(dict.fromkeys(values))
    return grid


def parse_pairs(assignments: Sequence[str], option: str) -> dict[str, object]:
    """Return the values of ``KEY=VALUE`` assignments by key; a value that is not JSON stays a text.

    Raises:
        SeqbenchError: there is no ``=``, or a key is given twice.

    >>> parse_pairs(["mem_gb=16", "slurm_time=1:30:00"], "--engine-option")
    {'mem_gb': 16, 'slurm_time': '1:30:00'}
    """
    return {key: _parse_json_or_text(text) for key, text in split_assignments(assignments, option).items()}


def parse_time_limit(text: str | None) -> float | None:
    """Return a time limit in seconds.

    Returns:
        The limit; infinity for ``none``; None if there is no text, so that the limit of the tier is used.

    Raises:
        SeqbenchError: the text is not a time.

    >>> parse_time_limit("30m"), parse_time_limit("none")
    (1800.0, inf)
    """
    if text is None:
        return None
    return float("inf") if text.strip().lower() == "none" else parse_seconds(text, "--limit")


def _parse_json_or_text(text: str) -> object:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value


def _parse_yaml_list(key: str, text: str) -> list[str]:
    import yaml

    try:
        values = yaml.safe_load(text)
    # PyYAML also raises errors that are not its own: ValueError for a 13th month, KeyError for `!!bool x`.
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError) as error:
        raise SeqbenchError(f"--grid {key}: {text!r} is not a YAML list: {one_line(error)}.") from error
    try:
        return [value if isinstance(value, str) else json.dumps(value) for value in values]
    except (TypeError, ValueError) as error:
        raise SeqbenchError(f"--grid {key}: {text!r} holds a value that no option takes: {error}.") from error


def split_assignments(assignments: Sequence[str], option: str) -> dict[str, str]:
    """Return a mapping from the key of each ``KEY=VALUE``, without leading dashes, to the text of its value.

    Args:
        assignments: texts ``KEY=VALUE``.
        option: name of the command-line option, for error messages.

    Raises:
        SeqbenchError: there is no ``=`` or no key, or a key is given twice.

    >>> split_assignments(["d_model=32", "--num_layers=2"], "--option")
    {'d_model': '32', 'num_layers': '2'}
    """
    texts: dict[str, str] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        key = key.strip().removeprefix("--")
        if not equals or not key:
            raise SeqbenchError(f"{option} must be KEY=VALUE, got {assignment!r}.")
        if key in texts:
            raise SeqbenchError(f"{option} {key} is given twice; give it once.")
        texts[key] = text
    return texts
