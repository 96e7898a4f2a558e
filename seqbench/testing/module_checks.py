"""Checks of a module that brings its own training, in small runs of seqbench on a CPU."""

from __future__ import annotations

import random

import numpy as np
import torch

from seqbench.models.weights import count_parameters
from seqbench.testing.module_subject import STEPS, ModuleSubject, SmallRun
from seqbench.testing.report import Failure, describe_error, expect
from seqbench.utils.plain_data import json_digest

STOPPED_AT = (3, 5)
"""Steps after which the check of resumption stops a run: before and after its first validation."""


def check_module_trains(subject: ModuleSubject) -> None:
    """A run of a few steps ends with the status ok, and its training changes the weights."""
    run = subject.first_run
    _require_ok(run, "a run")
    initial = subject.build_module(subject.training_options).state_dict()
    changed = any(not torch.equal(initial[name], value) for name, value in run.last.items() if name in initial)
    expect(changed, f"no weight changed in {STEPS} steps; let training_step or an optimiser change them.")


def check_module_initialization_seeded(subject: ModuleSubject) -> None:
    """The seed of the run decides all initial weights, also those of the module's own parts."""
    first, second = (subject.build_module().state_dict() for _ in range(2))
    different = [name for name, value in first.items() if not torch.equal(value, second[name])]
    expect(
        not different,
        f"two modules with one seed differ in {', '.join(different)}; draw from PyTorch's generator only.",
    )


def check_module_training_seeded(subject: ModuleSubject) -> None:
    """Two runs with one seed give the same results, whatever random numbers were drawn before."""
    first = subject.first_run
    _require_ok(first, "a run")
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        torch.manual_seed(99)
        np.random.seed(99)
        random.seed(99)
        second = subject.run()
    finally:
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])
        random.setstate(states[2])
    _expect_equal(
        first, second, "two runs with one seed", "draw random numbers in training from PyTorch's generator only"
    )


def check_module_resumable(subject: ModuleSubject) -> None:
    """A run that is stopped and resumed gives the results and the weights of a run that was not stopped."""
    whole = subject.first_run
    _require_ok(whole, "a run")
    for step in STOPPED_AT:
        resumed = subject.run(stop_after=step)
        _require_ok(resumed, f"a run that was stopped after step {step} and resumed")
        _expect_equal(
            whole,
            resumed,
            f"a run, and one that was stopped after step {step} and resumed,",
            "keep what training changes in parameters, buffers, optimisers or schedules of configure_optimizers, or "
            "save it in on_save_checkpoint",
        )


def check_module_state_dict_complete(subject: ModuleSubject) -> None:
    """The best checkpoint, loaded into a new module, gives the validation scores that the run has recorded."""
    run = subject.first_run
    _require_ok(run, "a run")
    curve = run.results.curves.validation
    row = curve["step"].index(run.results.best_step or 0)
    scores = subject.validate(run.best)
    wrong = [name for name, value in scores.items() if not _is_close(curve[name][row], value)]
    expect(
        not wrong,
        f"a new module with the weights of the best checkpoint has another validation {', '.join(wrong)}; what decides "
        f"outputs must be a parameter or a saved buffer, and must not be changed for evaluation alone.",
    )


def check_module_learning_rates(subject: ModuleSubject) -> None:
    """A run with a tenth of the learning rate ends with the status ok, as tuning requires."""
    _require_ok(subject.run(rate=0.1), "a run with a tenth of the learning rate")


def check_module_meta_device(subject: ModuleSubject) -> None:
    """The module can be built on the meta device, where ``--match-params`` counts its parameters."""
    count = count_parameters(subject.build_module())
    try:
        with torch.device("meta"):
            meta = count_parameters(subject.build_module())
    # The class may raise any error there.
    except Exception as error:
        raise Failure(
            f"building on the meta device raised {describe_error(error)}; read no values of tensors in __init__."
        ) from error
    expect(meta == count, f"there are {meta} parameters on the meta device and {count} on a CPU; build the same parts.")


def _require_ok(run: SmallRun, what: str) -> None:
    expect(
        run.results.status == "ok",
        f"{what} of {STEPS} steps ended with the status {run.results.status}: {run.results.reason}.",
    )


def _expect_equal(one: SmallRun, other: SmallRun, what: str, advice: str) -> None:
    """Expect the same results and the same weights in the checkpoints of two runs.

    Args:
        one: a run.
        other: another run.
        what: name of the two runs.
        advice: what to do if they differ.
    """
    pairs = [(one.best, other.best)]
    if one.last_step == other.last_step:
        pairs.append((one.last, other.last))
    different = [name for a, b in pairs for name, value in a.items() if not torch.equal(value, b[name])]
    results = json_digest(one.results.to_dict()) == json_digest(other.results.to_dict())
    found = f"in {', '.join(different[:3])}" if different else "in their losses or scores"
    expect(not different and results, f"{what} differ {found}; {advice}.")


def _is_close(recorded: float | None, value: float | None) -> bool:
    """Return whether two scores agree to rounding; an undefined score agrees with an undefined one only."""
    if recorded is None or value is None:
        return recorded is value
    return abs(recorded - value) <= 1e-6 * max(1.0, abs(value))
