"""Checks of a task's protocol: its card, and the lines that scores are read between."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping

import torch

from seqbench.datamodules.loading import import_datamodule_class
from seqbench.protocol.specs import Batch, TokenSequence
from seqbench.testing.constant_predictions import Ignorant, Predictor, as_emitted, score, spread
from seqbench.testing.report import Failure, Skip, expect
from seqbench.testing.task_subject import TaskSubject
from seqbench.utils.errors import one_line
from seqbench.utils.plain_data import to_json

SPLITS = ("validation", "test")


def card_complete(task: TaskSubject) -> None:
    """The card says in words what the task is, where it is from and who may use its data."""
    for key in ("summary", "example", "citation", "licence"):
        expect(str(getattr(task.card, key)).strip(), f"the card's {key} is empty; `seqbench show` prints it.")
    for tier in ("smoke", "small"):
        expect(tier in task.card.tiers, f"the card has no tier {tier}; smoke is for trying (20 s), small the default.")


def tiers_fit(task: TaskSubject) -> None:
    """Every tier gives options that its datamodule has, and a width."""
    options = inspect.signature(import_datamodule_class(task.card)).parameters
    open_ended = any(option.kind is option.VAR_KEYWORD for option in options.values())
    for name, tier in task.card.tiers.items():
        for key in {**task.card.arguments, **tier.task}:
            expect(
                open_ended or key in options, f"tier {name} gives {key}, which {task.card.datamodule} does not take."
            )
        expect("d_model" in tier.arch, f"tier {name} gives no arch.d_model; every architecture needs a width.")


def facts_plain(task: TaskSubject) -> None:
    """Facts and baselines are plain data, as a record keeps them."""
    found = {"facts": task.data.describe_data(), "baselines": {split: task.data.baselines(split) for split in SPLITS}}
    for name, value in found.items():
        try:
            to_json(value)
        except Exception as error:
            text = one_line(error, 200)
            raise Failure(
                f"{name} cannot be written into a record: {text}; use numbers, text, lists and dicts."
            ) from error


def objective_scores(task: TaskSubject) -> None:
    """The spec's objective makes finite losses and metrics of every split."""
    generator = torch.Generator().manual_seed(0)
    objective = task.objective()
    for split in ("train", *task.evaluation):
        width = _width(task, task.batches(split)[0])

        def guess(batch: Batch, width: int = width) -> torch.Tensor:
            return torch.randn(*batch.weights.shape, width, generator=generator)

        losses = [objective.loss_per_target(guess(batch), batch) for batch in task.batches(split)]
        expect(all(some.isfinite().all() for some in losses), f"losses of {split} are not all finite.")
        if split != "train":
            for name, value in score(objective, task.batches(split), guess).items():
                expect(math.isfinite(value), f"{name} of {split} is {value} for random guesses; is nothing scored?")


def _width(task: TaskSubject, batch: Batch) -> int:
    output = task.data.spec.output
    return next(int(getattr(output, name)) for name in ("classes", "vocab", "labels", "dim") if hasattr(output, name))


def lines_named(task: TaskSubject) -> None:
    """Chance and best possible name the same metrics, the card's among them; what is unknown says why."""
    primary, known = task.card.metric.name, set(task.objective().metric_sizes)
    judged = isinstance(task.data.spec.output, TokenSequence)
    expect(judged or primary in known, f"the card's metric is {primary}, the objective reports {sorted(known)}.")
    for split in SPLITS:
        chance, best = task.data.chance(split), task.data.best(split)
        expect(primary in chance and primary in best, f"{split} has no line for the card's metric {primary}.")
        same = set(chance) == set(best)
        expect(same, f"{split} has chance lines of {sorted(chance)} and best lines of {sorted(best)}.")
        for name, value in [*chance.items(), *best.items()]:
            expect(
                value is None or math.isfinite(value), f"a line of {name} on {split} is {value}; None means unknown."
            )
        silent = None in best.values() and not task.data.best_unknown
        expect(not silent, f"a best possible of {split} is None; say why in best_unknown.")


def best_beats_chance(task: TaskSubject) -> None:
    """By the card's metric the best possible is better than chance."""
    metric = task.card.metric
    for split in SPLITS:
        chance, best = task.data.chance(split)[metric.name], task.data.best(split)[metric.name]
        if chance is None or best is None:
            raise Skip(f"a line of {metric.name} is unknown: {task.data.best_unknown or 'it has no chance line'}")
        better = "higher" if metric.direction == "max" else "lower"
        expect(
            metric.better(best, chance),
            f"on {split} the best possible {metric.name} is {best:.4g}, chance {chance:.4g}, and {better} is better.",
        )


def chance_matches(task: TaskSubject) -> None:
    """A predictor that knows the targets' frequencies alone scores what chance says."""
    objective, predictors, told = task.objective(), _ignorant(task), 0
    for split in SPLITS:
        for name, chance in task.data.chance(split).items():
            if name not in objective.metric_sizes or chance is None:
                continue
            told += 1
            batches = task.batches(split)
            found = [score(objective, batches, predict)[name] for predict in predictors]
            errors = [spread(objective, batches, predict)[name] for predict in predictors]
            near = [
                abs(value - chance) <= 0.03 * abs(chance) + 4 * error
                for value, error in zip(found, errors, strict=True)
                if math.isfinite(value)
            ]
            seen = " and ".join(f"{value:.4g}" for value in found)
            expect(
                any(near) or not near,
                f"chance says {name} {chance:.4g} on {split}, but knowing the targets' frequencies in training, "
                f"overall or at each step, scores {seen}; a line that is too easy flatters every score.",
            )
    if not told:
        raise Skip("it has no chance line that the objective reports")


def _ignorant(task: TaskSubject) -> list[Predictor]:
    output, train = task.data.spec.output, task.batches("train")
    times = {batch.weights.shape[1] for split in ("train", *SPLITS) for batch in task.batches(split)}
    kinds = [False, True] if len(times) == 1 and times != {1} and train[0].targets.shape[1] > 1 else [False]
    return [Ignorant(train, output, each_step) for each_step in kinds]


def oracle_solves(task: TaskSubject) -> None:
    """What solves the task by hand, seeing inputs alone, scores the best possible."""
    objective, output = task.objective(), task.data.spec.output
    if task.oracle(task.batches("test")[0]) is None:
        raise Skip("no oracle was given: its datamodule's oracle() returns None")
    told = 0
    for split in task.evaluation:

        def predict(batch: Batch) -> torch.Tensor:
            said = task.oracle(batch)
            assert said is not None
            return as_emitted(said, batch, output)

        found = score(objective, task.batches(split), predict) | dict(_judged(task, split))
        for name, best in task.data.best(split).items():
            if best is None or name not in found:
                continue
            told += 1
            expect(
                abs(found[name] - best) <= 1e-3 * max(1.0, abs(best)),
                f"the oracle's {name} on {split} is {found[name]:.4g}, the best possible says {best:.4g}.",
            )
    if not told:
        raise Skip(f"the best possible is unknown: {task.data.best_unknown}")


def _judged(task: TaskSubject, split: str) -> Mapping[str, float]:
    """What the datamodule's judge says of an oracle's tokens, where outputs are sequences of their own."""
    output = task.data.spec.output
    if not isinstance(output, TokenSequence):
        return {}
    written: dict[int, list[int]] = {}
    for batch in task.batches(split):
        said = task.oracle(batch)
        if said is None or said.is_floating_point():
            return {}
        for index, tokens in zip(batch.index.tolist(), said.tolist(), strict=True):
            written[index] = tokens[: tokens.index(output.end)] if output.end in tokens else tokens
    return task.data.score_decoded(split, written)
