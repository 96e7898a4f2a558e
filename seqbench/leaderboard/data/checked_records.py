"""The parts of a record that a board uses, checked value by value: a record may come from anybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from seqbench.leaderboard.data import recorded_costs
from seqbench.leaderboard.data.board_card import LARGEST
from seqbench.leaderboard.data.recorded_costs import Machine
from seqbench.leaderboard.data.recorded_searches import RecordedSearch, recorded_search
from seqbench.protocol.limits.possible_values import require_possible_values
from seqbench.protocol.record_fields import Curves, Results, RunDescription, Score
from seqbench.protocol.records import Record
from seqbench.utils.errors import SeqbenchError, one_line
from seqbench.utils.plain_data import json_digest, short_repr

MOST_POINTS = 200
"""Largest number of points of a curve that are kept; a page cannot show more."""
MOST_TEXT = 200
"""Largest number of characters of a name or a reason that are kept."""
DIGEST_LENGTH = 8
"""Number of digest digits that replace an option's value that is long or has several parts."""

VerificationState = Literal["ci", "submitter", "unverified"]
"""Who verified a record: CI with the code of the base branch, or the submitter, whose word it is; or nobody."""
UNVERIFIED: VerificationState = "unverified"
VERIFICATION_STATES: tuple[VerificationState, ...] = get_args(VerificationState)

OptionValue = str | int | float | None
"""Value of an option of a run; ``int`` includes booleans."""


@dataclass(frozen=True, slots=True)
class MetricScore:
    """A score with the chance score and the best possible score of its metric.

    Args:
        value: the score.
        chance: score of a predictor that knows nothing; None if unknown.
        best: best possible score; None if unknown.
        best_unknown: why the best possible score is unknown.
        standard_error: standard error of the score over the test samples; None if unknown.
        sample_groups: how far each group of test samples moves the score; empty if unknown.
    """

    value: float
    chance: float | None
    best: float | None
    best_unknown: str
    standard_error: float | None = None
    sample_groups: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckedRecord:
    """The parts of one record that a board uses.

    Args:
        origin: path or W&B run of the record.
        checksum: checksum of the record.
        task: name of the task card.
        card_version: version of the task card.
        tier: tier of the task card.
        card_digest: digest of the task card for that tier, with its recipes for the architectures of the run.
        metric: metric that decides.
        direction: ``min`` or ``max``: which scores are better.
        architecture: name of the architecture, followed by the name of its encoder if it has one.
        recipes: names of the architectures whose recipes of the card count for the run: backbone and encoder.
        distribution: name of the distribution that offers the architecture; empty for a class given by its path.
        distribution_version: version of that distribution.
        options: options of the backbone and the body, the learning rate and the precision, by dotted name.
        learning_rate: learning rate of the run.
        matched: number of parameters that ``d_model`` was chosen for; None if it was not.
        matched_options: dotted names of the options that were chosen for it, or tuned for the task.
        seed: seed of the run.
        status: one of ``record_fields.STATUSES``.
        reason: why the status is not ``ok``; empty if it is.
        modified: options in which the run departs from the task card.
        weights: digest of the weights that were scored.
        test: test scores by metric; empty unless the status is ``ok``.
        validation: score on validation, at the chosen step, of the metric that selects weights.
        baselines: scores of the task's baselines in the deciding metric on test, by name.
        steps: steps of the validation curve.
        curve: score of the deciding metric on validation at each of these steps.
        lengths: sequence lengths, and the score at each of them.
        costs: parameters, bytes, FLOPs and durations that are known, by name.
        counts_padding: whether the tokens per second of training count padding.
        machine: the machine that the costs were measured on.
        search: the search of its learning rate.
        verified: how the record was verified; empty if it was not.
        verification: who verified it: ``ci`` or ``submitter``, or ``unverified``.
        altered: whether the run was trained in a checkout whose files differ from their commit.
    """

    origin: str
    checksum: str
    task: str
    card_version: int
    tier: str
    card_digest: str
    metric: str
    direction: str
    architecture: str
    recipes: tuple[str, ...]
    distribution: str
    distribution_version: str
    options: Mapping[str, OptionValue]
    learning_rate: float
    matched: int | None
    matched_options: tuple[str, ...]
    seed: int
    status: str
    reason: str
    modified: tuple[str, ...]
    weights: str
    test: Mapping[str, MetricScore]
    validation: float | None
    baselines: Mapping[str, float]
    steps: Sequence[float]
    curve: Sequence[float]
    lengths: tuple[Sequence[float], Sequence[float]]
    costs: Mapping[str, float]
    counts_padding: bool
    machine: Machine
    search: RecordedSearch
    verified: str
    verification: VerificationState
    altered: bool = False

    @property
    def diverged(self) -> bool:
        """Whether the training diverged, and somebody verified that: anybody could write such a record of a rival."""
        return self.status == "diverged" and self.verification != UNVERIFIED


def check_record_values(record: Record, origin: str) -> CheckedRecord:
    """Return the parts of a record that a board uses.

    Raises:
        SeqbenchError: the record was edited, its stamp belongs to another record, or a value is impossible.
    """
    if record.checksum is None:
        raise SeqbenchError("it has no checksum; an older seqbench wrote it, or it was edited")
    if not record.intact():
        raise SeqbenchError("it was edited after it was written: its checksum does not match its contents")
    if record.verified and not record.verified.belongs_to(record.checksum):
        raise SeqbenchError("its stamp of verification belongs to another record: the checksums differ")
    require_possible_values(record)
    results, config = record.results, record.config
    metric = config.card.metric
    # A run that did not end well has computed no scores; those in its record are ignored.
    scored = results if record.status == "ok" else Results(status=results.status, reason=None, curves=Curves())
    test = {
        name[:MOST_TEXT]: _metric_score(score, f"results.metrics.test.{name}")
        for name, score in scored.metrics.get("test", {}).items()
        if score.value is not None  # An undefined score has no place on a board.
    }
    if record.status == "ok" and metric not in test:
        raise SeqbenchError(f"it ended ok and has no {short_repr(metric)} on test")
    selection = config.card.selection or metric
    validation = scored.metrics.get("validation", {}).get(selection)
    validation_curve, lengths = results.curves.validation, scored.lengths
    steps, curve = _points(validation_curve.get("step", []), validation_curve.get(metric, []))
    return CheckedRecord(
        origin=origin,
        checksum=record.checksum,
        task=config.card.name[:MOST_TEXT],
        card_version=config.card.version,
        tier=config.card.tier[:MOST_TEXT],
        card_digest=config.card.digest[:MOST_TEXT],
        metric=metric[:MOST_TEXT],
        direction=config.card.direction,
        architecture=config.model[: 2 * MOST_TEXT],
        recipes=tuple(one.name[:MOST_TEXT] for one in (config.architecture, config.encoder) if one is not None),
        distribution=(config.architecture.distribution or "")[:MOST_TEXT],
        distribution_version=(config.architecture.version or "")[:MOST_TEXT],
        options=_options(config),
        learning_rate=_score(config.options.optim.lr, "config.options.optim.lr"),
        matched=config.match_params,
        matched_options=tuple(sorted({*_matched_options(config), *(config.tuning.options if config.tuning else ())})),
        seed=config.seed,
        status=record.status,
        reason=one_line(results.reason or "", MOST_TEXT),
        modified=tuple(name[:MOST_TEXT] for name in config.modified),
        weights=scored.weights[:MOST_TEXT],
        test=test,
        validation=_optional_score(validation.value, f"results.metrics.validation.{selection}") if validation else None,
        baselines=_baselines(scored.baselines.get("test", {}), metric),
        steps=steps,
        curve=curve,
        lengths=_points(lengths.get("length", []), next((lengths[key] for key in lengths if key != "length"), [])),
        costs=_costs(record),
        counts_padding=recorded_costs.counts_padding(record),
        machine=_machine(record),
        search=recorded_search(config),
        verified=record.verified.how[:MOST_TEXT] if record.verified else "",
        verification=record.verified.by if record.verified else UNVERIFIED,
        altered=(config.git_commit or "").endswith("+changes"),
    )


def short_option_value(value: object) -> OptionValue:
    """Return an option's value, or the beginning of its digest if it is long or has several parts.

    >>> short_option_value(0.5)
    0.5
    >>> short_option_value(["a", "b"])
    '0473ef2d'
    """
    if value is None or isinstance(value, int | float) or (isinstance(value, str) and len(value) <= MOST_TEXT):
        return value
    return json_digest(value)[:DIGEST_LENGTH]


def _score(value: float, path: str) -> float:
    """Return a number of a record as a float.

    Raises:
        SeqbenchError: the number is too large for a score.
    """
    if abs(value) > LARGEST:
        raise SeqbenchError(f"it is no record of a run: {path} is {short_repr(value)}, beyond any score")
    return float(value)


def _matched_options(config: RunDescription) -> tuple[str, ...]:
    """Return the dotted names of the options that were chosen for a number of parameters."""
    if config.match_params is None:
        return ()
    chosen = config.size_match.options if config.size_match else {}
    return tuple(sorted({"arch.d_model", *(f"arch.{name}" for name in chosen)}))


def _optional_score(value: float | None, path: str) -> float | None:
    return None if value is None else _score(value, path)


def _metric_score(score: Score, path: str) -> MetricScore:
    chance = None if score.chance is None else _score(score.chance, f"{path}.chance")
    best = None if score.best is None else _score(score.best, f"{path}.best")
    assert score.value is not None, "undefined scores are left out"
    error = _optional_score(score.standard_error, f"{path}.standard_error")
    if error is not None and error < 0:
        raise SeqbenchError(f"it is no record of a run: {path}.standard_error is {error:g}, below 0")
    groups = tuple(_score(value, f"{path}.sample_groups") for value in score.sample_groups[:MOST_POINTS])
    return MetricScore(
        _score(score.value, f"{path}.value"), chance, best, score.best_unknown[:MOST_TEXT], error, groups
    )


def _options(config: RunDescription) -> dict[str, OptionValue]:
    """Return the options that may distinguish two configurations of one architecture."""
    recorded = config.options
    sections = {"arch": recorded.arch, "encoder": recorded.encoder or {}, "body": recorded.body}
    options: dict[str, OptionValue] = {
        f"{section}.{key}"[:MOST_TEXT]: short_option_value(value)
        for section, values in sections.items()
        for key, value in values.items()
        if key != "name"
    }
    # A class that is given by its path has no version: after an edit it is another configuration.
    files = {name: source.digest for name, source in config.sources.items() if source.files}
    if files or config.architecture.distribution is None:
        options["source"] = json_digest(files)[:DIGEST_LENGTH] if files else None
    options["optim.lr"] = _score(recorded.optim.lr, "config.options.optim.lr")
    options["trainer.precision"] = recorded.trainer.precision[:20]
    return options


def _points(x: Sequence[float | None], y: Sequence[float | None]) -> tuple[list[float], list[float]]:
    """Return two columns of numbers, at most ``MOST_POINTS``, without null; empty unless they are of equal length."""
    points = [(one, other) for one, other in zip(x, y, strict=False) if one is not None and other is not None]
    if len(x) != len(y) or not all(abs(number) <= LARGEST for point in points for number in point):
        return [], []
    stride = max(1, -(-len(points) // MOST_POINTS))
    # Counted from the end, so that the last point stays.
    kept = points[::-1][::stride][::-1]
    return [one for one, _ in kept], [float(other) for _, other in kept]


def _baselines(data: Mapping[str, Mapping[str, float]], metric: str) -> dict[str, float]:
    return {
        name[:MOST_TEXT]: _score(scores[metric], f"results.baselines.test.{name}")
        for name, scores in data.items()
        if metric in scores
    }


def _costs(record: Record) -> dict[str, float]:
    return {name: _score(cost, name) for name, cost in recorded_costs.recorded_costs(record).items()}


def _machine(record: Record) -> Machine:
    machine = recorded_costs.recorded_machine(record)
    return replace(
        machine,
        device=machine.device[:MOST_TEXT],
        processor=machine.processor[:MOST_TEXT],
        load=_optional_score(machine.load, "measured.load"),
    )
