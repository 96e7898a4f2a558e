"""The attempts to get a false score onto a board: what each one does, and the trials that make it."""

from __future__ import annotations

from collections.abc import Mapping

from tests.verification.plugin_trials import PLUGIN_TRIALS
from tests.verification.record_trials import RECORD_TRIALS
from tests.verification.request_trials import REQUEST_TRIALS
from tests.verification.trials import Trial

ATTEMPTS: Mapping[int, str] = {
    1: "score edited, checksum left",
    2: "score edited, checksum computed again, record without its checkpoint",
    3: "the same, with its checkpoint",
    4: "learning rate edited",
    5: "seed edited in one place",
    6: "run of another seed as seed 0, rewritten throughout (the best of many)",
    7: "one weight changed by an ulp, given as another seed",
    8: "digest of the weights edited, or another checkpoint",
    9: "training curve edited",
    10: "tuning, costs, device, commit, versions invented",
    11: "trained on the test split by altered code of seqbench outside of git",
    12: "`causal = True`, and the net reads the future in `forward` or `unroll`",
    13: "the future leaks through the state, from the n-th call on, or in some sequences",
    14: "the plug-in patches metrics, losses, checkpoints or seqbench's own modules at import",
    15: "targets read from the stack, from all objects, from a global, or from the memory of another process",
    16: "the net detects an evaluation by its mode, batch size, time or order, or keeps earlier batches",
    17: "the net has memorised the test split, or reads the data folder",
    18: "plug-in that does not exist, with a stamp of a second training that was written by hand",
    19: "values beyond the best possible, or below 0 for a likelihood",
    20: "invented `diverged` records of a rival",
    21: "a request that changes `verify` itself",
    22: "a seed hidden in an option of a plug-in (the best of many)",
    23: "as 6, with the digests and the first losses of a true run of seed 0",
    24: "training curve edited in the record and in the checkpoint",
    25: "weights of another training (longer, other data) as those of the recorded one",
    26: "checkpoint whose pickle runs a command",
    27: "proofs left out, as in the record of an older seqbench",
    28: "the two processes of the net share a file, a socket or memory",
    29: "child that outlives the verification, or a signal to the process that verifies",
    30: "outputs that are not finite, of wrong shape, never, or messages that imitate the protocol",
    31: "random outputs, until a verification is lucky",
    32: "the future in amounts that pass for rounding, which the head multiplies by a million",
    33: "other rows of the batch, which hold the next part of a text",
    34: "a distribution with start-up code (`.pth`), which Python runs in each process",
    35: "trained weights shipped in the package of the plug-in",
    36: "a module with training of its own that trains on the test split",
    37: "a solution of the task that was written by hand, as a net",
    38: "a plug-in that claims the initial weights of another seed",
}
"""What is attempted, by number; 1 to 22 are those of the review that led to blind verification."""

TRIALS: tuple[Trial, ...] = tuple(
    sorted((*RECORD_TRIALS, *PLUGIN_TRIALS, *REQUEST_TRIALS), key=lambda trial: trial.attempt)
)
"""All trials, in the order of the attempts."""
