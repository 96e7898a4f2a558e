"""The table at the end of a run: each metric between its chance and its best possible line."""

from __future__ import annotations

from seqbench.cli.text_tables import align_columns
from seqbench.protocol.cards import Card
from seqbench.protocol.records import Record
from seqbench.utils.number_format import format_number


def format_report(record: Record, card: Card) -> str:
    """A record's test scores as a table, with baselines, published figures, and a word where it is chance."""
    results = record.results
    metrics = results.get("metrics", {}).get("test")
    if not metrics:
        return f"no scores: the run ended as {record.status}"
    arch = record.config["architecture"]["name"]
    baselines = results["baselines"]["test"]
    tier = record.config["card"]["tier"]
    mine = (r for r in card.references if r.architecture == arch and (not r.tiers or tier in r.tiers))
    # Another delay or another text is another task: nothing published is beside it.
    same = not any(name.startswith(("task.", "data")) for name in record.config["modified"])
    published = {r.metric: r for r in mine} if same else {}
    header = ["test metric", "value", "chance", *baselines, "best possible", "published"]
    rows = [header]
    notes = []
    # The deciding metric first, then by name: the same order for a run just ended and one read from its record.
    for name in sorted(metrics, key=lambda name: (name != card.metric.name, name)):
        line = metrics[name]
        marks = ""
        if name in published:
            notes.append(f"published {name}: {published[name].setting} ({published[name].source})")
            marks = format_number(published[name].value)
        best = format_number(line["best"]) if line["best"] is not None else "unknown"
        rows.append(
            [
                name + (" *" if name == card.metric.name else ""),
                format_number(line["value"]),
                format_number(line["chance"]),
                *(format_number(values.get(name)) for values in baselines.values()),
                best,
                marks or "-",
            ]
        )
    notes += [line["best_unknown"] for line in metrics.values() if "best_unknown" in line][:1]
    if record.config["modified"]:
        notes.append(f"differs from the card in {', '.join(record.config['modified'])}: it does not rank")
    if results["above_chance"] is False:
        notes.append(f"{card.metric.name} is NOT clearly better than chance")
    measured, config = record.measured, record.config
    size = f"{config['parameters']:,} parameters, best of validation at step {results['best_step']}"
    speed = f"{measured['seconds']:.0f} s" + (
        f", {measured['steps_per_second']:.1f} steps/s" if measured["steps_per_second"] else ""
    )
    text = f"{align_columns(rows)}\n* decides; {size}; {speed}"
    return "\n".join([text, *notes])
