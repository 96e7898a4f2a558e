"""A small run and its record, with changes that a check must find."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seqbench import verification
from seqbench.datamodules import loading
from seqbench.protocol import records
from seqbench.protocol.config import RunConfig
from seqbench.running import reload, run_config
from seqbench.running.run_request import RunRequest
from seqbench.verification import second_run, verify
from seqbench.verification.record_subject import Subject

TASK = {"name": "parity", "samples": 20, "max_length": 8, "probe_lengths": [10, 20], "probe_samples": 16}
OPTIM = {"steps": 60, "batch_size": 8, "validate_every": 20, "lr": 2e-3}
NET_CHECKS = ["scores", "predictions", "fresh test", "causality", "consistency"]
"""Checks that need the net with the weights that were scored."""
CHECKS = ["record", "card", "configuration", "sources", "size", "lines", "start", "weights", *NET_CHECKS]
REBUILT = ["configuration", "sources", "size", "lines", "start", *NET_CHECKS]
"""Checks that need the configuration rebuilt; the digest of the weights is checked without it."""

RecordData = dict[str, Any]
"""A record as JSON, which the tests change at any place."""


def resolve(**changes: object) -> RunConfig:
    """Return the configuration of the small run with changes."""
    data = {"arch": {"name": "gru", "d_model": 8}, "task": TASK, "tier": "smoke", "optim": OPTIM, "logger": "none"}
    return run_config.resolve_config(RunRequest.from_mapping({**data, **changes}))


def edit_record(folder: Path, change: Callable[[RecordData], object]) -> None:
    """Change a record and write it with the checksum of its new contents, as a forger would."""
    data = json.loads((folder / records.NAME).read_text())
    change(data)
    records.build_record(data["results"], data["measured"], data["config"]).write(folder)


def replace_value(*path: str, value: object) -> Callable[[RecordData], None]:
    """Return a change of one value of a record."""

    def change(data: RecordData) -> None:
        for key in path[:-1]:
            data = data[key]
        assert data[path[-1]] != value
        data[path[-1]] = value

    return change


def check_alone(name: str, folder: Path, blind: Any = None) -> verify.Check:
    """Return the result of one check, without the processes of a net.

    Args:
        name: name of the check.
        folder: the run's folder.
        blind: an object with the scores that earlier checks compute.
    """
    record = records.read_record(folder)
    subject = Subject(folder, record, 1e-6)
    subject.config = reload.recorded_config(record)
    subject.data, subject.blind = loading.build_datamodule(subject.config), blind
    check = {**verification.CHECKS, "retrain": second_run.check_second_run}[name]
    return verify._run_check(name, check, subject)


def states(report: verify.Report) -> dict[str, str]:
    return {check.name: check.state for check in report.checks}


def wrong(report: verify.Report) -> dict[str, str]:
    """Return the messages of the checks that found the record wrong."""
    return {check.name: check.message for check in report.checks if check.state == "wrong"}


def message_of(report: verify.Report, name: str) -> str:
    """Return the message of a check."""
    return next(check.message for check in report.checks if check.name == name)


def skipped(report: verify.Report, names: list[str]) -> str:
    """Check that only these checks were skipped and no check failed; return the first message of a skipped one."""
    assert wrong(report) == {}
    assert report.names("skipped") == names
    assert report.verdict == f"Nothing is wrong; not checked: {', '.join(names)}."
    return next(check.message for check in report.checks if check.state == "skipped")


def raise_test_score(data: RecordData) -> None:
    data["results"]["metrics"]["test"]["accuracy"]["value"] += 0.01


def raise_probe_score(data: RecordData) -> None:
    data["results"]["lengths"]["accuracy"][0] += 1 / 16


def raise_best_validation(data: RecordData) -> None:
    """Raise the best validation score, in the curve too."""
    results = data["results"]
    curve = results["curves"]["validation"]
    row = curve["step"].index(results["best_step"])
    curve["accuracy"][row] += 0.01
    results["metrics"]["validation"]["accuracy"]["value"] += 0.01


def raise_early_loss(data: RecordData) -> None:
    """Raise the loss before the best step, which changes no score."""
    data["results"]["curves"]["train"]["loss"][0] += 0.1


def change_best_step(data: RecordData) -> None:
    results = data["results"]
    results["best_step"] = next(x for x in results["curves"]["validation"]["step"] if x != results["best_step"])


def negate_above_chance(data: RecordData) -> None:
    data["results"]["above_chance"] = not data["results"]["above_chance"]


def remove_last_validation(data: RecordData) -> None:
    for column in data["results"]["curves"]["validation"].values():
        del column[-1]


def change_learning_rate(data: RecordData) -> None:
    """Record another learning rate of the grid, which modifies nothing, with its digest."""
    changed = resolve(optim={**OPTIM, "lr": 5e-3})
    data["config"]["options"]["optim"]["lr"] = 5e-3
    data["config"] |= {"digest": changed.digest(), "modified": changed.modified()}


def raise_final_validation(data: RecordData) -> None:
    """Raise the validation score of the best step, but not the curve."""
    data["results"]["metrics"]["validation"]["accuracy"]["value"] += 0.01


def check_change_is_found(folder: Path, change: Callable[[RecordData], None], failing: set[str]) -> None:
    """Change a record, and check that the named checks find it wrong."""
    edit_record(folder, change)
    report = verify.verify_record(folder)
    # Which step is the best, and so whether another check fails too, may depend on the processor.
    assert failing <= set(wrong(report)), wrong(report)
    assert len(wrong(report)) <= 3
    assert not report.ok
    assert report.verdict.startswith("WRONG in ")
