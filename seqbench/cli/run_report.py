"""The report at the end of a run: test metrics beside chance, baselines, best possible and published figures."""

from __future__ import annotations

from seqbench.cli.text_tables import align_columns
from seqbench.protocol.cards import Card, Reference
from seqbench.protocol.records import Record
from seqbench.utils.number_format import counted, format_number


def format_report(record: Record, card: Card) -> str:
    """Return a record's test scores as a table, with notes on what the numbers mean.

    Args:
        record: the record of a finished run.
        card: the card of its task.
    """
    metrics = record.results.metrics.get("test")
    if not metrics:
        return f"no scores: the run ended as {record.status}"
    baselines = record.results.baselines.get("test", {})
    published = _published_figures(record, card)
    rows = [["test metric", "value", "chance", *baselines, "best possible", "published"]]
    notes = []
    # The deciding metric is first and the others follow by name, whatever their order in the record.
    for name in sorted(metrics, key=lambda name: (name != card.metric.name, name)):
        line = metrics[name]
        figure = published.get(name)
        if figure:
            notes.append(f"published {name}: {figure.setting} ({figure.source})")
        rows.append(
            [
                name + (" *" if name == card.metric.name else ""),
                format_number(line.value),
                format_number(line.chance),
                *(format_number(values.get(name)) for values in baselines.values()),
                "unknown" if line.best is None else format_number(line.best),
                format_number(figure.value if figure else None),
            ]
        )
    notes += [f"{name} is undefined ({line.undefined})" for name, line in metrics.items() if line.value is None]
    notes += [line.best_unknown for line in metrics.values() if line.best_unknown][:1]
    if record.config.modified:
        notes.append(f"differs from the card in {', '.join(record.config.modified)}: it does not rank")
    if record.results.above_chance is False:
        notes.append(f"{card.metric.name} is NOT clearly better than chance")
    return "\n".join([align_columns(rows), f"* decides; {_size_and_speed(record)}", *notes])


def _published_figures(record: Record, card: Card) -> dict[str, Reference]:
    """Return the published figures of the run's architecture and tier, by metric; none if the task was modified."""
    if any(name.startswith(("task.", "data")) for name in record.config.modified):
        return {}
    architecture, tier = record.config.architecture.name, record.config.card.tier
    return {
        figure.metric: figure
        for figure in card.references
        if figure.architecture == architecture and (not figure.tiers or tier in figure.tiers)
    }


def _size_and_speed(record: Record) -> str:
    """Return the model's size, the step of the tested weights, and the duration and speed of the run."""
    seconds, steps = record.measured.seconds or 0.0, record.measured.steps_per_second
    size = counted(record.config.parameters or 0, "parameter")
    tested = f"best of validation at step {record.results.best_step}"
    return f"{size}, {tested}; {seconds:.0f} s" + (f", {steps:.1f} steps/s" if steps else "")
