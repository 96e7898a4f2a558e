from __future__ import annotations

import pytest

from seqbench.protocol.splits import SCORED_SPLITS, SPLITS
from seqbench.utils.errors import SeqbenchError
from tests.record_data import complete_record


def test_training_data_are_not_scored() -> None:
    assert {*SPLITS} - {*SCORED_SPLITS} == {"train"}


def test_a_record_has_scores_of_scored_splits_alone() -> None:
    for split in SCORED_SPLITS:
        assert complete_record({"metrics": {split: {}}}).results.metrics == {split: {}}
    with pytest.raises(SeqbenchError, match="metrics has the unknown key 'train'"):
        complete_record({"metrics": {"train": {}}})
