"""Trials of false records: records and checkpoints that a submitter has edited, without a plug-in."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from tests.verification import cheat_runs, forgeries
from tests.verification.cheat_runs import call, recorded
from tests.verification.forgeries import copy_run, edit_checkpoint, edit_text
from tests.verification.helpers import OPTIM, raise_early_loss, raise_test_score, replace_value
from tests.verification.trials import (
    REQUEST,
    Findings,
    Trial,
    TrialFolder,
    judge_by_second_run,
    judge_by_verification,
)

TRUST = "docs/trust.md"


def edited_text(trial: TrialFolder) -> Path:
    return edit_text(copy_run(trial.run, trial.folder / "false"), raise_test_score)


def edited(change: forgeries.Change, alone: bool = False) -> Any:
    """Return a function that copies the honest run and changes its record, with a new checksum."""

    def make(trial: TrialFolder) -> Path:
        return copy_run(trial.run, trial.folder / "false", change, alone)

    return make


def other_seed(trial: TrialFolder) -> Path:
    """Present the run of seed 5 as that of seed 0."""
    run = Path(call(trial.site, cheat_runs.train, "gru", trial.folder / "runs", {"seed": 5}))
    return copy_run(run, trial.folder / "false", forgeries.state_seed(0))


def other_seed_elsewhere(trial: TrialFolder) -> Path:
    """Present the run of seed 5 as that of seed 0, from a processor on which rounding may differ."""
    return copy_run(other_seed(trial), trial.folder / "elsewhere", forgeries.name_another_processor)


def other_seed_with_its_proofs(trial: TrialFolder) -> Path:
    """Present the run of seed 5 as that of seed 0, with the proofs of a true run of seed 0."""
    folder = other_seed(trial)
    true = recorded(trial.run)["config"]

    losses = recorded(trial.run)["results"]["curves"]["train"]

    def take_proofs(data: forgeries.RecordData) -> None:
        for name in PROOFS:
            if name in true:
                data["config"][name] = true[name]
        data["results"]["curves"]["train"]["loss"][0] = losses["loss"][0]

    def take_loss(checkpoint: dict[str, Any]) -> None:
        checkpoint["callbacks"]["Curve"]["train"]["loss"][0] = losses["loss"][0]

    false = copy_run(folder, trial.folder / "with-proofs", take_proofs)
    edit_checkpoint(false, take_loss)
    return false


PROOFS = ("initial_weights", "first_batch")
"""Fields of ``config`` that follow from the seed alone, and so can be taken from any true run of it."""


def changed_ulp(trial: TrialFolder) -> Path:
    """Change one weight by an ulp, and present the result as the run of another seed."""
    folder = copy_run(trial.run, trial.folder / "ulp")
    checkpoint = edit_checkpoint(folder, forgeries.change_weight_by_an_ulp)
    copy_run(folder, trial.folder / "weights", forgeries.state_weights(checkpoint))
    return copy_run(trial.folder / "weights", trial.folder / "false", forgeries.state_seed(1))


def other_checkpoint(trial: TrialFolder) -> Path:
    """Put a checkpoint of other weights beside the record."""
    folder = copy_run(trial.run, trial.folder / "false")
    edit_checkpoint(folder, lambda checkpoint: [one.mul_(2) for one in checkpoint["state_dict"].values()])
    return folder


def edited_curves(trial: TrialFolder) -> Path:
    """Edit the learning curve in the record and in the checkpoint."""
    folder = copy_run(trial.run, trial.folder / "false", raise_early_loss)
    loss = recorded(folder)["results"]["curves"]["train"]["loss"][0]

    def change(checkpoint: dict[str, Any]) -> None:
        checkpoint["callbacks"]["Curve"]["train"]["loss"][0] = loss

    edit_checkpoint(folder, change)
    return folder


def no_such_plugin(trial: TrialFolder) -> Path:
    """Name an architecture that does not exist, and write the stamp of a second training by hand."""

    def change(data: forgeries.RecordData) -> None:
        data["config"]["architecture"] |= {"name": "ghost", "class": "ghost:Net", "distribution": "ghost"}
        data["config"]["options"]["arch"]["name"] = "ghost"

    return copy_run(trial.run, trial.folder / "false", change)


def executed_checkpoint(trial: TrialFolder) -> Path:
    """Put a pickle that runs a command beside the record."""
    folder = copy_run(trial.run, trial.folder / "false")
    mark = trial.folder / "executed"
    call(trial.site, cheat_runs.write_hostile_checkpoint, folder, mark)
    return folder


def judge_that_nothing_ran(trial: TrialFolder, path: Path) -> Findings:
    """Verify a record, and report whether the command in its checkpoint was run."""
    findings = judge_by_verification(trial, path)
    if (trial.folder / "executed").exists():
        return dataclasses.replace(findings, wrong={**findings.wrong, "execution": "the checkpoint ran a command"})
    return findings


def stripped_proofs(trial: TrialFolder) -> Path:
    """Leave out every optional field that proves something, as the record of an older seqbench."""

    def strip(data: forgeries.RecordData) -> None:
        for name in (*PROOFS, "sources"):
            data["config"].pop(name, None)

    return copy_run(trial.run, trial.folder / "false", strip)


def other_weights(trial: TrialFolder) -> Path:
    """Present weights of a training five times as long as the weights of the recorded training."""
    longer = {"optim": {**OPTIM, "steps": 300, "validate_every": 100}}
    run = Path(call(trial.site, cheat_runs.train, "gru", trial.folder / "runs", longer))
    folder = copy_run(trial.run, trial.folder / "false")
    call(trial.site, cheat_runs.adopt_weights, folder, run)
    return folder


def negative_likelihood(trial: TrialFolder) -> Path:
    """State a negative log-likelihood below 0."""
    run = trial.train("gru", task=trial.write_tunes(), arch={"d_model": 8})
    return copy_run(run, trial.folder / "false", forgeries.state_score(-5.0, "nll_per_frame"))


RECORD_TRIALS = (
    Trial(1, "checksum left", edited_text, "caught", "record", "edited after it was written"),
    Trial(2, "JSON alone", edited(raise_test_score, alone=True), "caught", REQUEST, "scores was not checked"),
    Trial(3, "with its checkpoint", edited(raise_test_score), "caught", "scores", r"test.accuracy is recorded as"),
    Trial(4, "rate of the grid", edited(forgeries.state_rate_of_the_grid), "caught", "configuration", "digest"),
    Trial(5, "in config", edited(replace_value("config", "seed", value=7)), "caught", "configuration", "seed"),
    Trial(
        5,
        "in options",
        edited(replace_value("config", "options", "seed", value=7)),
        "caught",
        "configuration",
        "digest",
    ),
    Trial(6, "rewritten", other_seed, "caught", "start", "first training batch"),
    Trial(6, "another processor", other_seed_elsewhere, "caught", "start", "first training batch"),
    Trial(7, "one ulp", changed_ulp, "caught", "start", "first training batch"),
    Trial(8, "digest", edited(replace_value("results", "weights", value="0" * 64)), "caught", "weights", "weights"),
    Trial(8, "checkpoint", other_checkpoint, "caught", "weights", "results.weights"),
    Trial(9, "record", edited(raise_early_loss), "caught", "weights", "curves.train.loss"),
    Trial(10, "costs and versions", edited(forgeries.invent_costs), "named", TRUST, "submitter's word"),
    Trial(10, "parameters", edited(forgeries.invent_parameters), "caught", "size", "config.parameters"),
    Trial(18, "no such plug-in", no_such_plugin, "caught", REQUEST, "was not checked"),
    Trial(19, "accuracy 1e20", edited(forgeries.state_score(1e20), alone=True), "caught", "record", "best possible"),
    Trial(19, "likelihood of -5", negative_likelihood, "caught", "record", "below 0|lowest possible"),
    Trial(20, "invented", edited(forgeries.invent_divergence, alone=True), "caught", REQUEST, "not checked"),
    Trial(20, "trained again", edited(forgeries.invent_divergence, True), "caught", "retrain", "", judge_by_second_run),
    Trial(23, "proofs of the stated seed", other_seed_with_its_proofs, "named", TRUST, "second run"),
    Trial(23, "trained again", other_seed_with_its_proofs, "caught", "retrain", "", judge_by_second_run),
    Trial(24, "record and checkpoint", edited_curves, "caught", "start", "trained again"),
    Trial(24, "trained again", edited_curves, "caught", "retrain", "curves.train", judge_by_second_run),
    Trial(25, "longer training", other_weights, "named", TRUST, "second run"),
    Trial(25, "trained again", other_weights, "caught", "retrain", "", judge_by_second_run),
    Trial(26, "pickle", executed_checkpoint, "caught", "weights", "does not fit", judge_that_nothing_ran),
    Trial(27, "as an old record", stripped_proofs, "caught", REQUEST, "not checked"),
)
"""Trials in the order of the table."""
