"""Show an architecture, a task or a run: description, options, protocol, chance and best possible, scores."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from seqbench.cli.shell_completion import complete_with, list_architectures, list_architectures_and_tasks, list_tasks
from seqbench.cli.text_tables import align_columns
from seqbench.protocol import cards, registry
from seqbench.protocol.config import RunConfig, SingleOptions
from seqbench.utils.errors import SeqbenchError, did_you_mean, one_line
from seqbench.utils.number_format import counted, format_number
from seqbench.utils.redaction import redact

if TYPE_CHECKING:
    from seqbench.models.module import SequenceModule

WIDTH, SYMBOLS, STEPS = 128, 64, 256
"""``d_model``, number of symbols and sequence length of the model in which an architecture is measured."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``seqbench show`` to its parser."""
    name = parser.add_argument("name", help="show this architecture (or package.module:Class), task or run folder")
    complete_with(name, list_architectures_and_tasks)


def main(options: argparse.Namespace) -> int:
    """Print the architecture, the task, or both of this name, or else the run in this folder; return 0.

    Raises:
        SeqbenchError: the name is unknown, or its entry cannot be imported.
    """
    is_architecture, is_task = options.name in list_architectures() or ":" in options.name, options.name in list_tasks()
    if not (is_architecture or is_task):
        from seqbench.cli import run_description  # Not needed for a name.

        if run_description.is_run(Path(options.name)):
            print(run_description.describe_run(Path(options.name)))
            return 0
        hint = did_you_mean(options.name, list_architectures_and_tasks())
        raise SeqbenchError(f"no architecture, task or run is called '{options.name}'.{hint}")
    if is_architecture:
        print(describe_architecture(registry.find_entry(registry.ARCHITECTURES, options.name)))
    if is_task:
        card = cards.load_card(options.name)
        # The card is shown at once; the baselines need torch and the data of the task.
        print(describe_task(card), end="\n\n", flush=True)
        print(describe_baselines(card))
    return 0


def describe_architecture(entry: registry.Entry) -> str:
    """Return the docstring, the properties, the options and the size of an architecture.

    Raises:
        SeqbenchError: its class cannot be imported.
    """
    backbone = entry.load()
    own_training = registry.brings_training(backbone)
    # Read from the class itself: a class without a docstring would inherit that of nn.Module.
    text = inspect.cleandoc(vars(backbone).get("__doc__") or "(no description)")
    rows = [
        (f"  --arch.{p.name}", _annotation(p), "required" if p.default is p.empty else f"default {p.default}")
        for p in inspect.signature(backbone).parameters.values()
        if not (own_training and p.name == "context")
    ]
    facts = [
        ("class", entry.value),
        ("from", f"{entry.distribution} {entry.version}" if entry.distribution else "given by its path"),
        *([("training", _describe_training(backbone))] if own_training else []),
        *([("causal", "yes" if getattr(backbone, "causal", True) else "no")] if not own_training else []),
        ("streams", "yes, by unroll" if registry.continues_streams(backbone) else "no: reads whole windows"),
    ]
    parts = [
        f"{entry.name}: an architecture",
        text,
        align_columns(facts),
        f"options:\n{align_columns(rows)}",
        measure_size(entry),
    ]
    return "\n\n".join(parts)


def _describe_training(module_class: type) -> str:
    """Return what a subclass of ``SequenceModule`` overrides, in words."""
    from seqbench.models.own_training import overridden_methods

    names = overridden_methods(module_class)
    return f"its own: {', '.join(names)}" if names else "as that of a backbone, with parts of its own"


def measure_size(entry: registry.Entry) -> str:
    """Return the parameters, state size, FLOPs and decoding speed of a small model with default options.

    A figure that cannot be measured is replaced by the reason.
    """
    import torch  # Already imported by the backbone.

    from seqbench.models import build
    from seqbench.models.parameter_groups import describe_groups
    from seqbench.models.weights import count_parameters
    from seqbench.protocol.specs import SequenceSpec, StepClasses, Tokens
    from seqbench.running.diagnostics import cost

    title = f"size at d_model {WIDTH}, other options by default, between an embedding and a head of {SYMBOLS} symbols:"
    spec = SequenceSpec(Tokens(SYMBOLS), StepClasses(SYMBOLS), max_length=STEPS, look_ahead=True)
    config = _default_config(entry)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        module = build.build_module_from_spec(config, spec)
        of_backbone, of_model = count_parameters(module.body.decoding_backbone), count_parameters(module)
        figures = cost.module_cost(module)
        rows = [
            ("parameters", f"{of_backbone:,}, with embedding and head {of_model:,}"),
            ("state", _format_figure(figures, "state_bytes", f"bytes after {STEPS} steps")),
            ("arithmetic", _format_figure(figures, "flops_per_token", f"FLOPs per token, forward over {STEPS} steps")),
            ("decoding", _measure_speed(module)),
            (
                "optimiser",
                f"{describe_groups(module, module.body, config.optim)} (card {config.card.name}, {config.tier})",
            ),
        ]
        return f"{title}\n{align_columns(rows, indent='  ')}"
    # The backbone of a plug-in may raise anything, and the rest of the description is still useful.
    except (Exception, SystemExit) as error:
        return f"{title}\n  not measured: {_error_text(error)}"
    finally:
        torch.set_num_threads(threads)


def _default_config(entry: registry.Entry) -> RunConfig:
    """Return a configuration with the architecture's defaults; the values of its card do not affect the size."""
    card = cards.load_card("copy")
    tier = next(iter(card.tiers))
    return RunConfig(
        card=card,
        tier=tier,
        arch_entry=entry,
        seed=0,
        arch_options={"d_model": WIDTH},
        task_options={},
        body=asdict(SingleOptions()),
        optim=card.tier(tier).optim,
    )


def _format_figure(figures: Mapping[str, object], name: str, unit: str) -> str:
    """Return a figure with its unit, or the reason why it is missing."""
    value = figures[name]
    if not isinstance(value, int | float):
        return str(figures.get(f"{name}_error", "none is kept: it has no unroll"))
    return f"{value:,.0f} {unit}"


def _measure_speed(module: SequenceModule) -> str:
    """Return the decoded tokens per second with the name of the device, or the reason why it cannot be measured."""
    from seqbench.running import provenance
    from seqbench.running.diagnostics import cost

    try:
        speed = cost.decode_tokens_per_second(module)
    # The backbone of a plug-in may raise anything.
    except (Exception, SystemExit) as error:
        return _error_text(error)
    if speed is None:
        return "recomputed from all inputs for each token: it has no unroll"
    return f"{speed:,.0f} tokens/s, one sequence, on {provenance.device_name(module.device)}"


def _error_text(error: BaseException) -> str:
    text = redact(one_line(error))
    return text if isinstance(error, SeqbenchError) else f"{type(error).__name__}: {text[:300]}"


def _annotation(parameter: inspect.Parameter) -> str:
    annotation = "any" if parameter.annotation is parameter.empty else parameter.annotation
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def describe_task(card: cards.Card) -> str:
    """Return the summary, the drawn example, the tiers and the published results of a task."""
    better = "higher" if card.metric.direction == "max" else "lower"
    facts = [
        ("version", str(card.version)),
        ("decided by", f"{card.metric.name} ({better} is better)"),
        *([("selected by", f"validation {card.metric.selection}")] if card.metric.selection else []),
        *([("beside it", ", ".join(card.secondary))] if card.secondary else []),
        ("cite", card.citation),
        ("data licence", card.licence),
    ]
    description = "".join(f"\n\n{text.strip()}" for text in (card.description, card.limits) if text)
    parts = [f"{card.name}: a task\n\n{card.summary}\n\n{card.example.rstrip()}{description}", align_columns(facts)]
    parts += [_describe_tier(card, name) for name in card.tiers]
    if card.references:
        published = [(r.architecture, r.metric, format_number(r.value), r.setting, r.source) for r in card.references]
        parts.append(f"published:\n{align_columns(published, indent='  ')}")
    return "\n\n".join(parts)


def _describe_tier(card: cards.Card, name: str) -> str:
    tier = card.tiers[name]
    optim = tier.optim
    rows = [
        ("task", ", ".join(f"{key} {_shorten(value)}" for key, value in {**card.arguments, **tier.task}.items())),
        ("model", ", ".join(f"{key} {value}" for key, value in tier.arch.items())),
        *([("body", ", ".join(f"{key} {value}" for key, value in tier.body.items()))] if tier.body else []),
        (
            "budget",
            f"{counted(optim.steps, 'step')} of {optim.batch_size}, {optim.optimizer} {optim.lr:g} ({optim.schedule}), "
            f"{counted(tier.seeds, 'seed')}",
        ),
        ("grid", ", ".join(f"{rate:g}" for rate in tier.learning_rates) or "none"),
        *(
            ("tuned", f"{name} of {', '.join(f'{value:g}' for value in values)}, at the best rate")
            for name, values in sorted(tier.tuned.items())
        ),
        *(("deviation", deviation) for deviation in tier.deviations),
    ]
    return f"tier {name} (digest {card.digest(name)[:8]}):\n{align_columns(rows, indent='  ')}"


def _shorten(value: object) -> str:
    """Return a value as text; a long list is shown by its first and its last item."""
    if isinstance(value, list) and len(value) > 6:
        return f"[{value[0]} ... {value[-1]}]"
    return str(value)


def describe_baselines(card: cards.Card) -> str:
    """Return chance and best possible score on the test split of tier small; a sentence if its data are missing."""
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
    chance, best = data.chance("test"), data.best("test")
    rows = [
        (
            name,
            f"chance {format_number(value)}",
            f"best possible {format_number(best[name]) if best[name] is not None else 'unknown'}",
        )
        for name, value in chance.items()
    ]
    return f"baselines of tier {tier_name}, test:\n{align_columns(rows, indent='  ')}"
