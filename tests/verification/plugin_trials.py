"""Trials of the plug-ins in ``cheats``, and of altered code of seqbench itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import seqbench
from tests.verification import cheat_runs
from tests.verification.cheat_runs import PACKAGE, call
from tests.verification.forgeries import copy_run
from tests.verification.helpers import OPTIM, TASK, RecordData
from tests.verification.trials import Findings, Trial, TrialFolder, judge_by_second_run, judge_by_verification

TRUST = "docs/trust.md"
WEAK = {"optim": {**OPTIM, "steps": 20, "validate_every": 10, "lr": 1e-3}}
"""Training after which a net is at chance on parity."""
FAST = {"optim": {**OPTIM, "lr": 1e-2}}
"""Training in which a head learns to read what the hidden vectors state."""

AHEAD = "causality or consistency"
"""Checks that compare two processes; the first one of them says that the net reads later inputs."""

Make = Callable[[TrialFolder], Path]


def on_parity(cheat: str, changes: dict[str, Any] = WEAK) -> Make:
    """Return a function that trains a cheat on parity."""
    return lambda trial: trial.train(cheat, **changes)


def on_tunes(cheat: str) -> Make:
    """Return a function that trains a cheat to predict the next frame of pieces, which are whole sequences."""
    return lambda trial: trial.train(cheat, task=trial.write_tunes(), arch={"d_model": 96}, **FAST)


def on_text(cheat: str) -> Make:
    """Return a function that trains a cheat to predict the next character of a text, which is read in chunks."""
    return lambda trial: trial.train(cheat, task=trial.write_text(), arch={"d_model": 32}, **FAST)


def small_amounts(trial: TrialFolder) -> Path:
    """Train a net that reads the next input in full, then divide the input and multiply the head by a million."""
    folder = on_tunes("future_in_small_amounts")(trial)
    call(trial.site, cheat_runs.scale_head, folder, 1e6)
    return folder


def memorised(cheat: str) -> Make:
    """Return a function that trains a cheat that knows the answers of all evaluation splits of parity."""

    def make(trial: TrialFolder) -> Path:
        (trial.site.package / "task.json").write_text(json.dumps({"task": TASK, **FAST}))
        if cheat == "memorised_in_package":
            call(trial.site, cheat_runs.write_answers)
        return trial.train(cheat, **FAST)

    return make


def weights_in_package(trial: TrialFolder) -> Path:
    """Ship trained weights, and present a training that starts from them."""
    trained = trial.train("honest", **FAST)
    call(trial.site, cheat_runs.write_backbone, trained, trial.site.package / "weights.pt")
    return trial.train("weights_in_package", **WEAK)


def false_description(trial: TrialFolder) -> Path:
    """Present the run of seed 5 as that of seed 0, by a plug-in that claims the initial weights of seed 0."""
    true = cheat_runs.recorded(trial.train("false_description", seed=0))["config"]
    (trial.site.package / "digest.txt").write_text(str(true.get("initial_weights", "")))
    run = trial.train("false_description", seed=5)

    def state_seed(data: RecordData) -> None:
        data["config"] |= true

    return copy_run(run, trial.folder / "false", state_seed)


def altered_seqbench(trial: TrialFolder) -> Path:
    """Train on the test split with an altered copy of seqbench outside of git."""
    package = trial.folder / "altered" / "seqbench"
    shutil.copytree(Path(seqbench.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    module = package / "datamodules" / "parity.py"
    text = module.read_text()
    start = "    def stream(self, split: str, step: int) -> Batch:\n"
    change = "        split, step = ('test', step % 2) if split == 'train' else (split, step)\n"
    assert start in text
    module.write_text(text.replace(start, start + change, 1))
    shutil.copytree(Path(seqbench.__file__).parents[1] / "tasks", package / "_data" / "tasks")
    code = (
        "import sys; from pathlib import Path; from tests.verification import cheat_runs;"
        "print(cheat_runs.train('gru', Path(sys.argv[1]), {}))"
    )
    paths = [str(package.parent), str(Path(__file__).resolve().parents[2])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-c", code, str(trial.folder / "runs")]
    done = subprocess.run(command, env=environment, cwd=trial.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.split()[-1])


def altered_memory(trial: TrialFolder) -> Path:
    """Train on the test split with seqbench altered in memory alone, so that its files have the true digests."""
    return Path(call(trial.site, cheat_runs.train_on_test, trial.folder / "runs"))


def start_up_code(trial: TrialFolder) -> Path:
    """Install a file beside the plug-in that Python runs in each process, which patches the metrics."""
    files = {
        "cheats.pth": "import seqbench_cheats_start\n",
        "seqbench_cheats_start.py": "import os\nos.environ['CHEATS_STARTED'] = '1'\n",
    }
    for name, text in files.items():
        (trial.site.folder / name).write_text(text)
    info = next(trial.site.folder.glob("seqbench_cheats-*.dist-info"))
    package = [f"{PACKAGE}/{path.name}" for path in trial.site.package.glob("*.py")]
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in [*files, *package]))
    return trial.train("start_up_code", **WEAK)


def judge_survivors(trial: TrialFolder, path: Path) -> Findings:
    """Verify a record, and report a child of the net that is still there."""
    findings = judge_by_verification(trial, path)
    names = [one.read_text().strip() for one in Path("/proc").glob("[0-9]*/comm") if one.exists()]
    if "cheats-child" in names:
        return Findings({**findings.wrong, "survivors": "a child of the net outlived the verification"}, findings.notes)
    return findings


def judge_in_little_time(trial: TrialFolder, path: Path) -> Findings:
    """Verify a record with a short limit for each answer of the net."""
    return judge_by_verification(trial, path, request_seconds=3.0)


def tried_options(trial: TrialFolder) -> Path:
    """Try three values of an option that is a seed, and present the best."""
    runs = [trial.train("hidden_seed", arch={"d_model": 8, "variant": variant}, **WEAK) for variant in range(3)]
    return max(runs, key=lambda run: cheat_runs.recorded(run)["results"]["metrics"]["test"]["accuracy"]["value"])


PLUGIN_TRIALS = (
    Trial(11, "files", altered_seqbench, "caught", "start", "first training batch"),
    Trial(11, "in memory", altered_memory, "caught", "start", ""),
    Trial(11, "in memory, trained again", altered_memory, "caught", "retrain", "", judge_by_second_run),
    Trial(12, "future_in_forward", on_tunes("future_in_forward"), "caught", AHEAD),
    Trial(12, "future_in_unroll", on_text("future_in_unroll"), "caught", AHEAD),
    Trial(13, "future_in_state", on_tunes("future_in_state"), "caught", AHEAD),
    Trial(13, "future_from_nth_call", on_tunes("future_from_nth_call"), "caught", f"scores or {AHEAD}"),
    Trial(13, "future_in_some_rows", on_tunes("future_in_some_rows"), "caught", f"scores or {AHEAD}"),
    Trial(14, "patched_compute", on_parity("patched_compute"), "caught", "scores", "accuracy"),
    Trial(14, "patched_torchmetrics", on_parity("patched_torchmetrics"), "caught", "scores", ""),
    Trial(14, "patched_sums", on_parity("patched_sums"), "caught", "scores", "accuracy"),
    Trial(14, "patched_cross_entropy", on_parity("patched_cross_entropy"), "caught", "scores", "loss"),
    Trial(14, "patched_argmax", on_parity("patched_argmax"), "caught", "scores", "accuracy"),
    Trial(14, "patched_load", on_parity("patched_load"), "caught", "weights", "results.weights"),
    Trial(14, "patched_verification", on_parity("patched_verification"), "no effect"),
    Trial(14, "replaced_evaluation", on_parity("replaced_evaluation"), "caught", "scores", "accuracy"),
    Trial(15, "targets_from_stack", on_parity("targets_from_stack", FAST), "caught", "scores", ""),
    Trial(15, "targets_from_inspect", on_parity("targets_from_inspect", FAST), "caught", "scores", ""),
    Trial(15, "targets_from_gc", on_parity("targets_from_gc", WEAK), "caught", "scores", ""),
    Trial(15, "targets_from_global", on_parity("targets_from_global", FAST), "caught", "scores", ""),
    Trial(15, "targets_from_memory", on_parity("targets_from_memory"), "no effect"),
    Trial(16, "future_in_evaluation", on_tunes("future_in_evaluation"), "caught", AHEAD),
    Trial(16, "future_after_a_time", on_tunes("future_after_a_time"), "caught", f"scores or {AHEAD}"),
    Trial(16, "future_in_known_order", on_tunes("future_in_known_order"), "caught", f"scores or {AHEAD}"),
    Trial(16, "earlier_batches", on_text("earlier_batches"), "caught", f"scores or {AHEAD}"),
    Trial(17, "memorised_test_split", memorised("memorised_test_split"), "caught", "fresh test"),
    Trial(17, "memorised_in_package", memorised("memorised_in_package"), "caught", "fresh test"),
    Trial(17, "memorised_data_folder", on_parity("memorised_data_folder"), "no effect"),
    Trial(22, "best of three options", tried_options, "impossible", TRUST, "seed"),
    Trial(28, "file", on_parity("answers_in_a_file"), "no effect"),
    Trial(28, "socket", on_parity("opened_socket"), "no effect"),
    Trial(29, "child", on_parity("surviving_child"), "no effect", judge=judge_survivors),
    Trial(29, "signal", on_parity("killed_parent"), "no effect"),
    Trial(30, "nan", on_parity("nan_outputs"), "caught", "scores", "finite"),
    Trial(30, "inf", on_parity("inf_outputs"), "caught", "scores", "finite"),
    Trial(30, "shapes", on_parity("wrong_shapes"), "caught", "scores", "shape"),
    Trial(30, "messages", on_parity("hostile_messages"), "caught", "scores", ""),
    Trial(30, "exit", on_parity("exits"), "caught", "scores", "ended with exit status 0"),
    Trial(30, "endless", on_parity("endless_evaluation"), "caught", "scores", "", judge_in_little_time),
    Trial(31, "random outputs", on_parity("random_outputs"), "caught", "scores", ""),
    Trial(32, "small amounts", small_amounts, "caught", AHEAD),
    Trial(33, "rows of the batch", on_text("rows_of_the_batch"), "caught", AHEAD),
    Trial(34, "start-up code", start_up_code, "caught", "sources", "pth"),
    Trial(35, "weights in the package", weights_in_package, "named", TRUST, "initial weights"),
    Trial(36, "trained on test", on_parity("trained_on_test", FAST), "named", TRUST, "training of its own"),
    Trial(37, "solved by hand", on_parity("solved_by_hand", FAST), "impossible", TRUST, "written for the task"),
    Trial(38, "false description", false_description, "caught", "start", "curves.train.loss"),
)
"""Trials in the order of the table."""
