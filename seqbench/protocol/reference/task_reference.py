"""The pages of the tasks in the documentation, generated from their cards.

``python -m seqbench.protocol.reference.task_reference docs/tasks`` writes a page and a picture for each task, and an
index.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from seqbench.protocol import registry
from seqbench.protocol.card_lookup import read_card_file
from seqbench.protocol.cards import Card, Tier, load_card
from seqbench.protocol.reference.task_drawing import draw_example
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import format_number

INDEX, TITLE = "index.md", "# Tasks"
"""Name of the page that lists all tasks, and its first line."""

DISTRIBUTION = "seqbench"


def reference_files() -> dict[str, str]:
    """Return the texts of all pages and pictures by file name."""
    cards = [load_card(name) for name in task_names()]
    files = {INDEX: _index(cards)}
    for card in cards:
        files[f"{card.name}.md"] = task_page(card)
        files[f"{card.name}.svg"] = draw_example(card.example)
    return files


def task_page(card: Card) -> str:
    """Return the page of a task as Markdown."""
    better = "higher" if card.metric.direction == "max" else "lower"
    facts = [
        ("deciding metric", f"`{card.metric.name}` ({better} is better)"),
        *([("selected on validation by", f"`{card.metric.selection}`")] if card.metric.selection else []),
        *([("shown beside it", ", ".join(f"`{name}`" for name in card.secondary))] if card.secondary else []),
        ("source", card.citation),
        ("data licence", card.licence),
        ("version of the card", str(card.version)),
    ]
    others = [name for name, stands_for in _short_names().items() if stands_for == card.name]
    if others:
        facts.insert(0, ("short name", ", ".join(f"`{name}`" for name in others)))
    parts = [
        f"# {card.name}",
        f"{card.summary[0].upper()}{card.summary[1:]}.",
        f"![Inputs and targets of one sequence of {card.name}]({card.name}.svg)",
        card.description.strip(),
        f"**What a score here does not say.** {card.limits.strip()}" if card.limits else "",
        f"```sh\nseqbench run --arch gru --task {card.name} --tier smoke\nseqbench show {card.name}\n```",
        _table(("", ""), facts),
        "## Tiers",
        _table(("tier", "task", "model", "budget", "learning rates"), (_tier_row(name, card) for name in card.tiers)),
        *_deviations(card),
        *_published(card),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _index(cards: Iterable[Card]) -> str:
    rows = [(f"[`{card.name}`]({card.name}.md)", card.summary, f"`{card.metric.name}`") for card in cards]
    short = ", ".join(f"`{name}` for `{stands_for}`" for name, stands_for in _short_names().items())
    toctree = "\n".join(["```{toctree}", ":hidden:", "", *(card.name for card in cards), "```"])
    return "\n\n".join(
        [
            TITLE,
            "Each page is generated from the card of the task. A run of a GRU takes up to 20 seconds at the "
            "tier `smoke` and about two minutes at `small`, each on one core, and an hour on two cores at `medium`. "
            "`paper` is the recipe of a publication.",
            "[What decides](../what-decides.md) compares all tasks: what chooses the weights, chance, the best score, "
            "and what a score does not say.",
            _table(("task", "what it asks", "deciding metric"), rows),
            f"Short names: {short}.",
            toctree + "\n",
        ]
    )


def _tier_row(name: str, card: Card) -> tuple[str, ...]:
    tier: Tier = card.tiers[name]
    optim = tier.optim
    return (
        name,
        _options({**card.arguments, **tier.task}),
        _options({**tier.arch, **{f"body.{key}": value for key, value in tier.body.items()}}),
        f"{optim.steps:,} steps of {optim.batch_size}, {optim.optimizer}, {optim.schedule}",
        "; ".join([_values(tier.learning_rates or [optim.lr]), *_tuned(tier)]),
    )


def _tuned(tier: Tier) -> Iterator[str]:
    """Return the further options that are tuned at the best rate, with their values."""
    return (f"then `{name}` {_values(values)}" for name, values in sorted(tier.tuned.items()))


def _values(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _options(options: dict[str, object]) -> str:
    return ", ".join(f"`{key}` {_shorten(value)}" for key, value in options.items()) or "-"


def _shorten(value: object) -> str:
    if isinstance(value, list) and len(value) > 4:
        return f"{value[0]} to {value[-1]}"
    return str(value)


def _deviations(card: Card) -> Iterator[str]:
    for name, tier in card.tiers.items():
        if tier.deviations:
            yield f"Deviations of tier `{name}` from the publication:"
            yield "\n".join(f"- {deviation}" for deviation in tier.deviations)


def _published(card: Card) -> Iterator[str]:
    if card.references:
        yield "## Published scores"
        yield _table(
            ("architecture", "metric", "score", "setting", "source"),
            ((r.architecture, f"`{r.metric}`", format_number(r.value), r.setting, r.source) for r in card.references),
        )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def task_names() -> list[str]:
    """Return the names of seqbench's own tasks that have a card of their own."""
    return [name for name in _own_entries() if name not in _short_names()]


def _short_names() -> dict[str, str]:
    """Return the short names of seqbench's own tasks, each with the task that it stands for."""
    files = {name: read_card_file(name) for name in _own_entries()}
    return {name: file.entry.name for name, file in files.items() if file.entry.name != name}


def _own_entries() -> list[str]:
    entries = registry.list_entries(registry.TASKS)
    return [name for name, offers in entries.items() if any(entry.distribution == DISTRIBUTION for entry in offers)]


def main(folder: Path) -> None:
    """Write all pages and pictures into a folder, and remove those of tasks that no longer exist.

    Raises:
        SeqbenchError: the folder holds other files than these pages, which would be removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = reference_files()
    index = folder / INDEX
    if any(folder.iterdir()) and not (index.is_file() and index.read_text(encoding="utf-8").startswith(TITLE)):
        raise SeqbenchError(f"{folder} holds other files than pages of tasks; name docs/tasks, or a new folder.")
    for path in folder.iterdir():
        if path.name not in files:
            path.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except SeqbenchError as error:
        sys.exit(str(error))
