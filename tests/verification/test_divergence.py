from __future__ import annotations

import pytest

from seqbench.protocol.records import Record
from seqbench.utils.errors import SeqbenchError
from seqbench.verification.divergence import require_consistent_divergence
from tests.leaderboard.kit import example_record
from tests.record_data import changed_record


def diverged(reason: str | None, trained: int = 0, validated: int = 0) -> Record:
    """Return the record of a run of 4,000 steps, validated every 500, whose curves end at these steps."""
    record = example_record(status="diverged", reason=reason)
    train = list(range(50, trained + 1, 50))
    steps = list(range(500, validated + 1, 500))
    curves = {
        "train": {"step": train, "loss": [1.0] * len(train)},
        "validation": {"step": steps, "accuracy": [0.5] * len(steps)},
    }
    return changed_record(record, "results.curves", curves)


@pytest.mark.parametrize(
    ("reason", "trained", "validated"),
    [
        ("the training loss is nan at step 3", 0, 0),
        ("the training loss is inf at step 50", 0, 0),
        ("the training loss is nan at step 1010", 1000, 1000),
        ("validation loss is nan at step 1000", 1000, 500),
        ("test accuracy is nan with the weights of step 1500", 4000, 4000),
        ("length-20 loss is inf with the weights of step 500", 4000, 4000),
    ],
)
def test_the_reason_of_a_run_fits_its_curves(reason: str, trained: int, validated: int) -> None:
    require_consistent_divergence(diverged(reason, trained, validated))


@pytest.mark.parametrize(
    ("reason", "trained", "validated", "says"),
    [
        (None, 0, 0, "which no run states"),
        ("the loss is nan", 0, 0, "which no run states"),
        ("the training loss is 5 at step 3", 0, 0, "which no run states"),
        ("the training loss is nan at step 0", 0, 0, "the steps 1 to 4000"),
        ("the training loss is nan at step 9000", 0, 0, "the steps 1 to 4000"),
        ("the training loss is nan at step 3000", 0, 0, "its curves end at the steps 0"),
        ("the training loss is nan at step 500", 1000, 500, "its curves end at the steps 1000"),
        ("the training loss is nan at step 1010", 1000, 0, "and 0 "),
        ("validation loss is nan at step 1010", 1000, 1000, "its curves end"),
        ("validation loss is nan at step 1000", 1000, 1000, "its curves end"),
        ("test accuracy is nan with the weights of step 1500", 1000, 1000, "ends at step 1000 of 4000"),
    ],
)
def test_a_reason_that_contradicts_the_curves_is_wrong(
    reason: str | None, trained: int, validated: int, says: str
) -> None:
    with pytest.raises(SeqbenchError, match=says):
        require_consistent_divergence(diverged(reason, trained, validated))
