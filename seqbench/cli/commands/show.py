"""Show an architecture or a task: what it is, its options, its protocol and its lines."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from seqbench.cli.text_tables import align_columns
from seqbench.protocol import cards, registry
from seqbench.protocol.config import RunConfig, SingleOptions
from seqbench.utils.errors import SeqbenchError, did_you_mean, one_line
from seqbench.utils.number_format import format_number
from seqbench.utils.redaction import redact

if TYPE_CHECKING:
    from seqbench.models.module import SequenceModule

WIDTH, SYMBOLS, STEPS = 128, 64, 256
"""The model that an architecture's size is shown in: its width, its alphabet, and the length of its sequences."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to show."""
    name = parser.add_argument("name", help="an architecture or a task")
    name.completer = lambda **_: _names()  # type: ignore[attr-defined]


def _names() -> list[str]:
    return [*registry.list_entries(registry.ARCHITECTURES), *registry.list_entries(registry.TASKS)]


def main(options: argparse.Namespace) -> int:
    """Print all that is known under the name."""
    shown = False
    if options.name in registry.list_entries(registry.ARCHITECTURES) or ":" in options.name:
        print(_architecture(registry.find_entry(registry.ARCHITECTURES, options.name)))
        shown = True
    if options.name in registry.list_entries(registry.TASKS):
        print(_task(cards.load_card(options.name)))
        shown = True
    if not shown:
        raise SeqbenchError(
            f"no architecture or task is called '{options.name}'.{did_you_mean(options.name, _names())}"
        )
    return 0


def _architecture(entry: registry.Entry) -> str:
    backbone = entry.load()
    # Its own: a class without one would inherit that of nn.Module.
    text = inspect.cleandoc(vars(backbone).get("__doc__") or "(no description)")
    rows = [
        (f"  --arch.{p.name}", _annotation(p), "required" if p.default is p.empty else f"default {p.default}")
        for p in inspect.signature(backbone).parameters.values()
    ]
    owner = f"{entry.distribution} {entry.version}" if entry.distribution else "given by its path"
    facts = [
        ("class", entry.value),
        ("from", owner),
        ("causal", "yes" if getattr(backbone, "causal", True) else "no"),
        ("streams", "yes, by unroll" if hasattr(backbone, "unroll") else "no: reads whole windows"),
    ]
    parts = [
        f"{entry.name}: an architecture",
        text,
        align_columns(facts),
        f"options:\n{align_columns(rows)}",
        _size(entry),
    ]
    return "\n\n".join(parts)


def _size(entry: registry.Entry) -> str:
    """What it costs with its default options in a small model of symbols; what cannot be measured says why."""
    import torch  # The backbone has brought it already.

    from seqbench.models import build
    from seqbench.models.weights import count_parameters
    from seqbench.protocol.specs import SequenceSpec, StepClasses, Tokens
    from seqbench.running.diagnostics import cost

    title = f"size at d_model {WIDTH}, other options by default, between an embedding and a head of {SYMBOLS} symbols:"
    spec = SequenceSpec(Tokens(SYMBOLS), StepClasses(SYMBOLS), max_length=STEPS, look_ahead=True)
    config = _config(entry.name)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        module = build.build_module_from_spec(config, spec)
        own, all_in_all = count_parameters(module.body.decoding_backbone), count_parameters(module)
        figures = cost.model_cost(config, spec)
        rows = [
            ("parameters", f"{own:,}, with embedding and head {all_in_all:,}"),
            ("state", _figure(figures, "state_bytes", f"bytes after {STEPS} steps")),
            ("arithmetic", _figure(figures, "flops_per_token", f"FLOPs per token, forward over {STEPS} steps")),
            ("decoding", _speed(module)),
        ]
        return f"{title}\n{align_columns(rows, indent='  ')}"
    # A stranger's backbone may break in any way, and the rest is worth showing.
    except (Exception, SystemExit) as error:
        return f"{title}\n  not measured: {_one_line(error)}"
    finally:
        torch.set_num_threads(threads)


def _config(arch: str) -> RunConfig:
    """A configuration of the architecture's own defaults; of the card's protocol nothing matters here."""
    card = cards.load_card("copy")
    tier = next(iter(card.tiers))
    return RunConfig(
        card=card,
        tier=tier,
        arch=arch,
        seed=0,
        arch_options={"d_model": WIDTH},
        task_options={},
        body=asdict(SingleOptions()),
        optim=card.tier(tier).optim,
    )


def _figure(figures: Mapping[str, Any], name: str, unit: str) -> str:
    if figures[name] is None:
        return str(figures.get(f"{name}_error", "none is kept: it has no unroll"))
    return f"{figures[name]:,.0f} {unit}"


def _speed(module: SequenceModule) -> str:
    """Tokens per second, and the machine."""
    from seqbench.running import provenance
    from seqbench.running.diagnostics import cost

    try:
        speed = cost.decode_tokens_per_second(module)
    except (Exception, SystemExit) as error:
        return _one_line(error)
    if speed is None:
        return "anew from all inputs for each token: it has no unroll"
    return f"{speed:,.0f} tokens/s, one sequence, on {provenance.device_name(module.device)}"


def _one_line(error: BaseException) -> str:
    text = redact(str(error))
    return text if isinstance(error, SeqbenchError) else f"{type(error).__name__}: {one_line(text, 300)}"


def _annotation(parameter: inspect.Parameter) -> str:
    annotation = "any" if parameter.annotation is parameter.empty else parameter.annotation
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def _task(card: cards.Card) -> str:
    facts = [
        ("version", str(card.version)),
        (
            "decided by",
            f"{card.metric.name} ({'higher' if card.metric.direction == 'max' else 'lower'} is better)",
        ),
        ("cite", card.citation),
        ("data licence", card.licence),
    ]
    parts = [f"{card.name}: a task\n\n{card.summary}\n\n{card.example.rstrip()}", align_columns(facts)]
    for name, tier in card.tiers.items():
        optim = tier.optim
        settings = {**card.arguments, **tier.task}
        rows = [
            ("task", ", ".join(f"{key} {_short(value)}" for key, value in settings.items())),
            ("model", ", ".join(f"{key} {value}" for key, value in tier.arch.items())),
            *([("around it", ", ".join(f"{key} {value}" for key, value in tier.body.items()))] if tier.body else []),
            (
                "budget",
                f"{optim.steps} steps of {optim.batch_size}, {optim.optimizer} {optim.lr:g} ({optim.schedule}), "
                f"{tier.seeds} seeds",
            ),
            ("grid", ", ".join(f"{rate:g}" for rate in tier.learning_rates) or "none"),
            *(("deviation", deviation) for deviation in tier.deviations),
        ]
        digest = card.digest(name)[:8]
        parts.append(f"tier {name} (digest {digest}):\n{align_columns(rows, indent='  ')}")
    if card.references:
        published = [(r.architecture, r.metric, format_number(r.value), r.setting, r.source) for r in card.references]
        parts.append(f"published:\n{align_columns(published, indent='  ')}")
    parts.append(_lines(card))
    return "\n\n".join(parts)


def _short(value: object) -> str:
    if isinstance(value, list) and len(value) > 6:
        return f"[{value[0]} ... {value[-1]}]"
    return str(value)


def _lines(card: cards.Card) -> str:
    """Chance and best possible of the small tier's test split; a sentence where the data is not at hand."""
    from seqbench.datamodules.loading import import_datamodule_class
    from seqbench.protocol.batches import Keys

    tier_name = "small" if "small" in card.tiers else next(iter(card.tiers))
    tier = card.tier(tier_name)
    keys = Keys(0, card.name, card.version)
    try:
        settings = {**card.arguments, **tier.task}
        data = import_datamodule_class(card)(batch_size=tier.optim.batch_size, keys=keys, **settings)
    except SeqbenchError as error:
        return f"chance and best possible: not computed; {error}"
    best = data.best("test")
    rows = [
        (
            name,
            f"chance {format_number(value)}",
            f"best possible {format_number(best[name]) if best[name] is not None else 'unknown'}",
        )
        for name, value in data.chance("test").items()
    ]
    return f"lines of tier {tier_name}, test:\n{align_columns(rows, indent='  ')}"
