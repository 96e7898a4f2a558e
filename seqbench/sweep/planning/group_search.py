"""The search of one group of a sweep: its trials as cells, their scores from the run folders, and its record."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from seqbench.protocol.record_fields import Trial as RecordedTrial
from seqbench.protocol.record_fields import Tuning
from seqbench.protocol.records import TUNING_SEED, Record
from seqbench.protocol.search.rate_search import Scale, SearchState, Trial, advance_search
from seqbench.protocol.search.recorded_search import describe_search
from seqbench.protocol.search.search_rule import Rung, SearchRule
from seqbench.protocol.search.trial_configuration import search_rule_of, trial_config, with_options
from seqbench.sweep.planning.sweep_plan import FINISHED_STATUSES, Cell, Group


class TrialBudget(NamedTuple):
    """What the trials of a group that have not run will take, if the search takes its usual way.

    Args:
        trials: number of trials.
        whole_runs: their training steps, as a multiple of those of a whole run.
    """

    trials: int
    whole_runs: float


class GroupSearch:
    """The search of the learning rate of one group.

    Its state is in the run folders of its trials alone, so that a sweep continues a search where it stopped.

    Args:
        group: the group.
        rule: the rule of the search.
        runs: folder of all runs.
    """

    def __init__(self, group: Group, rule: SearchRule, runs: Path) -> None:
        self.group, self.rule, self.runs = group, rule, runs
        self._scale = Scale(group.config.card.metric.direction)
        self._scores: dict[Trial, float | None] = {}
        self._cells: dict[Trial, Cell] = {}
        self._ended: set[Path] = set()

    def state(self) -> SearchState:
        """Return the state of the search, from the records of its trials."""
        while True:
            state = advance_search(self.rule, self._scale, self._scores)
            ended = [trial for trial in state.pending if self._has_ended(trial)]
            for trial in ended:
                self._scores[trial] = self._read_score(trial)
            if not ended:
                return state

    def pending_cells(self) -> list[Cell]:
        """Return the cells that must run before the search goes on; none if it has ended."""
        return [self.cell(trial) for trial in self.state().pending]

    def cells(self) -> list[Cell]:
        """Return the cells of all trials that the search has needed so far, the pending ones included."""
        return [self.cell(trial) for trial in self.state().asked]

    def cell(self, trial: Trial) -> Cell:
        """Return the cell of a trial; the same object for the same trial."""
        if trial not in self._cells:
            config = trial_config(self.group.config, self.rule, trial, self.group.point)
            self._cells[trial] = Cell(Group(config, tuple(config.labels.point)), config, self.runs)
        return self._cells[trial]

    def end_trial(self, cell: Cell) -> None:
        """Note that a trial will not run again in this sweep: if it has no score, it counts as the worst."""
        self._ended.add(cell.folder)

    def budget(self) -> TrialBudget:
        """Return what the trials that have not run will usually take."""
        state, usual = self.state(), self.rule.usual_trials()
        if not state.pending:
            return TrialBudget(0, 0.0)
        pending, done = (sum(map(self._share, some)) for some in (state.pending, self._scores))
        return TrialBudget(max(len(state.pending), len(usual) - len(self._scores)), max(pending, sum(usual) - done))

    def tuned_group(self) -> Group | None:
        """Return the group with the rate and the options that the search chose; None if no trial has a score."""
        chosen, config = self.state().chosen, self.group.config
        if chosen is None:
            return None
        optim = dataclasses.replace(config.optim, lr=chosen.lr)
        tuned = dataclasses.replace(
            with_options(config, dict(chosen.options)), optim=optim, tuning=self.describe_tuning()
        )
        return Group(tuned, self.group.point)

    def describe_tuning(self) -> Tuning:
        """Return the search as each record of the group states it."""
        state, grid = self.state(), self.rule.grid
        rows = [self._describe_trial(trial) for trial in state.asked]
        fixed = {option.name: option.value for option in self.rule.second}
        return Tuning(
            seed=TUNING_SEED,
            split="validation",
            metric=self.group.config.card.metric.selected_by,
            tried=rows,
            lr=state.chosen.lr if state.chosen else None,
            options=fixed | dict(state.chosen.options if state.chosen else ()),
            search=describe_search(self.rule, self._scale),
            extended=sorted({trial.lr for trial in state.asked} - set(grid)),
            bound=state.bound,
            cost=round(sum(map(self._share, state.asked)), 4),
        )

    def _share(self, trial: Trial) -> float:
        """Return the training steps of a trial, as a share of those of a whole run."""
        return self.cell(trial).config.optim.steps / self.group.config.optim.steps

    def _has_ended(self, trial: Trial) -> bool:
        cell = self.cell(trial)
        record = cell.record()
        return cell.folder in self._ended or (record is not None and record.status in FINISHED_STATUSES)

    def _read_score(self, trial: Trial) -> float | None:
        """Return the validation score of a trial, and note the scores of chance and of the best possible predictor."""
        record = self.cell(trial).record()
        if record is None or record.status != "ok":
            return None
        score = record.results.metrics["validation"][self.group.config.card.metric.selected_by]
        self._scale = dataclasses.replace(self._scale, chance=score.chance, best=score.best)
        return score.value

    def _describe_trial(self, trial: Trial) -> RecordedTrial:
        cell = self.cell(trial)
        record: Record | None = cell.record()
        options = {"options": dict(trial.options)} if trial.options else {}
        return RecordedTrial(
            lr=trial.lr,
            value=self._scores.get(trial),
            status=record.results.status if record else None,
            run=cell.folder.name,
            rung=trial.rung,
            steps=cell.config.optim.steps,
            **options,
        )


def search_group(
    group: Group, runs: Path, rungs: tuple[Rung, ...] = (), fixed: Collection[str] = ()
) -> GroupSearch | None:
    """Return the search of a group; None if its card has no grid of learning rates.

    Args:
        group: the group.
        runs: folder of all runs.
        rungs: the rungs of the user; empty for those of the card.
        fixed: dotted names of options that the user sets, which are not tuned.
    """
    rule = search_rule_of(group.config, rungs, fixed)
    return None if rule is None else GroupSearch(group, rule, runs)
