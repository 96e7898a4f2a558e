"""False records that are made from a true run by editing files, as a submitter could."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from seqbench.models.weights import state_digest
from seqbench.protocol import records, run_folder
from tests.verification.helpers import OPTIM, RecordData, edit_record, replace_value, resolve

Change = Callable[[RecordData], object]


def copy_run(run: Path, target: Path, change: Change | None = None, alone: bool = False) -> Path:
    """Copy a run and change its record, with the checksum of its new contents; return the path of the false record.

    Args:
        run: folder of the true run.
        target: new folder.
        change: change of the record; None to leave it.
        alone: whether the record is copied without its checkpoint.
    """
    if alone:
        target.mkdir(parents=True)
        shutil.copy(run / records.NAME, target)
    else:
        shutil.copytree(run, target)
    if change is not None:
        edit_record(target, change)
    return target


def edit_text(folder: Path, change: Change) -> Path:
    """Change a record and leave its checksum as it was."""
    file = folder / records.NAME
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data))
    return folder


def edit_checkpoint(folder: Path, change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Change the checkpoint of a run and return it; the values of a checkpoint have any type."""
    path = folder / run_folder.BEST
    checkpoint: dict[str, Any] = torch.load(path, weights_only=True)
    change(checkpoint)
    torch.save(checkpoint, path)
    return checkpoint


def change_weight_by_an_ulp(checkpoint: dict[str, Any]) -> None:
    """Replace the first weight by the next number of its type."""
    weights = next(one for one in checkpoint["state_dict"].values() if one.is_floating_point())
    weights.view(-1)[0] = torch.nextafter(weights.view(-1)[0], torch.tensor(torch.inf))


def state_seed(seed: int) -> Change:
    """Return a change that states another seed wherever a record states one, with the digest of these options."""

    def change(data: RecordData) -> None:
        data["config"]["seed"] = data["config"]["options"]["seed"] = seed
        data["config"]["digest"] = resolve(seed=seed).digest()

    return change


def state_seed_in_options(data: RecordData) -> None:
    """State another seed among the options alone."""
    data["config"]["options"]["seed"] = 7


def state_weights(checkpoint: dict[str, Any]) -> Change:
    """Return a change that states the digest of the weights of a checkpoint."""
    return replace_value("results", "weights", value=state_digest(checkpoint["state_dict"]))


def state_rate_of_the_grid(data: RecordData) -> None:
    """State another learning rate of the grid, and leave the digest."""
    data["config"]["options"]["optim"]["lr"] = OPTIM["lr"] * 1.5


def invent_costs(data: RecordData) -> None:
    """Invent times, memory, device, commit, versions and tuning."""
    data["measured"] |= {"seconds": 0.5, "training_seconds": 0.4, "tokens_per_second": 1e9, "peak_memory_bytes": 1000}
    data["measured"]["device"] = "a pocket calculator"
    data["config"]["packages"]["torch"] = "9.9.9"
    data["config"]["git_commit"] = "0" * 40
    trial = {"lr": 0.002, "value": 0.9, "status": "ok", "run": "a run"}
    tuning = {"seed": records.TUNING_SEED, "split": "validation", "metric": "accuracy", "tried": [trial], "lr": 0.002}
    data["config"]["tuning"] = tuning


def name_another_processor(data: RecordData) -> None:
    """State a processor with other instructions, so that a difference may count as rounding."""
    data["measured"]["processor"] |= {"name": "another processor", "capability": "NO AVX"}


def invent_parameters(data: RecordData) -> None:
    """State a smaller number of parameters, which the board shows as a cost."""
    data["config"]["parameters"] = data["config"]["parameters"] // 2


def invent_divergence(data: RecordData) -> None:
    """Turn the record of a run that ended well into one that diverged."""
    results = data["results"]
    kept = {
        "curves": {"train": {}, "validation": {}},
        "status": "diverged",
        "reason": "the training loss is nan at step 3",
    }
    results.clear()
    results.update(kept)


def state_score(value: float, metric: str = "accuracy") -> Change:
    """Return a change that states another test score."""
    return replace_value("results", "metrics", "test", metric, "value", value=value)
