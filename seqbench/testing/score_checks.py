"""Checks of a task's scores: its objective, the score of chance, and the best possible score."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from seqbench.datamodules.base import Scores
from seqbench.models import length_scores
from seqbench.models.decoding.search import cut_at_end
from seqbench.models.scored_metrics import missing_metric
from seqbench.protocol.specs import Batch, Output, SequenceValue, StepLabels, StepValues, TokenSequence
from seqbench.protocol.splits import SCORED_SPLITS
from seqbench.testing.constant_predictions import (
    FrequencyPredictor,
    Predictor,
    head_output,
    score_predictor,
    standard_errors,
)
from seqbench.testing.report import Skip, expect
from seqbench.testing.task_subject import TaskSubject


def check_objective_finite(task: TaskSubject) -> None:
    """The objective of the spec gives finite losses and metrics on every split."""
    generator = torch.Generator().manual_seed(0)
    objective, width = task.build_objective(), _head_width(task.data.spec.output)

    def guess(batch: Batch) -> torch.Tensor:
        return torch.randn(*batch.weights.shape, width, generator=generator)

    for split in ("train", *task.evaluation_splits):
        losses = [objective.loss_per_target(guess(batch), batch) for batch in task.batches(split)]
        expect(all(loss.isfinite().all() for loss in losses), f"losses of {split} are not all finite.")
        if split != "train":
            for name, value in score_predictor(objective, task.batches(split), guess).items():
                expect(math.isfinite(value), f"{name} of {split} is {value} for random guesses; is nothing scored?")


def _head_width(output: Output) -> int:
    """Return how many numbers a head gives for each target."""
    match output:
        case StepLabels(labels=width) | StepValues(dim=width) | SequenceValue(dim=width):
            return width
        case TokenSequence(vocab=width):
            return width
        case _:
            return output.classes


def check_chance_and_best_defined(task: TaskSubject) -> None:
    """Chance and best give the same metrics, the card's among them, and an unknown best score has a reason."""
    objective = task.build_objective()
    for split in SCORED_SPLITS:
        reason = missing_metric(task.data, objective, task.card.metric, split)
        expect(not reason, reason)
        chance, best = task.data.chance(split), task.data.best(split)
        name = task.card.metric.of_split(split)
        lines = _chance_and_best(task, split)
        expect(all(name in line for line in lines), f"chance or best of {split} lacks the card's metric {name}.")
        equal = set(chance) == set(best)
        expect(equal, f"chance of {split} has the metrics {sorted(chance)}, best has {sorted(best)}; give the same.")
        for metric, value in [*chance.items(), *best.items()]:
            expect(
                value is None or math.isfinite(value),
                f"chance or best {metric} of {split} is {value}; give a finite number, or None for unknown.",
            )
        unexplained = None in best.values() and not task.data.best_unknown
        expect(not unexplained, f"a best possible score of {split} is None; give the reason in best_unknown.")


def _chance_and_best(task: TaskSubject, split: str) -> tuple[Scores, Scores]:
    """Return chance and best of a split as runs record them, with the scores over the probed lengths."""
    chance, best = length_scores.chance_and_best_over_lengths(task.data, split)
    return {**chance, **task.data.chance(split)}, {**best, **task.data.best(split)}


def check_best_beats_chance(task: TaskSubject) -> None:
    """By the card's metric, the best possible score is better than that of chance."""
    metric = task.card.metric
    for split in SCORED_SPLITS:
        name = metric.of_split(split)
        chance, best = (line.get(name) for line in _chance_and_best(task, split))
        if chance is None or best is None:
            raise Skip(f"chance or best {name} of {split} is unknown: {task.data.best_unknown or 'none is given'}")
        better = "higher" if metric.direction == "max" else "lower"
        expect(
            metric.better(best, chance),
            f"on {split} the best possible {name} is {best:.4g}, chance {chance:.4g}, and {better} is better.",
        )


def check_chance_matches_frequencies(task: TaskSubject) -> None:
    """A predictor that knows only the frequencies of the targets reaches the scores of chance."""
    objective, predictors, compared = task.build_objective(), _frequency_predictors(task), 0
    for split in SCORED_SPLITS:
        batches = task.batches(split)
        for name, chance in task.data.chance(split).items():
            if name not in objective.metric_sizes or chance is None:
                continue
            compared += 1
            scores = [score_predictor(objective, batches, predictor)[name] for predictor in predictors]
            errors = [standard_errors(objective, batches, predictor)[name] for predictor in predictors]
            near = [
                abs(score - chance) <= 0.03 * abs(chance) + 4 * error
                for score, error in zip(scores, errors, strict=True)
                if math.isfinite(score)
            ]
            shown = " and ".join(f"{score:.4g}" for score in scores)
            expect(
                any(near) or not near,
                f"chance says {name} {chance:.4g} on {split}, but predicting the frequencies of the training targets, "
                f"overall or at each step, scores {shown}; a chance score that is too low makes every score look good.",
            )
    if not compared:
        raise Skip("chance gives no metric of the objective")


def _frequency_predictors(task: TaskSubject) -> list[Predictor]:
    """Return a predictor of the overall frequencies, and one of those of each step if all batches are equally long."""
    output, train = task.data.spec.output, task.batches("train")
    times = {batch.weights.shape[1] for split in ("train", *SCORED_SPLITS) for batch in task.batches(split)}
    has_steps = len(times) == 1 and times != {1} and train[0].targets.shape[1] > 1
    return [FrequencyPredictor(train, output, each_step) for each_step in ([False, True] if has_steps else [False])]


def check_oracle_reaches_best(task: TaskSubject) -> None:
    """The oracle, which sees only the inputs, reaches the best possible score."""
    objective, output = task.build_objective(), task.data.spec.output
    if task.solve(task.batches("test")[0]) is None:
        raise Skip("there is no oracle: none was given, and the datamodule's oracle() returns None")

    def predict(batch: Batch) -> torch.Tensor:
        answers = task.solve(batch)
        assert answers is not None
        return head_output(answers, batch, output)

    compared = 0
    for split in task.evaluation_splits:
        scores = score_predictor(objective, task.batches(split), predict) | dict(_decoding_scores(task, split))
        for name, best in task.data.best(split).items():
            if best is None or name not in scores:
                continue
            compared += 1
            expect(
                abs(scores[name] - best) <= 1e-3 * max(1.0, abs(best)),
                f"the oracle's {name} on {split} is {scores[name]:.4g}, best gives {best:.4g} as the best possible.",
            )
    if not compared:
        raise Skip(f"the best possible score is unknown: {task.data.best_unknown}")


def _decoding_scores(task: TaskSubject, split: str) -> Mapping[str, float]:
    """Return the datamodule's scores of the oracle's token sequences; empty for other kinds of output."""
    output = task.data.spec.output
    if not isinstance(output, TokenSequence):
        return {}
    decoded: dict[int, list[int]] = {}
    for batch in task.batches(split):
        answers = task.solve(batch)
        if answers is None or answers.is_floating_point():
            return {}
        for index, tokens in zip(batch.index.tolist(), answers.tolist(), strict=True):
            decoded[index] = cut_at_end(tokens, output.end)
    return task.data.score_decoded(split, decoded)
