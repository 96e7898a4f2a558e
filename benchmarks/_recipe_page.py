"""Write the tables of ``docs/recipes.md``, and the figure of the score over the learning rate of each task.

The page is prose by hand. The lines between ``<!-- recipe of TASK -->`` and ``<!-- end -->`` are written from the card
of the task and from ``results/recipes.json``.
"""

from __future__ import annotations

import re
import shlex
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import _recipe_figure
from benchmarks._recipe_goals import metrics_of_goals
from benchmarks._recipe_sweeps import recipe_board, sweep_commands
from seqbench.protocol.cards import Card, Optim, load_card
from seqbench.utils.number_format import counted, format_number

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "recipes.md"
SECTION = re.compile(r"(<!-- recipe of ([\w.+-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def write_page(tasks: Mapping[str, Any]) -> None:
    """Write the figure of each measured task, and the generated parts of the page; remove other figures of recipes."""
    for name in recipe_board().tasks:
        path = DOCS / "figures" / f"recipes-{name}.svg"
        if name not in tasks:
            path.unlink(missing_ok=True)
            continue
        _recipe_figure.save(tasks[name], path)
        print(f"wrote docs/figures/{path.name}")
    PAGE.write_text(page_text(PAGE.read_text(encoding="utf-8"), tasks), encoding="utf-8")
    print("wrote docs/recipes.md")


def page_text(page: str, tasks: Mapping[str, Any]) -> str:
    """Return the page with the generated part of each task made anew."""

    def section(found: re.Match[str]) -> str:
        name = found[2]
        return f"{found[1]}\n{task_section(load_card(name), tasks.get(name))}\n{found[3]}"

    return SECTION.sub(section, page)


def task_section(card: Card, task: Mapping[str, Any] | None) -> str:
    """Return the recipe of a task at the tier ``small``, and a table and a figure of what was measured, if anything."""
    tier = card.tier(recipe_board().tier)
    options = {**tier.arch, **{f"body.{name}": value for name, value in tier.body.items()}}
    options.pop("d_model", None)
    commands = "\n".join(map(wrap_command, sweep_commands(card.name)))
    lines = [
        f"- training: {describe_optim(tier.optim)}",
        f"- learning rates: {', '.join(f'{rate:g}' for rate in tier.learning_rates)}; "
        f"{tier.optim.lr:g} where none is searched",
        *(
            f"- tuned at the best rate: `{name}` of {', '.join(f'{value:g}' for value in values)}"
            for name, values in sorted(tier.tuned.items())
        ),
        f"- options of all families that have them: {_options(options) or 'none; the defaults of each family'}",
        *(f"- options of `{name}`: {_options(own)}" for name, own in tier.architectures.items()),
        *(f"- training of `{name}`: {_options(own)}" for name, own in tier.optims.items()),
        "",
    ]
    if task is None:
        made = f"Not measured yet. The records are made by\n\n```sh\n{commands}\n```\n"
        return "\n".join([*lines, made])
    lines += [
        *score_table(card, task),
        "",
        *(f"- search: {rule}" for rule in sorted(_rules(task))),
        f"- seconds are those of one seed, {' or '.join(sorted(_machines(task)))}",
        "",
        f"![Validation score over the learning rate on {card.name}](figures/recipes-{card.name}.svg)",
        "",
        f"```sh\n{commands}\n```\n",
    ]
    return "\n".join(lines)


def score_table(card: Card, task: Mapping[str, Any]) -> list[str]:
    """Return the lines of the table of a task: a row for each family, with its scores on test and its search."""
    others = sorted(metrics_of_goals(card.name) - {card.metric.name})
    titles = [f"`{name}`, test" for name in (card.metric.name, *others)]
    titles += [f"`{card.metric.selected_by}`, validation", "best rate", "rates tried", "tuned"]
    titles += ["seeds", "parameters", "seconds"]
    rows = [family_row(name, row, card, others) for name, row in task["families"].items()]
    return [f"| {' | '.join(cells)} |" for cells in (["family", *titles], ["---"] * (1 + len(titles)), *rows)]


def family_row(name: str, row: Mapping[str, Any], card: Card, others: list[str]) -> list[str]:
    """Return the cells of a family: the mean score of its seeds, the lowest and the highest, and its search.

    Args:
        name: name of the row.
        row: the row, as in ``results/recipes.json``.
        card: card of the task.
        others: further test metrics that are shown.
    """
    search, seeds = row["search"] or {}, row["seeds"]
    bound = f" ({search['bound']} that may be tried)" if search.get("bound") else ""
    ended = [f"seed {seed['seed']} {seed['status']}" for seed in seeds if seed["status"] != "ok"]
    seconds = [seed["seconds"] for seed in seeds if seed["seconds"] is not None]
    return [
        f"`{name}`",
        *(_scores(seeds, "test", metric) for metric in (card.metric.name, *others)),
        _scores(seeds, "validation", card.metric.selected_by),
        f"{row['lr']:g}{bound}",
        _rates_tried(search) if search else "not searched",
        _options(search.get("options", {})) or "none",
        f"{len(seeds)}{''.join(f', {text}' for text in ended)}",
        "unknown" if row["parameters"] is None else f"{row['parameters']:,}",
        f"{statistics.fmean(seconds):.0f}" if seconds else "unknown",
    ]


def wrap_command(words: Sequence[str]) -> str:
    r"""Return a command as two lines of a shell: the second one begins with the tier.

    >>> print(wrap_command(["seqbench", "sweep", "--task", "copy", "--tier", "small", "--tune"]))
    seqbench sweep --task copy \
      --tier small --tune
    """
    place = words.index("--tier")
    return f"{shlex.join(words[:place])} \\\n  {shlex.join(words[place:])}"


def _rates_tried(search: Mapping[str, Any]) -> str:
    """Return the rates of a search, from the lowest to the highest; those beyond the card's grid are marked."""
    rates = sorted({trial["lr"] for trial in search["trials"]})
    return ", ".join(f"{rate:g}{'' if rate in search['grid'] else ' (added)'}" for rate in rates)


def _rules(task: Mapping[str, Any]) -> set[str]:
    rows = [row["search"] for row in task["families"].values()]
    return {f"{search['rule']}; on seed {search['seed']}, by `{search['metric']}`" for search in rows if search}


def _machines(task: Mapping[str, Any]) -> set[str]:
    seeds = [seed for row in task["families"].values() for seed in row["seeds"]]
    threads = {seed["threads"] for seed in seeds if seed["threads"]}
    devices = {seed["device"] for seed in seeds if seed["device"]}
    return (
        {f"with {counted(count, 'thread')}" for count in threads} if not devices else {f"on {name}" for name in devices}
    )


def _scores(seeds: list[Mapping[str, Any]], split: str, metric: str) -> str:
    """Return the mean score of the seeds, with the lowest and the highest one; seeds without a score are left out."""
    scores = [value for seed in seeds if (value := seed[split].get(metric)) is not None]
    if not scores:
        return "none"
    mean = f"{statistics.fmean(scores):.4g}"
    return mean if len(scores) == 1 else f"{mean} ({min(scores):.4g} to {max(scores):.4g})"


def describe_optim(optim: Optim) -> str:
    """Return the training of a tier in words.

    >>> describe_optim(Optim(2000, 32, 100, 1e-3, optimizer="adamw", schedule="cosine", warmup=100, clip=1.0))
    '2,000 steps of 32, adamw with weight decay 0, warm-up over 100 steps, then cosine, gradient clipped at 1'
    """
    warmup = f"warm-up over {optim.warmup} steps, then " if optim.warmup else ""
    clip = f"gradient clipped at {optim.clip:g}" if optim.clip else "no clipping"
    return (
        f"{optim.steps:,} steps of {optim.batch_size}, {optim.optimizer} with weight decay {optim.weight_decay:g}, "
        f"{warmup}{optim.schedule}, {clip}"
    )


def _options(options: Mapping[str, object]) -> str:
    return ", ".join(
        f"`{name}` {format_number(value) if isinstance(value, float) else value}" for name, value in options.items()
    )
